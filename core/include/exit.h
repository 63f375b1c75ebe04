/* SPDX-License-Identifier: Apache-2.0 */
/* Why a guest came back: the vendor-neutral exit record, and what is done about it (exit.c: one row per kind). */
#ifndef BULKHEAD_EXIT_H
#define BULKHEAD_EXIT_H

#include "types.h"

struct vcpu;

enum exit_kind {
    EXIT_KICK,         /* NMI: a tick, a request of another core, or the board's */
    EXIT_CPUID,
    EXIT_HYPERCALL,
    EXIT_MSR_READ,
    EXIT_MSR_WRITE,
    EXIT_IO,
    EXIT_NESTED_FAULT, /* guest-physical address not mapped, or not so */
    EXIT_CR_WRITE,
    EXIT_XSETBV,
    EXIT_EXCEPTION,    /* #DB and #AC, taken so that no loop of them can hold the core; given back */
    EXIT_MACHINE_CHECK,
    EXIT_NMI_UNBLOCKED, /* the guest's NMI handler has ended */
    EXIT_CACHE,        /* WBINVD, INVD: nothing to do, nothing done */
    EXIT_FORBIDDEN,    /* instruction no partition has: #UD */
    EXIT_PRIVILEGED,   /* instruction refused with #GP: RDPMC */
    EXIT_DEBUG_REG,    /* access to DR4..DR7 that is not allowed; see svm.c */
    EXIT_TASK_SWITCH,
    EXIT_SHUTDOWN,     /* triple fault */
    EXIT_ENTRY_FAILED, /* the CPU refused the guest state */
    EXIT_UNKNOWN,      /* a code this CPU should not produce */
    EXIT_KIND_COUNT
};

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
    uint64_t raw_code, raw_info1, raw_info2; /* for the stop record */
};

/* Name of a kind, for counters and records. */
const char *exit_name(enum exit_kind kind);

/* Do what the row of exit->kind says. Bounded; see each handler's comment for its cost. */
void exit_handle(struct vcpu *vcpu, const struct exit *exit);

#endif
