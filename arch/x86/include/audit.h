/* SPDX-License-Identifier: Apache-2.0 */
/* Isolation audit: a second implementation, which shares no function with the builders, walks every nested table and
 * permission bitmap from its root and compares each leaf with the plan and all partitions with one another. */
#ifndef BULKHEAD_AUDIT_H
#define BULKHEAD_AUDIT_H

#include "types.h"

struct audit_result {
    unsigned partitions, cores;
    uint64_t leaves, pages, ports, msrs; /* compared */
    unsigned findings;
};

/* Walk everything. Prints one line per finding (at most 16) and nothing else. May run at any time after the seal; the tables do
 * not change then. Takes some milliseconds per GiB mapped by small pages. */
void audit_run(struct audit_result *result);

/* Vendor part (svm_audit.c): decode a raw nested entry at `level` (4 = top .. 1 = 4 KiB leaf). Independent of nested.h. */
struct audit_entry {
    bool present, leaf, write, execute, bad; /* bad: reserved or unexpected bits */
    uint64_t address;
};
struct audit_entry audit_decode(uint64_t raw, unsigned level);

/* Vendor part: the control block of core `core` as the hardware will use it. */
struct audit_control {
    uint64_t nested_root;   /* host-physical */
    const uint8_t *io_map;  /* one bit per port, 1 = exits, 65,536 + the ports that a 4-byte access can reach */
    const uint8_t *msr_map; /* vendor layout, see audit_msr_exits */
    const char *missing;    /* a must-have intercept that is not set, or 0 */
    bool idle_ok;           /* the parking control block has the same guarantees */
};
void audit_control(unsigned core, struct audit_control *control);
/* Does this MSR exit on read / write according to the bitmap? */
bool audit_msr_exits(const uint8_t *msr_map, uint32_t msr, bool write);

#endif
