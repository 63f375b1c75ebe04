/* SPDX-License-Identifier: Apache-2.0 */
/* AC-49, AC-24, SEP-9: fill memory and, on each of two cores, vector, debug and model-specific registers with a pattern, let the cores
 * remember other memory where the next life begins, start again, look for all this. Expected: the next life begins, and finds memory
 * outside its image zero and registers as after a reset. The look is the first thing each life does. */
#include <string.h>

#include "attack.h"
#include "lib.h"

#define PATTERN 0x5afe5afe7ea57ea5ull
#define CANONICAL (PATTERN & 0x7fffffff)
#define PATIENCE_MS 5000u
#define COMMAND_INIT 0x4500u
#define CR4_OSXSAVE (1ull << 18)
#define CR4_PGE (1ull << 7)
#define GLOBAL (1ull << 8)
#define TRAMPOLINE 0x8000u /* where a further core begins: smp.c */
#define XCR0_RESET 1u
#define XCR0_AVX 7u
#define AVX_AT 576u /* upper halves of YMM registers in an XSAVE area: SDM1 13.5 */
#define AVX_SIZE 256u

/* Open, or kept for the guest, and not written by the library. Those that this processor does not have are passed over. */
static const struct {
    uint32_t msr;
    uint64_t fill, reset;
} msrs[] = {
    {0x174, CANONICAL, 0},      {0x175, CANONICAL, 0},
    {0x176, CANONICAL, 0},      {0x277, 0x0606060606060606, 0x0007040600070406},
    {0xc0000081, PATTERN, 0},   {0xc0000082, CANONICAL, 0},
    {0xc0000083, CANONICAL, 0}, {0xc0000084, CANONICAL, 0},
    {0xc0000102, CANONICAL, 0}, {0xc0000103, CANONICAL, 0},
};
#define MSRS (sizeof(msrs) / sizeof(msrs[0]))

static const uint64_t pattern_word = PATTERN;
static volatile bool done_there; /* by the second core */

static uint64_t *heap_start(void)
{
    return (uint64_t *)(uintptr_t)bh_image_end;
}

static uint64_t *heap_end(void)
{
    return (uint64_t *)(uintptr_t)(bh_start_info()->ram_size & ~0xfffull);
}

/* --- one core's registers -------------------------------------------------------------------------------------------------------- */

static bool has_avx(void)
{
    uint32_t id[4];

    cpu_cpuid(1, 0, id);
    return (id[2] >> 26 & 1) && (id[2] >> 28 & 1);
}

static void xcr0_set(uint32_t value)
{
    __asm__ volatile("xsetbv" ::"c"(0), "a"(value), "d"(0));
}

