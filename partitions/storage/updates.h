/* SPDX-License-Identifier: Apache-2.0 */
/* Updates of the disk that the box starts from, by its owner: bundles come in a slice, from a client that is not trusted. */
#ifndef STORAGE_UPDATES_H
#define STORAGE_UPDATES_H

#include "nvme.h"

enum updates_state {
    UPDATES_NONE,    /* the product has none: the disk is as it would be without this file */
    UPDATES_WORK,    /* slices lie in the data partition */
    UPDATES_REFUSED, /* nothing is to be served from this disk: it has been said why */
};

/* What the product table says, and what of it the disk has. *first, *sectors: where slices lie. Uses queue 1 of the disk from then on. */
enum updates_state updates_open(struct nvme *disk, uint32_t space, uint64_t *first, uint64_t *sectors);
/* What runs is too old: the one slice that may be served, perhaps with an empty name. 0: all may. */
const char *updates_only(void);
/* The slices are open: where is the one that bundles come in? */
void updates_staging(void);
/* A round. True: there is more to do at once. */
bool updates_step(void);
/* There is no disk to be opened. Comes back where it is worth another try, with a life of its own; else it waits for the time in which a version is
 * given up, and starts the box again, or stays, if that time was over before. */
void updates_without_disk(void);
/* Has the product any? Then the disk is not to be tested by writing. */
bool updates_there(void);
void updates_show(void);

#endif
