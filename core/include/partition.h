/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions and their virtual CPUs, and the life cycle
 *
 *   created -> loading -> running -> stopping -> stopped
 *                 ^                      |
 *                 +---- (back-off) ------+
 *
 * and running <-> paused, from where it stops as from running.
 *
 * Field legend: (i) set once before the seal, then constant; (own) touched only by the vcpu's own core; (boot) touched only
 * by the partition's first core; (hk) only by the housekeeping core; (a) atomic, any core; (g) under the gate lock. */
#ifndef BULKHEAD_PARTITION_H
#define BULKHEAD_PARTITION_H

#include <stdatomic.h>

#include "bulkhead_abi.h"
#include "exit.h"
#include "lock.h"
#include "plan.h"
#include "uart16550.h"

/* Enumerator and name of each. */
#define PARTITION_STATES(X)                                                                                                        \
    X(PARTITION_CREATED, "created") /* never started */                                                                            \
    X(PARTITION_LOADING, "loading") /* scrub, copy, hash on its first core */                                                      \
    X(PARTITION_RUNNING, "running")                                                                                                \
    X(PARTITION_STOPPING, "stopping") /* its cores are on their way to the parking state */                                        \
    X(PARTITION_BACKOFF, "back-off")  /* waits for restart.backoff_ms */                                                           \
    X(PARTITION_STOPPED, "stopped")                                                                                                \
    X(PARTITION_PAUSED, "paused") /* its cores wait with all their state */

/* Why a partition stopped or was refused something. */
#define CAUSES(X)                                                                                                                  \
    X(CAUSE_NONE, "none")                                                                                                          \
    X(CAUSE_EXIT, "exit") /* it ended itself: value = status */                                                                    \
    X(CAUSE_TRAP, "trap") /* its own trap handler ended it: value = vector */                                                      \
    X(CAUSE_ABORT, "abort")                                                                                                        \
    X(CAUSE_REBOOT, "reboot")                                                                                                      \
    X(CAUSE_POWEROFF, "poweroff")                                                                                                  \
    X(CAUSE_SHUTDOWN, "triple fault")                                                                                              \
    X(CAUSE_WATCHDOG, "watchdog")                                                                                                  \
    X(CAUSE_DENIED, "too many denied accesses")            /* per second, says the table */                                        \
    X(CAUSE_MMIO, "memory access that cannot be answered") /* outside its memory, during delivery, in a page walk, not a MOV */    \
    X(CAUSE_ENTRY, "illegal processor state")              /* the CPU refused it */                                                \
    X(CAUSE_INSTRUCTION, "forbidden instruction")                                                                                  \
    X(CAUSE_MACHINE_CHECK, "machine check")                                                                                        \
    X(CAUSE_IMAGE, "altered image") /* its payload no longer has the digest of the plan */                                         \
    X(CAUSE_APIC, "local APIC would not empty")                                                                                    \
    X(CAUSE_DMA, "too many IOMMU faults") /* of one of its functions, per second */                                                \
    X(CAUSE_GROUP, "the owner of its device's physical function")                                                                  \
    X(CAUSE_DEVICE, "a device that cannot start again")                                                                            \
    X(CAUSE_HANG, "hang")                                                                                                          \
    X(CAUSE_BUDGET, "exits over the budget")                                                                                       \
    X(CAUSE_PEER, "lost peer")           /* who is at the other end of a channel has stopped */                                    \
    X(CAUSE_ALONG, "restart of a group") /* another's, whose table says so */                                                      \
    X(CAUSE_OPERATOR, "operator")        /* by the console */

#define NAMED_ENUM(enumerator, name) enumerator,
enum partition_state { PARTITION_STATES(NAMED_ENUM) PARTITION_STATE_COUNT };
enum cause { CAUSES(NAMED_ENUM) CAUSE_COUNT };
#undef NAMED_ENUM
const char *cause_name(enum cause cause);

/* General registers in encoding order; rsp is kept in the vendor's block and unused here. */
struct guest_regs {
    uint64_t r[16]; /* rax rcx rdx rbx rsp rbp rsi rdi r8..r15 */
};
enum { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8 };

/* What a vcpu does when it has no guest code to run. */
enum vcpu_mode {
    VCPU_PARKED,    /* partition not running */
    VCPU_WAIT_SIPI, /* after INIT */
    VCPU_RUNNING,
    VCPU_PAUSED, /* would run, but for its partition's state */
};

/* Requests to a core: set by anybody, followed by arch_kick(). */
enum {
    REQUEST_STOP = 1u << 0,  /* park this vcpu */
    REQUEST_START = 1u << 1, /* first core: load and start the partition */
    REQUEST_INIT = 1u << 2,
    REQUEST_SIPI = 1u << 3, /* vector in sipi_vector */
    REQUEST_NMI = 1u << 4,
    REQUEST_TICK = 1u << 5,   /* housekeeping is due on this core */
    REQUEST_LINGER = 1u << 7, /* with REQUEST_TICK: another core asks for it, and may have more to say soon */
    REQUEST_PORT = 1u << 8,   /* there may be something to copy for a virtio port */
    REQUEST_DUMP = 1u << 9,   /* first core: somebody waits for a page of its memory */
    REQUEST_PARKED = 1u << 6, /* first core: the last of its partition's cores has parked */
    REQUEST_PAUSE = 1u << 16, /* look whether the partition is paused */
    REQUEST_LOOK = 1u << 12,  /* note where the guest is: it may hang */
};

