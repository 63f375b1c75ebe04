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
 *   page 7          struct bh_channels, read-only
 *   page 8          answers to BH_CALL_READ, read-only
 *
 * The channels that the partition is part of are mapped from BH_CHANNELS_GPA on where the table says: read-write for the writer, read-only
 * for the readers, see struct bh_channel.
 * Nothing in it is executable. */
#ifndef BULKHEAD_ABI_H
#define BULKHEAD_ABI_H

#include <stddef.h>
#include <stdint.h>

#define BH_ABI_VERSION 4u
#define BH_ENTRY_MAGIC 0x42554c4bu /* EAX at entry: "BULK" */
#define BH_START_MAGIC 0x4b4c5542u

#define BH_ABI_GPA 0xf0000000u
#define BH_ABI_PAGES 9u
#define BH_OUT_RING_GPA (BH_ABI_GPA + 0x2000u)
#define BH_OUT_RING_SIZE 16384u
#define BH_IN_RING_GPA (BH_ABI_GPA + 0x6000u)
#define BH_IN_RING_SIZE 4096u
#define BH_CHANNELS_INFO_GPA (BH_ABI_GPA + 0x7000u)
#define BH_ANSWER_GPA (BH_ABI_GPA + 0x8000u)
#define BH_ANSWER_SIZE 4096u
#define BH_CHANNELS_GPA 0xf2000000u
#define BH_MAX_CHANNELS 48u /* of a product: 16 plain ones, two for each of 8 cables and 8 slices */

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
    uint64_t tpm;            /* guest-physical address of a page, uncached: the registers of the TPM's locality 0; 0: it has none */
};
_Static_assert(offsetof(struct bh_start_info, ram_size) == 16, "bh_start_info.ram_size");
_Static_assert(offsetof(struct bh_start_info, lives) == 56, "bh_start_info.lives");
_Static_assert(offsetof(struct bh_start_info, name) == 88, "bh_start_info.name");
_Static_assert(sizeof(struct bh_start_info) == 112 + BH_NAME_MAX + BH_ARGS_MAX, "bh_start_info size");

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

/* Channels. A channel has one writer and some readers. Its memory is one page, the head, and a ring of `size` bytes behind it. Everything in
 * it is written by its writer alone, the head too: how far a reader has come stands in the head of the channel that leads back, if there is
 * one. Whoever reads must believe nothing of it.
 *
 * When a writer starts again, the hypervisor fills the head with zeros, then counts `epoch` up, then fills the ring with zeros; once the
 * writer runs, it rings the readers. What was not read by then is lost. A reader looks at the epoch before and after it takes something: with
 * the same epoch it is whole; with another one it is nothing, and the reader starts anew. */
enum bh_channel_kind {
    BH_CHANNEL_PLAIN = 0,
    BH_CHANNEL_CABLE = 1,   /* of a network cable: records that are frames of Ethernet */
    BH_CHANNEL_REQUEST = 2, /* of a slice: requests, from the client to the server */
    BH_CHANNEL_ANSWER = 3,  /* of a slice: answers, from the server to the client */
};

struct bh_channel {
    char name[16];   /* NUL-terminated */
    uint32_t gpa;    /* of the head */
    uint32_t size;   /* bytes of the ring, a power of 2 */
    uint32_t kind;   /* enum bh_channel_kind */
    uint32_t writes; /* 1: this partition is the writer, 0: it reads */
    uint32_t epoch;  /* starts of the writer, modulo 2^32; 0: it has not started yet */
    uint32_t back;   /* cable and slice: index of the channel that leads back; else BH_MAX_CHANNELS */
    uint64_t info
        [3]; /* cable: own MAC address in the lower six bytes, first byte lowest; slice: first byte on the disk, bytes, 1 = read only */
};
_Static_assert(sizeof(struct bh_channel) == 64, "bh_channel size");

/* Those that this partition is part of, in the order of the table. An index here is the channel's number in hypercalls. Only epochs change. */
struct bh_channels {
    uint32_t count, pad[15];
    struct bh_channel channel[BH_MAX_CHANNELS];
};
_Static_assert(sizeof(struct bh_channels) <= 4096, "bh_channels fits its page");

