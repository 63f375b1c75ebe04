/* SPDX-License-Identifier: Apache-2.0 */
/* GRUB's environment block, two sectors: all variables stand in the first, so that a write of them happens whole or not at all. The second
 * is GRUB's filler, all of it: where it is not, GRUB reads the block, but neither counts a start any more nor says what has started.
 *
 *     ORDER       slots in the order in which they are tried, such as "A B"
 *     A_OK        1 if it may start
 *     A_TRY       how often it has started since it was last confirmed
 *     A_VERSION   what stands in it, where an update has written it or it has been confirmed
 *     A_CONFIRMED the version in it that has been confirmed; 0: none
 *     STARTED     the slot that has started last, written by GRUB before it starts it
 *     MIN_VERSION the oldest version that this box takes; never gets smaller */
#ifndef UPDATE_ENVIRONMENT_H
#define UPDATE_ENVIRONMENT_H

#include "disk.h"

#define ENVIRONMENT_VALUE 16u

struct environment {
    char text[SECTOR];
};

/* Is this the first sector of a block whose variables all stand in it? */
bool environment_good(const struct environment *environment);
/* Is this its second one, as it has to be? */
bool environment_rest_good(const uint8_t rest[SECTOR]);
/* As it is on a new disk, for a block that is none any more. */
void environment_new(struct environment *environment);
/* A variable's value; empty if there is none, or it is too long. */
void environment_get(const struct environment *environment, const char *name, char value[ENVIRONMENT_VALUE]);
/* The same as a number: 0 if it is none. */
uint32_t environment_number(const struct environment *environment, const char *name);
/* False: there is no room. Nothing is changed then. */
bool environment_set(struct environment *environment, const char *name, const char *value);
bool environment_set_number(struct environment *environment, const char *name, uint32_t number);

#endif
