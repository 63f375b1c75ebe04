/* SPDX-License-Identifier: Apache-2.0 */
/* The slices that `storage` serves, on one namespace of its disk. */
#ifndef STORAGE_SLICES_H
#define STORAGE_SLICES_H

#include "nvme.h"

/* Find them. They lie one after the other from sector `first` on, in `sectors` of them; 0: up to the end of the namespace. *count: how many
 * the product table has. Where `only` is not 0, the others keep their places and are not served. 0, or why they cannot be served. From then on
 * queue 0 of the disk is theirs. */
const char *slices_open(struct nvme *disk, uint32_t space, uint64_t first, uint64_t sectors, const char *only, unsigned *count);
/* Where the slice with this name lies on the namespace. False: there is none. */
bool slices_find(const char *name, uint64_t *first, uint64_t *sectors);
/* A round. True: there is more to do at once. */
bool slices_step(void);
/* Halt until a client, the disk or the console has something, or until `deadline`. */
void slices_wait(uint64_t deadline);
void slices_list(void);
/* For tests: end as by a fault when the disk has done so many requests more, before the last of them is answered. 0: do not. */
void slices_die(uint32_t after);

#endif