/* The head of a channel whose ring holds a stream or records. Indices run freely modulo 2^32, position = index modulo size.
 *
 * Two channels that lead there and back make a connection, which lasts as long as the lives of both ends. An end that finds a new epoch in the
 * one that it reads takes the writer's produced for its own consumed, whatever it is, and then says by seen_epoch that it has. A writer puts
 * nothing into its ring before its reader has said so of its present epoch, and takes the reader's consumed for nothing before. */
struct bh_ring_head {
    uint32_t produced;   /* bytes put into this ring */
    uint32_t consumed;   /* bytes taken from the ring that leads back ... */
    uint32_t seen_epoch; /* ... while that one's epoch was this */
    uint32_t wants;      /* BH_WANTS_*: when the other end is to ring */
    uint32_t pad[12];
};
_Static_assert(sizeof(struct bh_ring_head) == 64, "bh_ring_head size");
enum {
    BH_WANTS_DATA = 1, /* once something is in the ring that leads back */
    BH_WANTS_ROOM = 2, /* once something has been taken from this one */
};

/* What stands in a ring of records: this, then `size` bytes, then up to seven of padding to the next multiple of 8. It may wrap. */
struct bh_record {
    uint32_t size; /* bytes that follow */
    uint32_t tag;  /* cable: 0. Slice: chosen by the client, returned by the server */
};

/* A slice's request: struct bh_slice_request and, of a write, the data. Its answer: one of enum bh_slice_status in the first byte of 8, then, of
 * a read, the data. */
enum bh_slice_type { BH_SLICE_READ = 0, BH_SLICE_WRITE = 1, BH_SLICE_FLUSH = 4, BH_SLICE_NAME = 8 }; /* as virtio-blk's */
struct bh_slice_request {
    uint32_t type;   /* enum bh_slice_type */
    uint32_t length; /* bytes wanted: of a read, or of the name */
    uint64_t sector; /* of 512 bytes, from the beginning of the slice */
};
enum bh_slice_status { BH_SLICE_OK = 0, BH_SLICE_ERROR = 1, BH_SLICE_UNKNOWN = 2 };
#define BH_SLICE_MAX 65536u   /* bytes of data in one request */
#define BH_SLICE_SECTOR 512u  /* a read and a write is of whole ones */
#define BH_SLICE_NAME_MAX 20u /* bytes of the name that may be asked for */

/* Hypercalls: VMMCALL (AMD) or VMCALL (Intel), privilege level 0, RAX = number, RDI, RSI, RDX = arguments, result in RAX;
 * no other register changes. From another privilege level: #UD. */
enum bh_call {
    BH_CALL_VERSION = 0,  /* -> BH_ABI_VERSION */
    BH_CALL_END = 1,      /* RDI = enum bh_end, RSI = status or trap number, RDX = address; does not return */
    BH_CALL_CONSOLE = 2,  /* the output ring has something urgent -> 0. Without it output is seen at the next tick */
    BH_CALL_VECTOR = 3,   /* RDI = enum bh_source, RSI = vector 32..255, 0 = none, RDX = core (console: 0) -> 0 or BH_EINVAL */
    BH_CALL_OBSERVE = 4,  /* RDI = n, RSI = enum bh_fact -> that of the n-th partition that it may observe, or BH_EINVAL */
    BH_CALL_DOORBELL = 5, /* RDI = channel that it writes: ring its readers -> 0, BH_AGAIN over the table's rate, or BH_EINVAL */
    BH_CALL_CONTROL = 6,  /* RDI = n, as above, RSI = enum bh_control, RDX = its argument -> 0, BH_EPERM, BH_EBUSY or BH_EINVAL */
    BH_CALL_READ = 7, /* RDI = enum bh_read | n << 8, RSI = where -> bytes now at BH_ANSWER_GPA, BH_AGAIN, BH_EPERM or BH_EINVAL */
    BH_CALL_COUNT
};

/* NAME, NAME_REST: eight characters each, NULs behind them. STARTS: 1 more with each restart. */
enum bh_fact { BH_FACT_NAME, BH_FACT_NAME_REST, BH_FACT_STATE, BH_FACT_STARTS, BH_FACT_COUNT };
enum bh_state {
    BH_STATE_CREATED,
    BH_STATE_LOADING,
    BH_STATE_RUNNING,
    BH_STATE_STOPPING,
    BH_STATE_BACKOFF,
    BH_STATE_STOPPED,
    BH_STATE_PAUSED,
    BH_STATE_COUNT
};

