/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: everything the hypervisor acts on, resolved to addresses by the planner on the host, constant, readable.
 * build/<board>/<product>/plan.c defines `const struct plan plan` and `plan_pool`. */
#ifndef BULKHEAD_PLAN_H
#define BULKHEAD_PLAN_H

#include "board.h"
#include "product.h"
#include "types.h"

#define PLAN_VERSION 1u

/* RAM of a partition: [gpa, gpa + size) is [hpa, hpa + size); all multiples of 2 MiB. */
struct plan_ram {
    hpa_t hpa;
    gpa_t gpa;
    uint64_t size;
};

/* Part of the payload: payload bytes [offset, offset + size) go to gpa. What no segment covers is zero. */
struct plan_segment {
    uint64_t offset;
    gpa_t gpa;
    uint64_t size;
};

/* State of the first core at entry: 32-bit protected mode, flat, paging off. */
struct plan_entry {
    uint32_t eip, eax, ebx, esi;
};

struct plan_payload {
    const char *module; /* the multiboot module's command line */
    uint64_t size;
    uint8_t sha256[32];
    const struct plan_segment *segments;
    uint32_t segment_count;
    struct plan_entry entry;
    gpa_t tsc_khz_text;     /* 0: none. Where to write the TSC's kHz as decimal text, left-aligned, */
    uint32_t tsc_khz_width; /* padded with spaces to this width */
};

struct plan_partition {
    const char *name;
    enum image_kind kind;
    const char *args;
    const uint8_t *cores; /* indices into plan.cores; the first is the one that loads and starts it */
    uint32_t core_count;
    const struct plan_ram *ram; /* ascending by gpa, the first at gpa 0 */
    uint32_t ram_count;
    uint64_t memory; /* sum of ram sizes */
    struct plan_payload payload;
    enum apic_mode apic;
    struct watchdog_spec watchdog;
    struct restart_spec restart;
    struct denied_spec denied;
    struct console_spec console;
    enum action on_crash, on_exit, on_reboot, on_poweroff; /* never ACTION_DEFAULT */
    bool stopped_at_boot;
};

struct plan_core {
    uint32_t apic_id;
    uint8_t partition; /* index, or 0xff: not used by the product */
    uint8_t vcpu;      /* index inside the partition = its virtual APIC id */
};

struct plan {
    uint32_t version;
    const char *product, *board_name;
    const struct board *board;
    hpa_t hypervisor;         /* load address of bulkhead.elf */
    uint64_t hypervisor_room; /* bytes reserved for it; the linker map must fit */
    hpa_t zone;               /* image zone: modules must lie inside */
    uint64_t zone_size;
    hpa_t crash; /* crash record, survives a warm reset */
    uint64_t crash_size;
    const struct plan_partition *partitions;
    uint32_t partition_count;
    const struct plan_core *cores; /* the boot processor first, then partition by partition */
    uint32_t core_count;
    uint32_t housekeeping; /* core index */
    uint32_t tick_hz;      /* never 0 */
    bool tick_off;         /* single ticks, on demand */
    enum all_stopped all_stopped;
    bool release;
    uint32_t pool_pages; /* pages in plan_pool */
};

extern const struct plan plan;

/* Page-aligned memory for page tables, permission maps, stacks, rings: all that the hypervisor takes before the seal. */
extern uint8_t plan_pool[];

#endif
