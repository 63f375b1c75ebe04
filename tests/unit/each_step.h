/* SPDX-License-Identifier: Apache-2.0 */
/* What another core could see: `look` runs after each instruction between each_step_begin() and each_step_end(). */
#ifndef EACH_STEP_H
#define EACH_STEP_H

#include <signal.h>
#include <stddef.h>
#include <x86intrin.h>

#define TRAP_FLAG 0x100ull

static void (*each_step_look)(void);
static unsigned each_step_count;

static void each_step_trap(int signal)
{
    (void)signal; /* the trap flag is off in here */
    each_step_count++;
    each_step_look();
}

static inline void each_step_begin(void (*look)(void))
{
    struct sigaction action = {.sa_handler = each_step_trap};

    each_step_look = look;
    each_step_count = 0;
    sigaction(SIGTRAP, &action, NULL);
    __writeeflags(__readeflags() | TRAP_FLAG);
}

/* Returns the number of instructions. */
static inline unsigned each_step_end(void)
{
    __writeeflags(__readeflags() & ~TRAP_FLAG);
    signal(SIGTRAP, SIG_DFL);
    return each_step_count;
}

#endif
