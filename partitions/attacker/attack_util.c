/* SPDX-License-Identifier: Apache-2.0 */
/* Trying things that may fault. */
#include <string.h>

#include "attack.h"
#include "lib.h"

#define SLOT_DATA 0u /* and 1, for what crosses into the next page */
#define SLOT_CODE 2u
#define SLOT_USER_STACK 3u

struct bh_fault attack_fault;

struct access {
    uint64_t where, value;
    unsigned bytes;
};

bool apic_is_x2(void)
{
    return bh_start_info()->x2apic;
}

bool is_own_memory(uint64_t gpa)
{
    return gpa < bh_start_info()->ram_size || (gpa >= BH_ABI_GPA && gpa < BH_ABI_GPA + BH_ABI_PAGES * 4096ull) ||
           (!apic_is_x2() && gpa >> 12 == 0xfee00);
}

uint64_t random64(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15ull;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

unsigned address_bits(void)
{
    uint32_t id[4];

    cpu_cpuid(0x80000000, 0, id);
    if (id[0] < 0x80000008)
        return 36;
    cpu_cpuid(0x80000008, 0, id);
    return id[0] & 0xff;
}

static volatile void *at(uint64_t gpa)
{
    bh_window(SLOT_DATA + 1, gpa + 4096, BH_WRITE);
    return bh_window(SLOT_DATA, gpa, BH_WRITE);
}

static void do_read(void *argument)
{
    struct access *a = argument;
    volatile void *p = at(a->where);

    a->value = a->bytes == 1   ? *(volatile uint8_t *)p
               : a->bytes == 2 ? *(volatile uint16_t *)p
               : a->bytes == 4 ? *(volatile uint32_t *)p
                               : *(volatile uint64_t *)p;
}

static void do_write(void *argument)
{
    struct access *a = argument;
    volatile void *p = at(a->where);

    if (a->bytes == 1)
        *(volatile uint8_t *)p = (uint8_t)a->value;
    else if (a->bytes == 2)
        *(volatile uint16_t *)p = (uint16_t)a->value;
    else if (a->bytes == 4)
        *(volatile uint32_t *)p = (uint32_t)a->value;
    else
        *(volatile uint64_t *)p = a->value;
}

static void do_rdmsr(void *argument)
{
    struct access *a = argument;

    a->value = cpu_rdmsr((uint32_t)a->where);
}

static void do_wrmsr(void *argument)
{
    struct access *a = argument;

    cpu_wrmsr((uint32_t)a->where, a->value);
}

static bool attempt(void (*fn)(void *), struct access *a)
{
    return !bh_try(fn, a, &attack_fault);
}

bool try_read(uint64_t gpa, unsigned bytes, uint64_t *value)
{
    struct access a = {.where = gpa, .bytes = bytes};
    bool done = attempt(do_read, &a);

    *value = a.value;
    return done;
}

bool try_write(uint64_t gpa, unsigned bytes, uint64_t value)
{
    struct access a = {.where = gpa, .value = value, .bytes = bytes};

    return attempt(do_write, &a);
}

bool try_rdmsr(uint32_t msr, uint64_t *value)
{
    struct access a = {.where = msr};
    bool done = attempt(do_rdmsr, &a);

    *value = a.value;
    return done;
}

bool try_wrmsr(uint32_t msr, uint64_t value)
{
    struct access a = {.where = msr, .value = value};

    return attempt(do_wrmsr, &a);
}

/* At level 0 a function; all registers but RSP may change. */
static void call_code(void *argument)
{
    struct access *a = argument;
    uint64_t rax = a->value, code = a->where;

    __asm__ volatile("push %%rbp\n\tpush %%rbx\n\tcall *%1\n\tcld\n\tpop %%rbx\n\tpop %%rbp"
                     : "+a"(rax), "+c"(code)
                     :
                     : "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    a->value = rax;
}

/* At level 3 it comes back by an exception: INT3 at its end, or what the code itself raises. */
static void enter_user(void *argument)
{
    static uint8_t stack[4096] __attribute__((aligned(4096)));
    struct access *a = argument;
    uint64_t rsp = (uintptr_t)bh_window(SLOT_USER_STACK, (uintptr_t)stack, BH_WRITE | BH_USER) + sizeof(stack);

    __asm__ volatile("push %0\n\tpush %1\n\tpush $0x202\n\tpush %2\n\tpush %3\n\tiretq" ::"i"(SEL_USER_DATA), "r"(rsp),
                     "i"(SEL_USER_CODE), "r"(a->where), "a"(a->value)
                     : "memory");
}

bool try_code(const uint8_t *code, unsigned length, uint64_t rax, bool user)
{
    static uint8_t page[4096] __attribute__((aligned(4096)));
    struct access a = {.value = rax};

    memcpy(page, code, length);
    page[length] = user ? 0xcc : 0xc3; /* INT3, RET */
    a.where = (uintptr_t)bh_window(SLOT_CODE, (uintptr_t)page, BH_EXECUTE | (user ? BH_USER : 0));
    if (!user)
        return attempt(call_code, &a);
    attempt(enter_user, &a);
    return attack_fault.vector == VECTOR_BP;
}
