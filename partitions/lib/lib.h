/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the library; programs include bh.h. */
#ifndef BH_LIB_H
#define BH_LIB_H

#include <setjmp.h>

#include "bh.h"

/* One per core: a guard page that is never mapped, then the stack, which grows down towards it. As in crt0.S. */
#define STACK_STRIDE 0x20000u
extern uint8_t bh_stacks[BH_MAX_CORES][STACK_STRIDE];

/* What each core has of its own; GS points at it. */
struct core {
    struct core *self;
    unsigned index;
    uint32_t timer_entry; /* as last written to the local APIC */
    uint64_t armed;       /* deadline of the one-shot timer that is under way; 0: none */
    uint64_t halted;      /* TSC ticks spent in bh_wait(), handlers that ended it included */
    uint64_t periodic;    /* period of the running periodic timer; 0: none */
    bh_handler periodic_handler;
    jmp_buf *attempt; /* bh_try() under way */
    struct bh_fault *attempt_fault;
    bool attempt_interrupts;       /* they were on when it began */
    void (*volatile work)(void *); /* further cores: what to run */
    void *work_argument;
    volatile bool up;
};
extern struct core bh_cores[BH_MAX_CORES];

static inline struct core *this_core(void)
{
    struct core *core;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(core));
    return core;
}

extern uint8_t bh_text_start[], bh_text_end[], bh_rodata_end[], bh_image_end[]; /* unikernel.lds */

static inline volatile struct bh_shared *shared_words(void)
{
    return (volatile struct bh_shared *)(uintptr_t)(BH_ABI_GPA + 0x1000u);
}

void paging_init(void);
void paging_load(void); /* this core */
uint64_t paging_heap_end(void);

void trap_init(void);              /* the descriptor table's contents */
void trap_load(struct core *core); /* this core: descriptor tables, GS */

void apic_init(bool x2apic);
void apic_core_init(void);
void apic_eoi(void);
void apic_send(unsigned core, uint32_t command);
void apic_timer(uint64_t ns, unsigned vector, bool periodic); /* ns 0 stops it */

void time_init(void);
void console_init(void);

/* Split words at blanks, in place: at most `max` of them plus a null pointer at the end. Returns how many. */
int args_split(char *text, char **words, int max);

#endif
