/* SPDX-License-Identifier: Apache-2.0 */
/* What a partition and the hypervisor share. This is the only header of the hypervisor that a partition sees.
 *
 * A unikernel is entered in 32-bit protected mode, paging off, interrupts off, flat segments (base 0, limit 4 GiB),
 * EAX = BH_ENTRY_MAGIC, EBX = guest-physical address of the start information (BH_ABI_GPA). Its further cores wait for
 * INIT/SIPI as on a PC. Local APIC: x2APIC mode, enabled, unless the product table says xAPIC.
 *
 * The ABI area is hypervisor memory mapped into the partition's guest-physical space at BH_ABI_GPA:
 *   page 0          struct bh_start_info, read-only
 *   page 1          struct bh_shared, read-write
 *   pages 2..5      console output ring, 16 KiB, read-write
 *   page 6          console input ring, 4 KiB, read-only
 * Nothing in it is executable. */
#ifndef BULKHEAD_ABI_H
#define BULKHEAD_ABI_H

#include <stddef.h>
#include <stdint.h>

#define BH_ABI_VERSION 3u
#define BH_ENTRY_MAGIC 0x42554c4bu /* EAX at entry: "BULK" */
#define BH_START_MAGIC 0x4b4c5542u

#define BH_ABI_GPA 0xf0000000u
#define BH_ABI_PAGES 7u
#define BH_OUT_RING_GPA (BH_ABI_GPA + 0x2000u)
#define BH_OUT_RING_SIZE 16384u
#define BH_IN_RING_GPA (BH_ABI_GPA + 0x6000u)
#define BH_IN_RING_SIZE 4096u

#define BH_ARGS_MAX 1024u
#define BH_NAME_MAX 32u

/* Start information. Written by the hypervisor before each start of the partition; constant while it runs. */
struct bh_start_info {
    uint32_t magic;          /* BH_START_MAGIC */
    uint32_t version;        /* BH_ABI_VERSION; a partition built for another one must end itself */
    uint32_t size;           /* sizeof(struct bh_start_info) as the hypervisor knows it */
    uint32_t cores;          /* cores of this partition; their APIC ids are 0 .. cores - 1 */
    uint64_t ram_size;       /* bytes of RAM, contiguous from guest-physical 0, ABI area not included */
    uint64_t tsc_khz;        /* the TSC counts this many thousand per second, on all cores alike */
    uint64_t apic_timer_khz; /* local APIC timer input, before its divider */
    uint64_t tsc_base;       /* TSC value at which wall_base was true */
    uint64_t wall_base;      /* seconds since 1970-01-01 UTC at tsc_base */
    uint64_t lives;          /* 1 at the first start, then one more with each restart */
    uint32_t watchdog_ms;    /* 0: no watchdog; else change bh_shared.heartbeat at least this often */
    uint32_t x2apic;         /* 1: entered in x2APIC mode, 0: xAPIC at 0xfee00000 */
    uint64_t files;          /* archive of files (cpio, newc) at the top of RAM: its guest-physical address; 0: none */
    uint64_t files_size;     /* its bytes */
    char name[BH_NAME_MAX];  /* NUL-terminated */
    char args[BH_ARGS_MAX];  /* from the product table, separated by single spaces, NUL-terminated */
    uint32_t tick_hz, pad;   /* how often the output ring is looked at; 0: only after BH_CALL_CONSOLE */
    uint64_t dma_offset;     /* its devices find guest-physical memory at addresses that are this much higher; 0 with an IOMMU */
};
_Static_assert(offsetof(struct bh_start_info, ram_size) == 16, "bh_start_info.ram_size");
_Static_assert(offsetof(struct bh_start_info, lives) == 56, "bh_start_info.lives");
_Static_assert(offsetof(struct bh_start_info, name) == 88, "bh_start_info.name");
_Static_assert(sizeof(struct bh_start_info) == 104 + BH_NAME_MAX + BH_ARGS_MAX, "bh_start_info size");

/* Shared words. Indices run freely modulo 2^32; a ring's position is the index modulo its size. The hypervisor reads each
 * word once and distrusts it: an index that is more than the ring's size ahead loses the ring's content, nothing else. */
struct bh_shared {
    uint32_t heartbeat;    /* partition: any change is a sign of life; costs no exit */
    uint32_t out_produced; /* partition: console bytes put into the output ring */
    uint32_t in_consumed;  /* partition: console bytes taken from the input ring */
    uint32_t pad0[13];
    uint32_t out_consumed; /* hypervisor: console bytes taken from the output ring */
    uint32_t in_produced;  /* hypervisor: console bytes put into the input ring */
    uint32_t pad1[14];
};
_Static_assert(offsetof(struct bh_shared, out_consumed) == 64, "bh_shared.out_consumed");
_Static_assert(sizeof(struct bh_shared) == 128, "bh_shared size");

/* Hypercalls: VMMCALL (AMD) or VMCALL (Intel), privilege level 0, RAX = number, RDI, RSI, RDX = arguments, result in RAX;
 * no other register changes. From another privilege level: #UD. */
enum bh_call {
    BH_CALL_VERSION = 0, /* -> BH_ABI_VERSION */
    BH_CALL_END = 1,     /* RDI = enum bh_end, RSI = status or trap number, RDX = address; does not return */
    BH_CALL_CONSOLE = 2, /* the output ring has something urgent -> 0. Without it output is seen at the next tick */
    BH_CALL_VECTOR = 3,  /* RDI = enum bh_source, RSI = vector 32..255, 0 = none -> 0 or BH_EINVAL */
    BH_CALL_OBSERVE = 4, /* RDI = n, RSI = enum bh_fact -> that of the n-th partition that it may observe, or BH_EINVAL */
    BH_CALL_COUNT
};

/* NAME, NAME_REST: eight characters each, NULs behind them. STARTS: 1 more with each restart. */
enum bh_fact { BH_FACT_NAME, BH_FACT_NAME_REST, BH_FACT_STATE, BH_FACT_STARTS, BH_FACT_COUNT };
enum bh_state { BH_STATE_CREATED, BH_STATE_LOADING, BH_STATE_RUNNING, BH_STATE_STOPPING, BH_STATE_BACKOFF, BH_STATE_STOPPED };

enum bh_end {
    BH_END_EXIT = 0,  /* main() returned or exit(): RSI = status */
    BH_END_TRAP = 1,  /* unexpected exception: RSI = vector, RDX = address */
    BH_END_ABORT = 2, /* abort() or a failed check */
    BH_END_REBOOT = 3,
    BH_END_POWEROFF = 4,
    BH_END_COUNT
};

/* Sources of virtual interrupts: each is sent as a real IPI with the vector its partition registered. */
enum bh_source {
    BH_SOURCE_CONSOLE = 0, /* input arrived */
    BH_SOURCE_COUNT
};

#define BH_EINVAL ((uint64_t)-22)
#define BH_ENOSYS ((uint64_t)-38)

#endif
