/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and looking up roles. */
#include "roles.h"

#include <string.h>

bool role_read(const char *text, struct role *role)
{
    *role = (struct role){.vf = 0};
    if (!text)
        return false;
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    const char *end = text + length;
    if (length < 1 || length > ROLE_MAX)
        return false;
    memcpy(role->name, text, length);
    if (*end == 0)
        return true;
    if (strncmp(end, ".vf", 3) != 0 || end[3] < '1' || end[3] > '9')
        return false;
    for (const char *c = end + 3; *c; c++) {
        if (*c < '0' || *c > '9' || role->vf > 6553)
            return false;
        role->vf = role->vf * 10 + (unsigned)(*c - '0');
    }
    return role->vf <= 65535;
}

uint32_t board_functions(const struct board *board)
{
    return board->function_count < BOARD_MAX_FUNCTIONS ? board->function_count : BOARD_MAX_FUNCTIONS;
}

const struct board_function *board_role(const struct board *board, const char *name)
{
    for (uint32_t i = 0; i < board_functions(board); i++)
        if (board->functions[i].role && strcmp(board->functions[i].role, name) == 0)
            return &board->functions[i];
    return 0;
}

const struct board_function *role_find(const struct board *board, const char *text, struct role *role)
{
    const struct board_function *function = role_read(text, role) ? board_role(board, role->name) : 0;
    return function && role->vf <= function->vf.total ? function : 0;
}

bool partition_has_devices(const struct partition_spec *spec, const struct board *board)
{
    struct role role;
    for (unsigned i = 0; i < PRODUCT_MAX_DEVICES && spec->devices[i].role; i++)
        if (role_find(board, spec->devices[i].role, &role))
            return true;
    return false;
}
