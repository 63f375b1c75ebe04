/* SPDX-License-Identifier: Apache-2.0 */
/* Our own faults: a record in reserved RAM that the next boot prints. The layout is shared with host tools. */
#ifndef BULKHEAD_CRASH_H
#define BULKHEAD_CRASH_H

#include "types.h"

#define CRASH_MAGIC 0x4348534152434842ull
#define CRASH_TEXT 160u

/* Registers at the point of failure, 0 if none were saved. */
struct crash_state {
    uint64_t vector, error_code, rip, rsp, rflags, cr2, cr3;
    uint64_t regs[16];
};

struct crash_record {
    uint64_t magic;
    uint32_t version, size;
    uint64_t boot;  /* boots counted in this area */
    uint64_t valid; /* CRASH_MAGIC once complete */
    uint64_t core;
    struct crash_state state;
    uint64_t stack[16]; /* words from rsp on, where readable */
    char text[CRASH_TEXT];
    uint64_t sum; /* of all bytes before it */
};
_Static_assert(sizeof(struct crash_record) == 520, "config/tool/decode.py knows it");

/* Print the record an earlier boot left, if any, then mark the area read. Returns true if there was one. */
bool crash_report(void);
/* That record, once more; 0: there was none. */
const struct crash_record *crash_before(void);

/* End of this hypervisor's life: record, message, reset. Any core, any context including NMI. */
_Noreturn void crash(const struct crash_state *state, const char *text);
/* An invariant of ours is broken: SEP-8. */
_Noreturn void crash_here(const char *text);

#define INVARIANT(condition, text)                                                                                                 \
    do {                                                                                                                           \
        if (!(condition))                                                                                                          \
            crash_here(text);                                                                                                      \
    } while (0)

#endif