/* What BH_CALL_CONTROL does, to partitions that the table lets this one control. BH_EPERM: the table does not. BH_EBUSY: not in the state that
 * it is in. BH_AGAIN: too soon after the last such order of this caller: START to RESUME once a second for each partition, INPUT each 5 ms, TRACE
 * each 100 ms, AUDIT each 5 s. */
enum bh_control {
    BH_CONTROL_START,
    BH_CONTROL_STOP,
    BH_CONTROL_RESTART,
    BH_CONTROL_PAUSE, /* its cores run no code of it; its watchdog stands still, its devices do not */
    BH_CONTROL_RESUME,
    BH_CONTROL_INPUT, /* argument: one to seven bytes for its console, the lowest first, their number in the highest byte */
    BH_CONTROL_TRACE, /* argument: 1 on, 0 off */
    BH_CONTROL_AUDIT, /* an isolation audit; n is not looked at */
    BH_CONTROL_COUNT
};

/* What BH_CALL_READ reads. `where` runs from 0, in bytes or as said; the answer begins there and is at most BH_ANSWER_SIZE bytes. 0: the end.
 * BH_AGAIN: once more; STOPS and LOG within 1 ms of this caller's last one. */
enum bh_read {
    BH_READ_STATUS, /* struct bh_status of the n-th partition that it may observe */
    BH_READ_OUTPUT, /* bytes of its console from index where on: at most BH_OUTPUT_KEPT back from struct bh_status.out_produced */
    BH_READ_STOPS,  /* struct bh_stop; where: how many of the oldest to leave out. No registers, no raw without the right to dump */
    BH_READ_TRACE,  /* struct bh_trace_head and records of the core where >> 32, from index (uint32_t)where on */
    BH_READ_LOG,    /* our own log, struct bh_text; where: a free-running index */
    BH_READ_RECORD, /* the records of the boot before, of all partitions, as config/tool/decode.py reads them */
    BH_READ_MEMORY, /* memory of a stopped partition: the page at this guest-physical address; BH_AGAIN while its core fetches it or
                        * another caller's page, BH_EBUSY while the partition has not stopped */
    BH_READ_REGISTERS, /* struct bh_registers of a stopped partition, of where's vcpu */
    BH_READ_COUNT
};

/* What is known of a partition. Counters are sums over its cores since the boot, times are ticks of the TSC. Read while it runs: numbers may be
 * some events apart from one another. */
#define BH_EXIT_KINDS 24u
#define BH_EXIT_NAMES                                                                                                              \
    "unknown", "kick", "cpuid", "hypercall", "msr_read", "msr_write", "io", "nested_fault", "cr_write", "xsetbv", "exception",     \
        "machine_check", "nmi_unblocked", "cache", "forbidden", "privileged", "task_switch", "shutdown", "entry_failed",           \
        "nested_corrupt", "nuisance"
#define BH_DENIED_KINDS 8u
#define BH_DENIED_NAMES "ports", "MSRs", "memory", "PCI", "others"
#define BH_EVENT_KINDS 12u
#define BH_EVENT_NAMES                                                                                                             \
    "crash", "hang", "watchdog", "exit", "reboot", "poweroff", "denied", "iommu_fault", "machine_check", "exit_budget", "peer_lost"
