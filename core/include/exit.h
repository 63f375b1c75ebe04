/* SPDX-License-Identifier: Apache-2.0 */
/* Why a guest came back: the vendor-neutral exit record, and what is done about it (exit.c: one row per kind). */
#ifndef BULKHEAD_EXIT_H
#define BULKHEAD_EXIT_H

#include "types.h"

struct vcpu;

/* One row per kind: enumerator, and the handler's and counter's name. A kind without a handler does not link. */
#define EXIT_KINDS(X)                                                                                                              \
    X(EXIT_UNKNOWN, unknown) /* a code this CPU should not produce */                                                              \
    X(EXIT_KICK, kick)       /* NMI: a tick, a request of another core, or the board's */                                          \
    X(EXIT_CPUID, cpuid)                                                                                                           \
    X(EXIT_HYPERCALL, hypercall)                                                                                                   \
    X(EXIT_MSR_READ, msr_read)                                                                                                     \
    X(EXIT_MSR_WRITE, msr_write)                                                                                                   \
    X(EXIT_IO, io)                                                                                                                 \
    X(EXIT_NESTED_FAULT, nested_fault) /* guest-physical address not mapped, or not so */                                          \
    X(EXIT_CR_WRITE, cr_write)                                                                                                     \
    X(EXIT_XSETBV, xsetbv)                                                                                                         \
    X(EXIT_EXCEPTION, exception) /* #DB, #AC: taken so that no loop of them holds the core */                                      \
    X(EXIT_MACHINE_CHECK, machine_check)                                                                                           \
    X(EXIT_NMI_UNBLOCKED, nmi_unblocked) /* the guest's NMI handler has ended */                                                   \
    X(EXIT_CACHE, cache)                 /* WBINVD, INVD: nothing to do, nothing done */                                           \
    X(EXIT_FORBIDDEN, forbidden)         /* instruction no partition has: #UD */                                                   \
    X(EXIT_PRIVILEGED, privileged)       /* instruction refused with #GP: RDPMC */                                                 \
    X(EXIT_TASK_SWITCH, task_switch)                                                                                               \
    X(EXIT_SHUTDOWN, shutdown)             /* triple fault */                                                                      \
    X(EXIT_ENTRY_FAILED, entry_failed)     /* the CPU refused the guest state */                                                   \
    X(EXIT_NESTED_CORRUPT, nested_corrupt) /* the CPU refused an entry of the nested table */                                      \
    X(EXIT_NUISANCE, nuisance) /* what would slow others, and only some CPUs see: a locked bus, no end of an instruction */

#define EXIT_ENUM(kind, name) kind,
enum exit_kind { EXIT_KINDS(EXIT_ENUM) EXIT_KIND_COUNT };
#undef EXIT_ENUM

struct exit {
    enum exit_kind kind;
    uint8_t length;   /* of the instruction; 0: not known from the exit itself */
    bool in_delivery; /* the fault hit while an event was being delivered */
    union {
        struct {
            uint16_t port;
            uint8_t size; /* 1, 2, 4 */
            bool in, string;
        } io;
        struct {
            gpa_t gpa;
            bool write, fetch, walk; /* walk: hit while walking the guest's own page tables */
        } fault;
        struct {
            uint8_t vector;
            bool has_code;
            uint32_t code;
        } exception;
        uint8_t cr; /* EXIT_CR_WRITE: 0 or 4 */
    };
};

/* What the instruction fetcher, the policies and stop records need to know of the guest's state. */
struct guest_state {
    uint64_t rip, rsp, rflags, cr0, cr2, cr3, cr4, efer, cs_base;
    bool cs_long, cs_default32;
    bool no_long; /* CS.L is set, or TR has a 16-bit TSS: long mode cannot be switched on */
    uint8_t cpl;
};

/* Name of a kind, for counters and records. */
const char *exit_name(enum exit_kind kind);

/* Do what the row of exit->kind says. Bounded; see each handler's comment for its cost. */
void exit_handle(struct vcpu *vcpu, const struct exit *exit);

#endif
