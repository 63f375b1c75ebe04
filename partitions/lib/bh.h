/* SPDX-License-Identifier: Apache-2.0 */
/* What a unikernel has besides the C library: time, timers, interrupts, further cores, the watchdog, the console without
 * stdio, and the raw hypercall. Everything here may be called from any core unless said otherwise; handlers run with
 * interrupts off on the core that was interrupted. Times are nanoseconds. */
#ifndef BH_H
#define BH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead_abi.h"

#define BH_MAX_CORES 8u

/* --- who am I -------------------------------------------------------------------------------------------------------- */
const struct bh_start_info *bh_start_info(void);
unsigned bh_core(void); /* this core's index in the partition, from 0 */

/* --- time ------------------------------------------------------------------------------------------------------------ */
uint64_t bh_now_ns(void);  /* since this life began; never goes back */
uint64_t bh_wall_ns(void); /* since 1970-01-01 UTC */
uint64_t bh_tsc(void);
uint64_t bh_tsc_to_ns(uint64_t ticks);
uint64_t bh_busy_ns(void);     /* of this life, this core was not waiting in bh_wait() or bh_sleep_ns() */
void bh_sleep_ns(uint64_t ns); /* halts; interrupts are served meanwhile */

/* --- interrupts ------------------------------------------------------------------------------------------------------ */
struct bh_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};
typedef void (*bh_handler)(struct bh_frame *frame);

enum {
    BH_VECTOR_FREE = 0x30, /* 0x30 .. 0xdf are the program's */
    BH_VECTOR_CONSOLE = 0xe0,
    BH_VECTOR_TIMER = 0xe8,
    BH_VECTOR_SPURIOUS = 0xff,
};

/* Call `handler` for this vector on every core; 0 removes it. Exceptions (below 32) may be handled too: the handler returns
 * to where frame->rip then points. The library signals the end of interrupt. */
void bh_irq_handler(unsigned vector, bh_handler handler);
/* Interrupts that came with a vector nobody handles, per vector and in all. */
uint64_t bh_irq_unexpected(unsigned vector);
uint64_t bh_irq_unexpected_total(void);
/* Forbid interrupts on this core; true if they were allowed before. Restore with that value. */
bool bh_irq_off(void);
void bh_irq_restore(bool were_on);
/* Send an interrupt to a core of this partition. */
void bh_ipi(unsigned core, unsigned vector);

/* Call `handler` on this core every `period` from now on; period 0 stops it. One per core. */
void bh_timer_periodic(uint64_t period, bh_handler handler);
/* Halt until an interrupt or until bh_now_ns() reaches `deadline`. May return early: look again at what you wait for. Call
 * it with interrupts off after that look, and no wake-up is lost; interrupts are off again when it returns. */
void bh_wait(uint64_t deadline);

/* --- further cores --------------------------------------------------------------------------------------------------- */
/* Start core `index` (1 .. cores - 1) in fn(arg), on its own stack, interrupts on; it halts for ever when fn returns. False: no
 * such core, it runs already, or it did not come up. From one core at a time. */
bool bh_cpu_start(unsigned index, void (*fn)(void *), void *arg);

/* --- life ------------------------------------------------------------------------------------------------------------ */
/* A sign of life for the watchdog: due every bh_start_info()->watchdog_ms. Costs one store. */
void bh_watchdog_pet(void);
_Noreturn void bh_end(enum bh_end how, uint64_t value, uint64_t address);
uint64_t bh_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c);
/* The n-th of the partitions that the product table lets this one observe, as it is now. False: there are no more. */
struct bh_health {
    char name[17];
    enum bh_state state;
    uint64_t starts; /* 1: it has never been restarted */
};
bool bh_observe(unsigned n, struct bh_health *health);
const char *bh_state_name(enum bh_state state);
/* All that it may know of it. False: there are no more. */
bool bh_status(unsigned n, struct bh_status *status);
/* Order something of it: 0, or BH_EPERM, BH_EBUSY, BH_AGAIN, BH_EINVAL as bulkhead_abi.h says. */
uint64_t bh_control(unsigned n, enum bh_control order, uint64_t argument);
/* Read something: bytes that are at *answer until the next bh_read() or bh_status(), 0 at the end, or above BH_ANSWER_SIZE one of the errors. From
 * one core at a time. */
uint64_t bh_read(enum bh_read what, unsigned n, uint64_t where, const void **answer);

/* --- console without stdio --------------------------------------------------------------------------------------------- */
/* All of it, waiting up to 100 ms for room where interrupts are on; what finds no room is dropped. Returns bytes taken. */
size_t bh_console_write(const char *bytes, size_t count);
/* What has been typed and not read yet, at most `count` bytes; 0 if nothing. Never waits. */
size_t bh_console_read(char *bytes, size_t count);
/* Halt until something is typed (true) or bh_now_ns() reaches `deadline` (false). */
bool bh_console_wait(uint64_t deadline);
/* Take what has been typed into a line, with echo and backspace. True when Enter ended it: then `line` has it, without the
 * newline, until the next call. Never waits: make it part of a loop around bh_console_wait(). */
bool bh_getline(char *line, size_t size);

/* --- files -------------------------------------------------------------------------------------------------------------- */
/* Those of the folder that the product table names in `.files`; in memory, for reading. */
struct bh_file {
    const char *name; /* as in the folder: "index.html", "pictures/a.png" */
    const uint8_t *bytes;
    size_t size;
    size_t next; /* the library's */
};
bool bh_file_open(const char *name, struct bh_file *file);
/* One after the other: begin with a struct of zeros. False: no more. */
bool bh_file_next(struct bh_file *file);

/* --- trying things that may fault ---------------------------------------------------------------------------------------- */
struct bh_fault {
    uint64_t vector, error, rip, address; /* address: CR2, for a page fault */
};
/* Run fn(arg). True: an exception ended it, described in *fault. Does not nest. */
bool bh_try(void (*fn)(void *), void *arg, struct bh_fault *fault);
const char *bh_vector_name(unsigned vector); /* "#GP", ... */

/* --- guest-physical memory ------------------------------------------------------------------------------------------------ */
enum { BH_READ = 0, BH_WRITE = 1, BH_EXECUTE = 2, BH_UNCACHED = 4, BH_USER = 8 };
#define BH_WINDOW_SLOTS 256u
/* Map the page of guest-physical address `gpa` at slot `slot` of a window, on this core at once (others: after a flush of
 * theirs). Returns where `gpa` is then. Neighbouring slots are neighbours in memory. The library itself uses the last slot. */
void *bh_window(unsigned slot, uint64_t gpa, unsigned rights);

/* Processor state as this life found it, before the library changed it. */
struct bh_entry_state {
    uint32_t ecx, edx, esi, edi, ebp, esp, eflags, cr0, cr4, dr6, dr7, pad;
    uint32_t dr[4];
    uint64_t r8_15[8];
    uint8_t fpu[512] __attribute__((aligned(16))); /* FXSAVE image */
};
extern const struct bh_entry_state bh_entry_state;
extern const struct bh_entry_state bh_ap_entry_state; /* of the further core that was started last; no eflags, cr0, cr4 */
extern const uint64_t bh_entry_tsc;                   /* the TSC some ten instructions after the entry */

#endif
