/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold whatever the input is. What is broken is said in one line, which run.py shows, and ends the target. */
#ifndef BULKHEAD_PROMISE_H
#define BULKHEAD_PROMISE_H

#include <stdio.h>
#include <stdlib.h>

#define PROMISE(condition)                                                                                                         \
    do {                                                                                                                           \
        if (!(condition)) {                                                                                                        \
            fprintf(stderr, "PROMISE broken, %s line %d: %s\n", __FILE__, __LINE__, #condition);                                   \
            abort();                                                                                                               \
        }                                                                                                                          \
    } while (0)

#endif
