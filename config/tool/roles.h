/* SPDX-License-Identifier: Apache-2.0 */
/* Roles: the names by which products ask for a board's PCI functions. */
#ifndef BULKHEAD_ROLES_H
#define BULKHEAD_ROLES_H

#include "board.h"
#include "product.h"

#define ROLE_MAX 15u /* of a board's role, without ".vfN" */

/* A role as a product writes it, "disk0" or "disk0.vf2". */
struct role {
    char name[ROLE_MAX + 1];
    unsigned vf; /* from 1; 0: the function itself */
};
/* False: not 1 to 15 of a-z, 0-9 and '-', perhaps with ".vf" and a number from 1 to 65535. */
bool role_read(const char *text, struct role *role);

/* Entries of board.functions, cut to what the array holds. */
uint32_t board_functions(const struct board *board);
const struct board_function *board_role(const struct board *board, const char *name);
/* The function that a product's text asks for; a VF: its PF. 0: the board does not have it. */
const struct board_function *role_find(const struct board *board, const char *text, struct role *role);
/* True if the board has at least one of the partition's devices. */
bool partition_has_devices(const struct partition_spec *spec, const struct board *board);

#endif