enum denied_kind { DENIED_PORT, DENIED_MSR, DENIED_MEMORY, DENIED_PCI, DENIED_OTHER, DENIED_COUNT };
#define TRACE_ON ((uint32_t)EXIT_KIND_COUNT)
struct counters {
    uint64_t exits[EXIT_KIND_COUNT];
    uint64_t ticks; /* TSC ticks spent in the hypervisor */
    uint64_t denied[DENIED_COUNT];
    uint64_t apic;  /* of the exits: for its local APIC, on a machine without x2APIC */
    uint64_t ports; /* of the exits: for registers of its virtio ports */
};

/* What the budget is compared with. */
struct exits_made {
    uint64_t others, apic;
};

/* Local APIC state that is not in hardware. (own) */
struct apic_shadow {
    uint64_t base_msr;
    uint32_t lvt[9];                  /* by register from 0x2f on, as last written, never let through */
    uint32_t svr, ldr, dfr, icr_high; /* ldr: read by the partition's other cores, relaxed */
    uint64_t icr;
};

struct vcpu {
    struct guest_regs regs;        /* (own) first: the entry code knows it */
    struct partition *partition;   /* (i) */
    uint8_t index, core;           /* (i) in the partition; in plan.cores */
    _Atomic uint32_t requests;     /* (a) */
    _Atomic uint8_t sipi_vector;   /* (a) */
    _Atomic uint8_t mode;          /* (own) written, (a) read: enum vcpu_mode */
    bool nmi_pending, nmi_blocked; /* (own) the guest's own NMIs */
    struct apic_shadow apic;       /* (own) */
    struct counters counters;      /* (own) written; read torn by the console, which only shows it */
    uint64_t console_woken;        /* (own) TSC when it last woke the housekeeping core */
    _Atomic uint64_t alive;        /* (a) TSC when this core last left its guest, or breathed while it was busy */
    void *virt;                    /* (i) the back end's own */
    const void *cpuid;             /* (i) its answers: cpuid_policy.c */
    uint64_t pat;                  /* (own) where the back end has no field for it */
    struct {
        _Atomic uint32_t on;             /* (a) TRACE_ON: each exit leaves a record; else 0 */
        _Atomic uint32_t produced;       /* (own) written, (a) read: free-running */
        struct bh_trace_record *records; /* (i) BH_TRACE_RECORDS of them, or 0; (own) written, (a) read */
    } trace;
    uint64_t place;         /* (own) where its guest was when it was looked at: code from here on */
    _Atomic uint32_t stuck; /* (a) how often running it was found there again, interrupts off */
};

/* Record of a stop. */
#define STOP_RECORDS 8u /* the newest of each partition: none can push out another's */
struct stop_record {
    uint64_t time_us; /* since boot */
    uint64_t life;    /* that ended */
    uint8_t vcpu, cause, action;
    uint64_t value;   /* status, vector, ... by cause */
    uint64_t address; /* what it touched, where known */
    struct guest_state state;
    struct guest_regs regs;
    uint64_t raw[3]; /* as virt_raw() */
};

/* Emulated IO-APIC of a partition: 24 edge pins. */
struct ioapic_shadow {
    uint32_t index;
    uint64_t pins[24];
};

/* Console ring of output not yet shown; the newest bytes are also the log ring. */
#define CONSOLE_RING 32768u
struct console_ring {
    uint32_t produced, consumed; /* free-running (g) */
    uint64_t dropped;            /* bytes never shown: no room, or over the rate (g) */
    char bytes[CONSOLE_RING];
};

