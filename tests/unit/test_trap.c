/* SPDX-License-Identifier: Apache-2.0 */
/* The stubs of trap.S, run as they are: IRETQ works in a program too, on a stack and with a frame that the test has made. What a
 * processor would push (SDM3 6.14.2) is there before; what the stub has made of it is looked at after. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "trap.h"

#define IF (1u << 9)
#define REGISTERS 15u

extern char trap_stubs[], trap_drain_stub[];

/* By the processor, at the top of the stack; the error code, last, by some exceptions only. */
struct pushed {
    uint64_t error_code, rip, cs, rflags, rsp, ss;
};

/* In the order of struct trap_frame: r15, ..., r8, rdi, rsi, rbp, rbx, rdx, rcx, rax. */
uint64_t test_trap_before[REGISTERS], test_trap_after[REGISTERS];
void *test_trap_target;

/* Leaves to the stub with all registers loaded, RSP at `at`, and the direction flag set; comes back by its IRETQ. */
void test_trap_enter(void *at, struct pushed *pushed);
__asm__(".text\n"
        "test_trap_enter:\n"
        "       push %rbx\n       push %rbp\n       push %r12\n       push %r13\n       push %r14\n       push %r15\n"
        "       lea 1f(%rip), %rax\n       mov %rax, 8(%rsi)\n       mov %cs, 16(%rsi)\n"
        "       mov %rsp, 32(%rsi)\n       mov %ss, 40(%rsi)\n"
        "       mov %rdi, %rsp\n       std\n"
        "       i = 0\n"
        "       .irp reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax\n"
        "       mov test_trap_before + 8 * i(%rip), %\\reg\n       i = i + 1\n"
        "       .endr\n"
        "       jmp *test_trap_target(%rip)\n"
        "1:\n"
        "       i = 0\n"
        "       .irp reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax\n"
        "       mov %\\reg, test_trap_after + 8 * i(%rip)\n       i = i + 1\n"
        "       .endr\n"
        "       pop %r15\n       pop %r14\n       pop %r13\n       pop %r12\n       pop %rbp\n       pop %rbx\n       ret\n");

static uint8_t stack[64 << 10] __attribute__((aligned(16)));
static struct trap_frame handled; /* as trap_handle() found it */
static unsigned handles, drains;
static uint64_t flags; /* in the handler */
static bool aligned;   /* the stack as the ABI wants it at a call */

/* What a handler may do to registers. */
static void spoil(void)
{
    __asm__ volatile("pushfq\n\tpop %0\n\tmov $-1, %%eax\n\tmov %%rax, %%rcx\n\tmov %%rax, %%rdx\n\tmov %%rax, %%rsi\n\t"
                     "mov %%rax, %%rdi\n\tmov %%rax, %%r8\n\tmov %%rax, %%r9\n\tmov %%rax, %%r10\n\tmov %%rax, %%r11"
                     : "=b"(flags)
                     :
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "cc");
}

void trap_handle(struct trap_frame *frame)
{
    aligned = ((uintptr_t)__builtin_frame_address(0) & 15) == 0; /* RBP was pushed after the return address */
    handled = *frame;
    handles++;
    spoil();
}

void trap_drain_handle(void)
{
    aligned = ((uintptr_t)__builtin_frame_address(0) & 15) == 0;
    drains++;
    spoil();
}

/* The processor aligns the stack, pushes five words, and for some exceptions an error code. Returns what was pushed, afterwards. */
static struct pushed *interrupt(void *stub, bool has_code)
{
    struct pushed *pushed = (struct pushed *)(stack + sizeof(stack)) - 1;

    memset(stack, 0xee, sizeof(stack));
    *pushed = (struct pushed){.error_code = 0x1234, .rflags = 0x202};
    for (unsigned i = 0; i < REGISTERS; i++)
        test_trap_before[i] = 0x0101010101010101ull * (i + 1);
    memset(test_trap_after, 0, sizeof(test_trap_after));
    handles = drains = 0;
    aligned = false;
    test_trap_target = stub;
    test_trap_enter(has_code ? &pushed->error_code : &pushed->rip, pushed);
    assert_memory_equal(test_trap_before, test_trap_after, sizeof(test_trap_before));
    assert_true(aligned);
    assert_int_equal(flags & (1u << 10), 0);
    return pushed;
}

/* Or a sibling that sends without end keeps the core in one round of arch_apic_reset(), whose rounds are counted. */
static void sep7_a_drained_interrupt_returns_with_interrupts_off(void **state)
{
    struct pushed *pushed = interrupt(trap_drain_stub, false);

    (void)state;
    assert_int_equal(drains, 1);
    assert_int_equal(handles, 0);
    assert_int_equal(pushed->rflags, 0x202 & ~IF);
}

static void every_exception_has_its_frame(void **state)
{
    (void)state;
    for (unsigned vector = 0; vector < 32; vector++) {
        bool has_code = (0x60227d00u >> vector & 1) != 0; /* 8, 10 to 14, 17, 21, 29, 30 */
        struct pushed *pushed = interrupt(trap_stubs + 16 * (size_t)vector, has_code);

        assert_int_equal(handles, 1);
        assert_int_equal(drains, 0);
        assert_int_equal(handled.vector, vector);
        assert_int_equal(handled.error_code, has_code ? 0x1234 : 0);
        assert_memory_equal(&handled, test_trap_before, sizeof(test_trap_before));
        assert_memory_equal(&handled.rip, &pushed->rip, sizeof(*pushed) - sizeof(pushed->error_code));
        assert_int_equal(pushed->rflags, 0x202);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sep7_a_drained_interrupt_returns_with_interrupts_off),
        cmocka_unit_test(every_exception_has_its_frame),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
