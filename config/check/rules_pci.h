/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules of devices share. */
#ifndef BULKHEAD_RULES_PCI_H
#define BULKHEAD_RULES_PCI_H

#include "plan_devices.h"
#include "rules.h"

/* .functions[i].member of the board; `field` holds the text. */
struct place function_place(char field[FIELD_ROOM], uint32_t i, const char *member);

#define BDF "%02x:%02x.%x"
#define BDF_OF(f) (f)->bus, (f)->device, (f)->function
#define HEX(x) ((unsigned long long)(x))

#define EACH_FUNCTION(f, i, check)                                                                                                 \
    for (uint32_t i = 0; i < board_functions((check)->board); i++)                                                                 \
        for (const struct board_function *f = &(check)->board->functions[i]; f; f = 0)

#define CLASS_DISK 0x01u
#define CLASS_NETWORK 0x02u
/* Has a partition such a function? One that the board does not have counts: it is another rule's. */
bool owns_class(const struct check *check, const struct partition_spec *p, uint32_t class);

/* The hardware watchdog's entry; 0: none is listed. */
const struct board_function *board_watchdog(const struct board *board);

#endif