struct partition {
    const struct plan_partition *plan; /* (i) */
    uint8_t index;                     /* (i) */
    struct vcpu *vcpus;                /* (i) plan->core_count of them */
    _Atomic uint8_t state;             /* (a) enum partition_state; changed only as partition.c says */
    struct lock gate;                  /* doorbells in, console state, devices */
    bool gate_open;                    /* (g) virtual interrupts may be sent to its cores */
    uint8_t vectors[BH_SOURCE_COUNT];  /* (g) registered vectors, 0: none */
    uint8_t cores[BH_SOURCE_COUNT];    /* (g) the vcpu for each */
    uint64_t nested_root;              /* (i) host-physical root of its nested table, as the CPU wants it */
    uint8_t *abi;                      /* (i) the ABI pages, 0 for kinds that have none */
    struct console_ring *out;          /* (g) */
    struct uart16550 uart;             /* (g) */
    struct ioapic_shadow ioapic;       /* (g) */
    uint8_t rtc_index;                 /* (g) */
    uint32_t pci_latch;                /* (g) port 0xcf8 */
    uint64_t lives;                    /* (boot) */
    uint64_t started;                  /* (boot) TSC at the start of this life */
    bool devices_due;                  /* (boot) its functions still have to be reset: its restart group did not stop in time */
    hpa_t payload;                     /* (i) where its pristine module lies in the image zone */
    _Atomic uint32_t parked;           /* (a) cores that have parked since the stop began */
    uint64_t registers_due;            /* time in us before which no stop shows registers; by whoever records the stop */
    _Atomic uint8_t stop_recorded;     /* (a) the present stop has its record */
    _Atomic uint8_t stop_cause;        /* (a) first cause wins */
    _Atomic uint8_t stop_action;       /* (a) action to take once all cores are parked */
    struct {
        uint32_t last;         /* heartbeat last seen (hk) */
        uint64_t since;        /* TSC of the last sign of life (hk) */
        uint64_t limit_ticks;  /* boot grace, then period (hk) */
        _Atomic uint32_t pets; /* (a) emulated ib700 */
        _Atomic bool off;      /* (a) stopped, as the table allows */
        uint64_t stop_refused; /* (g) */
    } watchdog;
    struct {
        uint64_t times[16]; /* (boot) TSC of the last restarts */
        uint32_t count;     /* (boot) */
        uint64_t due;       /* (boot) end of back-off */
        uint64_t escalated; /* (boot) TSC when the limit led to a restart of the group; 0: never */
    } restart;
    struct {
        _Atomic uint32_t counts[EVENT_COUNT]; /* (a) since boot */
        _Atomic uint32_t injected;            /* (a) bit per event: it was given its NMI in this life */
        uint64_t start;                       /* (boot) TSC of this life's start */
        uint64_t looked, counted;             /* (hk) TSC of the last look at its cores, and at its exits */
        struct exits_made exits;              /* (hk) then */
        uint32_t seconds_over;                /* (hk) the budget */
    } health;
    struct {
        uint32_t made;                         /* (g) free-running */
        struct stop_record last[STOP_RECORDS]; /* (g) */
    } stops;
    struct {
        _Atomic uint32_t count; /* (a) in the present second */
        _Atomic uint32_t kind;  /* (a) the last one, for the log */
        _Atomic uint64_t what;
    } denied;
};

extern struct partition partitions[MAX_PARTITIONS]; /* plan.partition_count of them */
extern struct vcpu vcpus[MAX_CORES];                /* by core index */

/* Create all partitions of the plan: vcpus, console rings, ABI pages. Once, before the seal. */
void partitions_create(void);

/* A partition's own RAM at [gpa, gpa + size), or 0 if that is not all RAM in one piece. On its own cores only. */
void *partition_ram(const struct partition *partition, gpa_t gpa, uint64_t size);

/* This befell this vcpu's partition; the table gives the action. Where that ends it: fills the stop record from the vcpu and
 * exit (may be 0), asks all its cores to park. Returns at once; the vcpu then does not run again before a restart. */
void partition_stop(struct vcpu *vcpu, enum cause cause, uint64_t value, uint64_t address, const struct exit *exit);

/* The same from outside: console, watchdog and the like. action ACTION_DEFAULT: by the table. Any core. */
void partition_order(struct partition *partition, enum cause cause, enum action action);

/* Start a partition that is created or stopped. Any core. */
void partition_start(struct partition *partition);

/* Its cores run no code of it until the other call; what they hold, and interrupts that come, stay where they are. False: it is not running, or
 * not paused. Any core. */
bool partition_pause(struct partition *partition);
bool partition_resume(struct partition *partition);
/* One that waits for its next start does not get it. False: it does not wait. Any core. */
bool partition_hold(struct partition *partition);

/* Count one denied access of this vcpu; over the table's rate the partition gets its action. */
void partition_denied(struct vcpu *vcpu, enum denied_kind kind, uint64_t what);

/* Send `vector` to a core of the partition if its gate is open. Caller must not hold the gate. */
void partition_interrupt(struct partition *partition, unsigned vcpu_index, uint8_t vector);
/* The same with the gate already held. */
void partition_interrupt_locked(struct partition *partition, unsigned vcpu_index, uint8_t vector);

const char *partition_state_name(enum partition_state state);
const char *action_name(enum action action);
/* Show a partition's last stops in our log, newest last. Any core. */
void partition_stops_log(struct partition *partition);

/* Per-second work of the housekeeping core: denied rates, watchdogs, idle/power-off rule. */
void partition_tick(uint64_t now);

/* Run loop of a core: never returns. Its vcpu is vcpus[arch_core()]. */
_Noreturn void vcpu_loop(void);
void vcpu_request(struct vcpu *vcpu, uint32_t request); /* set and kick; any core */
/* Make the housekeeping core look at everything soon, and again a tick later. So seldom per core that a flood does no harm. Any core. */
void vcpu_housekeeping_wake(void);

#endif