static uint32_t xcr0_get(void)
{
    uint32_t low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

/* From here on only assembly: the compiler's code might use vector registers. */
static void registers_fill(void)
{
    for (unsigned i = 0; i < MSRS; i++)
        try_wrmsr(msrs[i].msr, msrs[i].fill);
    cpu_set_dr0(CANONICAL);
    cpu_set_dr1(CANONICAL);
    cpu_set_dr2(CANONICAL);
    cpu_set_dr3(CANONICAL);
    if (has_avx()) {
        cpu_set_cr4(cpu_cr4() | CR4_OSXSAVE);
        xcr0_set(XCR0_AVX);
        __asm__ volatile("vbroadcastsd %0, %%ymm0\n\tvbroadcastsd %0, %%ymm7\n\tvbroadcastsd %0, %%ymm15" ::"m"(pattern_word));
    }
    __asm__ volatile("movq %0, %%xmm0\n\tmovq %0, %%xmm7\n\tmovq %0, %%xmm15\n\tfldl %0\n\tfldl %0" ::"m"(pattern_word));
}

/* On this core, upper halves of vector registers; XCR0 itself counts too. */
static unsigned upper_halves_not_reset(void)
{
    static uint8_t area[1024] __attribute__((aligned(64)));
    uint64_t cr4 = cpu_cr4();
    unsigned bad;

    if (!has_avx())
        return 0;
    cpu_set_cr4(cr4 | CR4_OSXSAVE);
    bad = xcr0_get() != XCR0_RESET;
    xcr0_set(XCR0_AVX);
    memset(area, 0, sizeof(area));
    __asm__ volatile("xsave64 %0" : "+m"(area) : "a"(XCR0_AVX), "d"(0));
    for (unsigned i = 0; i < AVX_SIZE; i++)
        bad += area[AVX_AT + i] != 0;
    xcr0_set(XCR0_RESET);
    cpu_set_cr4(cr4);
    return bad;
}

static unsigned entry_state_not_reset(const struct bh_entry_state *s)
{
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

/* On this core, which had entered this life as `s` says. */
static unsigned registers_not_reset(const struct bh_entry_state *s)
{
    unsigned bad = entry_state_not_reset(s) + upper_halves_not_reset();
    uint64_t value;

    for (unsigned i = 0; i < MSRS; i++)
        bad += try_rdmsr(msrs[i].msr, &value) && value != msrs[i].reset;
    return bad;
}

void bh_entry(void);

/* A page in which a life begins, before it has tables of its own, is another one for this core from now on, and remembered for code
 * and for data. Only what lies in no such page may be called afterwards. */
__attribute__((target("general-regs-only"), noinline)) static void translation_fill(uint64_t address)
{
    static volatile uint8_t other[4096] __attribute__((aligned(4096)));
    uint64_t page = address & ~0xfffull;
    volatile uint64_t *entries = (volatile uint64_t *)(uintptr_t)(cpu_cr3() & ~0xfffull);

    for (unsigned i = 0; i < sizeof(other); i++)
        other[i] = 0xc3; /* RET */
    for (unsigned shift = 39; shift > 12; shift -= 9)
        entries = (volatile uint64_t *)(uintptr_t)(entries[page >> shift & 511] & 0xffffffffff000ull);
    entries[page >> 12 & 511] = (uintptr_t)other | PTE_PRESENT | PTE_WRITE | GLOBAL;
    cpu_set_cr4(cpu_cr4() | CR4_PGE);
    cpu_invlpg((const void *)(uintptr_t)page);
    ((void (*)(void))(uintptr_t)page)();
    (void)*(volatile uint8_t *)(uintptr_t)page;
}

/* --- the second core ---------------------------------------------------------------------------------------------------------------- */

/* Run fn there, from INIT on, though it may have run something before. False: nothing came of it. */
static bool second_core_run(void (*fn)(void *), void *argument)
{
    bh_cores[1].work = 0;
    bh_cores[1].up = false;
    done_there = false;
    if (!bh_cpu_start(1, fn, argument))
        return false;
    for (unsigned ms = 0; ms < PATIENCE_MS && !done_there; ms++)
        bh_sleep_ns(1000000);
    return done_there;
}

static void fill_there(void *unused)
{
    (void)unused;
    bh_irq_off();
    registers_fill();
    translation_fill(TRAMPOLINE);
    __asm__ volatile(".irp reg, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15\n\tmov %0, %%\\reg\n\t.endr\n\t"
                     "movb $1, %1\n1:\tpause\n\tjmp 1b" ::"m"(pattern_word),
                     "m"(done_there));
    __builtin_unreachable();
}

static void look_there(void *bad)
{
    *(unsigned *)bad = registers_not_reset(&bh_ap_entry_state);
    done_there = true;
}

/* What is not as after a reset there; it waits for a start-up interrupt afterwards, as other attacks expect. */
static unsigned second_core_look(void)
{
    static unsigned bad;

    if (bh_start_info()->cores < 2)
        return 0;
    if (!second_core_run(look_there, &bad)) {
        detail("the second core did not come");
        bad = ~0u;
    }
    apic_send(1, COMMAND_INIT);
    return bad;
}

/* --- the attack ------------------------------------------------------------------------------------------------------------------------ */

/* The last call, with the pattern in the registers that it does not need. */
#define END_FULL(instruction)                                                                                                      \
    __asm__ volatile("mov %0, %%r12\n\tmov %0, %%r13\n\tmov %0, %%r14\n\tmov %0, %%r15\n\tmov %0, %%rcx\n\tmov %1, %%eax\n\t"      \
                     "mov %2, %%edi\n\txor %%esi, %%esi\n\tmov $0x11, %%edx\n\t" instruction ::"m"(pattern_word),                  \
                     "i"(BH_CALL_END), "i"(BH_END_REBOOT)                                                                          \
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r12", "r13", "r14", "r15", "memory")

/* Never returns: everything, the C library's heap too, is overwritten. */
void attack_residue_fill(void)
{
    if (bh_start_info()->cores > 1 && !second_core_run(fill_there, 0)) {
        detail("the second core did not come");
        return;
    }
    bh_irq_off();
    for (uint64_t *p = (uint64_t *)0x1000; p < (uint64_t *)0x100000; p++)
        *p = PATTERN;
    for (uint64_t *p = heap_start(); p < heap_end(); p++)
        *p = PATTERN;
    registers_fill();
    translation_fill((uintptr_t)bh_entry);
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

void attack_residue_look(void)
{
    static const struct attack me = {"residue-look", attack_residue_look, false, "0 words left"};
    uint64_t pattern = 0;
    uint64_t *low = bh_window(0, 0, 0);
    uint64_t words = nonzero(low, low + 512, &pattern);

    words += nonzero((uint64_t *)0x1000, (uint64_t *)0x100000, &pattern);
    words += nonzero(heap_start(), heap_end(), &pattern);
    unsigned registers = registers_not_reset(&bh_entry_state), there;

    attack_now = &me;
    there = second_core_look();
    verdict(words == 0 && registers == 0 && there == 0,
            "%" PRIu64 " words left, %" PRIu64 " of the pattern, %u registers, %u on the second core, life %" PRIu64, words,
            pattern, registers, there, bh_start_info()->lives);
}
