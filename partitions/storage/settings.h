/* SPDX-License-Identifier: Apache-2.0 */
/* What `storage` is told by its arguments. Pure: also tested on the host. */
#ifndef STORAGE_SETTINGS_H
#define STORAGE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#define SETTINGS_VFS 16u
#define SETTINGS_SPACES 8u /* namespaces of one */

struct spaces {
    bool named; /* in the arguments */
    uint32_t ids[SETTINGS_SPACES];
    unsigned count;
};

struct settings {
    unsigned disk;                   /* disk=N: which NVMe function, from 0 */
    uint16_t queues, interrupts;     /* queues=N, interrupts=N: for each virtual function; 2 and 2 */
    struct spaces own;               /* own=N,M */
    struct spaces vfs[SETTINGS_VFS]; /* vf1=N,M is the first: bring it online, attach these to it and to nobody else */
};

/* 0, or the first word that is not understood. A namespace that is named twice is refused: it has one owner. */
const char *settings_read(struct settings *settings, int count, char **words);

#endif
