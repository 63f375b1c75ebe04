/* SPDX-License-Identifier: Apache-2.0 */
/* bhupdate's options, and what it does with them. Each returns the status of the program. */
#ifndef BHUPDATE_H
#define BHUPDATE_H

#include "block.h"

enum { DONE, REFUSED, USAGE };

struct options {
    const char *disk, *staging, *trust, *bundle;
    unsigned timeout; /* seconds */
    bool status, started, confirm;
};

/* What is wrong, and with what; REFUSED. */
int refuse(const char *what, const char *why);
/* A page's alignment, CHUNK bytes; ends the program where there is none. */
void *chunk_take(void);

int disk_status(const struct options *options);
int disk_started(const struct options *options);
int disk_confirm(const struct options *options);
int disk_update(const struct options *options);

int staging_status(const struct options *options);
int staging_update(const struct options *options);

#endif