#define BH_OUTPUT_KEPT 32704u
enum { BH_MAY_CONTROL = 1, BH_MAY_DUMP = 2 };
struct bh_status {
    char name[16];
    uint32_t state;                   /* enum bh_state */
    uint32_t kind;                    /* 1 unikernel, 2 Linux */
    uint32_t cores;                   /* how many it has */
    uint32_t rights;                  /* BH_MAY_*: of who asks */
    uint64_t memory;                  /* bytes */
    uint64_t lives;                   /* 1 more with each start */
    uint64_t now, started;            /* TSC; of its present or last life, 0: none yet */
    uint64_t busy;                    /* in the hypervisor */
    uint64_t exits[BH_EXIT_KINDS];    /* by BH_EXIT_NAMES */
    uint64_t denied[BH_DENIED_KINDS]; /* by BH_DENIED_NAMES */
    uint64_t out_lost;                /* bytes of its console that nobody saw */
    uint32_t out_produced;            /* its console's index */
    uint32_t restarts, restart_limit; /* within restart_window_ms */
    uint32_t restart_window_ms;
    uint32_t watchdog_ms;   /* 0: none */
    uint32_t watchdog_age;  /* ms since its last sign of life */
    uint32_t stops;         /* stop records so far */
    uint32_t trace;         /* 1: on, 0: off, 2: it has none */
    uint32_t vcpus_idle;    /* bit per core that waits for a start by another core of its partition */
    uint32_t channel_bytes; /* put into all rings that it writes, says itself; modulo 2^32 */
    uint32_t doorbells;     /* rung by it, modulo 2^32 */
    uint32_t pad;
    uint32_t events[BH_EVENT_KINDS]; /* by BH_EVENT_NAMES: since the boot */
    char cause[40];                  /* of its last stop, or empty */
};
_Static_assert(sizeof(struct bh_status) <= BH_ANSWER_SIZE, "bh_status fits the answer");
_Static_assert(offsetof(struct bh_status, memory) == 32, "bh_status.memory");
_Static_assert(offsetof(struct bh_status, out_lost) == 72 + 8 * (BH_EXIT_KINDS + BH_DENIED_KINDS), "bh_status.out_lost");

/* A trace: one record for each exit of a core, in a ring of BH_TRACE_RECORDS of them. */
#define BH_TRACE_RECORDS 512u
#define BH_TRACE_IN (1ull << 63)
struct bh_trace_head {
    uint32_t first;    /* index of the first record that follows */
    uint32_t count;    /* records that follow */
    uint32_t produced; /* index that the next one will get */
    uint32_t pad[5];
};
struct bh_trace_record {
    uint64_t tsc;    /* when the core left the partition */
    uint32_t ticks;  /* spent in the hypervisor; UINT32_MAX: or more */
    uint16_t kind;   /* by BH_EXIT_NAMES */
    uint16_t detail; /* io: port; hypercall: number; else 0 */
    uint64_t what;   /* io: size | BH_TRACE_IN; hypercall: argument; msr_*: number; nested_fault: address; cpuid: leaf; else 0 */
    uint64_t result; /* hypercall: what it returned; else 0 */
};
_Static_assert(sizeof(struct bh_trace_head) == 32 && sizeof(struct bh_trace_record) == 32, "bh_trace sizes");

/* Text that runs freely: its bytes from index `from` on, which is `where`, or the oldest one kept where that is gone or never was. The next
 * one to ask for is behind the last byte of the answer. */
struct bh_text {
    uint64_t from;
    char bytes[BH_ANSWER_SIZE - 8];
};
_Static_assert(sizeof(struct bh_text) == BH_ANSWER_SIZE, "bh_text size");

/* Processor state of a vcpu; regs: rax rcx rdx rbx (0) rbp rsi rdi r8..r15. */
struct bh_cpu {
    uint64_t rip, rsp, rflags, cr0, cr2, cr3, cr4, efer, cs_base;
    uint64_t regs[16];
};

/* Why a partition stopped. */
struct bh_stop {
    uint64_t time_us; /* since boot */
    uint64_t life;    /* that ended */
    uint32_t vcpu, cause, action, pad;
    uint64_t value, address; /* status, vector, ... by cause; what it touched, where known */
    struct bh_cpu cpu;
    uint64_t raw[3]; /* the exit in the processor's own terms */
};
_Static_assert(sizeof(struct bh_stop) == 272, "bh_stop size");

/* A vcpu of a stopped partition, and where its partition has RAM: [0, ram_low) and, of the rest, [4 GiB, 4 GiB + ram_high). */
struct bh_registers {
    uint64_t ram_low, ram_high;
    uint32_t vcpus, ran; /* how many there are; 1: this one was started in the life that ended */
    struct bh_cpu cpu;
};
_Static_assert(sizeof(struct bh_registers) == 224, "bh_registers size");

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
    BH_SOURCE_CHANNEL = 1, /* and up: the doorbell of the channel with this number, or a new epoch of it */
    BH_SOURCE_COUNT = BH_SOURCE_CHANNEL + BH_MAX_CHANNELS
};

#define BH_EPERM ((uint64_t)-1)
#define BH_AGAIN ((uint64_t)-11)
#define BH_EBUSY ((uint64_t)-16)
#define BH_EINVAL ((uint64_t)-22)
#define BH_ENOSYS ((uint64_t)-38)

#endif
