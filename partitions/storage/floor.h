/* SPDX-License-Identifier: Apache-2.0 */
/* The oldest version that the box takes, as a counter of its TPM remembers it. A product that gives the disk's owner no TPM has none. */
#ifndef STORAGE_FLOOR_H
#define STORAGE_FLOOR_H

#include "update.h"

void floor_open(struct update_floor *least);
/* Again, where it could not be told. */
void floor_read(struct update_floor *least);
/* What runs is confirmed, and says that this version is the oldest from now on: the counter goes up by one, until it is there. */
void floor_raise(struct update_floor *least, uint64_t oldest);

#endif
