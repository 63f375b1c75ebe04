/* SPDX-License-Identifier: Apache-2.0 */
/* AC-49, SEP-9: fill memory, vector and debug registers with a pattern, start again, look for it. Expected: the next life
 * finds memory outside its image zero and registers as after a reset. The look is the first thing each life does. */
#include <string.h>

#include "attack.h"
#include "lib.h"

#define PATTERN 0x5afe5afe7ea57ea5ull

static uint64_t *heap_start(void)
{
    return (uint64_t *)(uintptr_t)bh_image_end;
}

static uint64_t *heap_end(void)
{
    return (uint64_t *)(uintptr_t)(bh_start_info()->ram_size & ~0xfffull);
}

/* The last call, with the pattern in the registers that it does not need. */
#define END_FULL(instruction)                                                                                                      \
    __asm__ volatile("mov %0, %%r12\n\tmov %0, %%r13\n\tmov %0, %%r14\n\tmov %0, %%r15\n\tmov %0, %%rcx\n\tmov %1, %%eax\n\t"      \
                     "mov %2, %%edi\n\txor %%esi, %%esi\n\tmov $0x11, %%edx\n\t" instruction ::"m"(pattern),                       \
                     "i"(BH_CALL_END), "i"(BH_END_REBOOT)                                                                          \
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r12", "r13", "r14", "r15", "memory")

/* Never returns: everything, the C library's heap too, is overwritten. */
void attack_residue_fill(void)
{
    static const uint64_t pattern = PATTERN;

    bh_irq_off();
    for (uint64_t *p = (uint64_t *)0x1000; p < (uint64_t *)0x100000; p++)
        *p = PATTERN;
    for (uint64_t *p = heap_start(); p < heap_end(); p++)
        *p = PATTERN;
    cpu_set_dr0(PATTERN & 0x7fffffff);
    cpu_set_dr1(PATTERN & 0x7fffffff);
    cpu_set_dr2(PATTERN & 0x7fffffff);
    cpu_set_dr3(PATTERN & 0x7fffffff);
    __asm__ volatile("movq %0, %%xmm0\n\tmovq %0, %%xmm7\n\tmovq %0, %%xmm15\n\tfldl %0\n\tfldl %0" ::"m"(pattern));
    if (cpu_is_intel())
        END_FULL("vmcall");
    else
        END_FULL("vmmcall");
    bh_end(BH_END_REBOOT, 0, 0);
}

static uint64_t nonzero(const uint64_t *from, const uint64_t *to, uint64_t *pattern)
{
    uint64_t count = 0;

    for (; from < to; from++) {
        count += *(const volatile uint64_t *)from != 0;
        *pattern += *(const volatile uint64_t *)from == PATTERN;
    }
    return count;
}

static unsigned registers_not_reset(void)
{
    const struct bh_entry_state *s = &bh_entry_state;
    unsigned bad = (s->ecx | s->edx | s->esi | s->edi | s->ebp | s->esp) != 0;

    bad += s->dr6 != 0xffff0ff0 || s->dr7 != 0x400;
    for (unsigned i = 0; i < 4; i++)
        bad += s->dr[i] != 0;
    for (unsigned i = 0; i < 8; i++)
        bad += s->r8_15[i] != 0;
    bad += s->fpu[0] != 0x7f || s->fpu[1] != 0x03;   /* control word: as after FNINIT, or after reset 0x40 */
    bad += s->fpu[24] != 0x80 || s->fpu[25] != 0x1f; /* MXCSR */
    for (unsigned i = 32; i < 416; i++)
        bad += s->fpu[i] != 0; /* x87 and XMM registers */
    return bad;
}

void attack_residue_look(void)
{
    static const struct attack me = {"residue-look", attack_residue_look, false, "0 words left"};
    uint64_t pattern = 0;
    uint64_t *low = bh_window(0, 0, 0);
    uint64_t words = nonzero(low, low + 512, &pattern);

    words += nonzero((uint64_t *)0x1000, (uint64_t *)0x100000, &pattern);
    words += nonzero(heap_start(), heap_end(), &pattern);
    unsigned registers = registers_not_reset();
    attack_now = &me;
    verdict(words == 0 && registers == 0, "%" PRIu64 " words left, %" PRIu64 " of the pattern, %u registers, life %" PRIu64, words,
            pattern, registers, bh_start_info()->lives);
}
