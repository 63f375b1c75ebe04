/* SPDX-License-Identifier: Apache-2.0 */
/* Isolation audit: a second implementation, which shares no function with the builders, walks every nested table and
 * permission bitmap from its root and compares each leaf with the plan and all partitions with one another. */
#ifndef BULKHEAD_AUDIT_H
#define BULKHEAD_AUDIT_H

#include "plan.h"
#include "types.h"

struct audit_result {
    unsigned partitions, cores;
    uint64_t leaves, pages, ports, msrs; /* compared */
    uint64_t requesters, io_leaves, interrupts;
    unsigned findings;
};

/* Walk everything. Prints one line per finding (at most 16) and nothing else. May run at any time after the seal; the tables do
 * not change then. Takes some milliseconds per GiB mapped by small pages. */
void audit_run(struct audit_result *result);

/* Parts. Count a finding: may it still be shown? */
bool audit_finding(struct audit_result *result);
/* What every requester id of the machine may do by the IOMMU's tables, and where interrupts go, against the plan. */
void audit_devices(struct audit_result *result);
/* Does [hpa, hpa + size) touch a BAR of this function; the registers of the board's own (IOMMUs, IO-APIC, local APIC, ECAM)? */
bool audit_bar_overlap(const struct plan_function *function, uint64_t hpa, uint64_t size);
bool audit_board_register(uint64_t hpa, uint64_t size);
/* Pages of [hpa, hpa + size) that hold an MSI-X table or its pending bits, of whatever function. */
uint64_t audit_msix_pages(uint64_t hpa, uint64_t size);

/* Vendor part (svm_audit.c): decode a raw nested entry at `level` (4 = top .. 1 = 4 KiB leaf). Independent of nested.h. */
struct audit_entry {
    bool present, leaf, write, execute;
    bool device; /* uncached for the guest, whatever it says */
    bool bad;    /* reserved or unexpected bits */
    uint64_t address;
};
struct audit_entry audit_decode(uint64_t raw, unsigned level);

/* Vendor part: the control block of core `core` as the hardware will use it. A core without partition has only a parking guest;
 * its maps are given then. */
struct audit_control {
    uint64_t nested_root; /* host-physical; 0: the core runs no partition */
    uint64_t idle_root;   /* of the parking guest, which must be as tightly held as the other */
    uint64_t io_map;      /* host-physical; one bit per port, 1 = exits; audit_io_bits of them */
    uint64_t msr_map;     /* host-physical; vendor layout, see audit_msr_open */
    const char *missing;  /* a must-have intercept or control that is not set, or 0 */
    const char *idle_missing;
};
void audit_control(unsigned core, struct audit_control *control);

/* Vendor part: permissions in the MSR map, numbered 0 .. audit_msr_permissions - 1. Find the first open one from *position on and
 * leave *position behind it; false: no more. */
bool audit_msr_open(const uint8_t *msr_map, uint32_t *position, uint32_t *msr, bool *write);
/* Does this MSR exit on read / write according to the map? */
bool audit_msr_exits(const uint8_t *msr_map, uint32_t msr, bool write);
/* Bytes that the hardware reads from each map, whole pages; bits that mean a port: 65,536, and those that an access at the last port
 * looks at besides, at most 8; permissions that the MSR map has. */
extern const uint32_t audit_io_map_size, audit_msr_map_size, audit_io_bits, audit_msr_permissions;

#endif
