/* SPDX-License-Identifier: Apache-2.0 */
/* The crash record over boots. Each boot is a child process; the crash area and the UART's output are memory they share. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch.h"
#include "console.h"
#include "crash.h"
#include "plan.h"

#define RESET_STATUS 42

const struct plan plan = {.crash = {0x700000}, .crash_size = 0x10000};

static struct shared {
    struct crash_record record;
    char uart[4096], log[8192];
    unsigned uart_length;
    uint64_t ticks;
} * shared;

/* --- fakes ------------------------------------------------------------------------------------------------------------------ */

static unsigned core = 1;
static bool uart_dead;
static void (*on_uart)(void);

void *arch_ptr(hpa_t hpa)
{
    assert_int_equal(hpa.v, plan.crash.v);
    return &shared->record;
}

unsigned arch_core(void)
{
    return core;
}

uint64_t arch_ticks(void)
{
    return shared->ticks += 1000;
}

uint64_t arch_tsc_khz(void)
{
    return 1000000;
}

uint64_t arch_boot_ticks(void)
{
    return 0;
}

void arch_pause(void)
{
}

/* The hook runs when one byte is out. */
size_t arch_uart_write(enum uart_writer writer, const char *bytes, size_t size)
{
    assert_int_equal(writer, UART_CRASH);
    for (size_t i = 0; !uart_dead && i < size && i < 16; i++) {
        void (*hook)(void) = on_uart;

        if (shared->uart_length < sizeof(shared->uart) - 1)
            shared->uart[shared->uart_length++] = bytes[i];
        on_uart = NULL;
        if (hook)
            hook();
    }
    return uart_dead ? 0 : size < 16 ? size : 16;
}

_Noreturn void arch_reset(void)
{
    _exit(RESET_STATUS);
}

void log_line(const char *format, ...)
{
    size_t used = strlen(shared->log);
    va_list list;

    va_start(list, format);
    vsnprintf(shared->log + used, sizeof(shared->log) - used, format, list);
    va_end(list);
    strcat(shared->log, "\n");
}

size_t format_text(char *out, size_t size, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(out, size, format, list);
    va_end(list);
    return strlen(out);
}

/* --- boots ------------------------------------------------------------------------------------------------------------------- */

static int boot(void (*life)(void))
{
    int status;
    pid_t child;

    shared->uart_length = 0;
    memset(shared->uart, 0, sizeof(shared->uart));
    memset(shared->log, 0, sizeof(shared->log));
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        life();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static struct crash_state some_state(uint64_t rsp)
{
    struct crash_state s = {
        .vector = 14, .error_code = 2, .rip = 0x201234, .rsp = rsp, .rflags = 0x46, .cr2 = 0xdead000, .cr3 = 0x300000};

    for (unsigned i = 0; i < 16; i++)
        s.regs[i] = 0x1111 * i;
    return s;
}

static void life_quiet(void)
{
    exit(crash_report() ? 1 : 0);
}

static void life_crash(void)
{
    static const uint64_t stack[16] = {0xabc0, 0xabc1, 0xabc2, [15] = 0xabcf};
    struct crash_state s = some_state((uint64_t)(uintptr_t)stack);

    crash_report();
    crash(&s, "page fault in the hypervisor");
}

static void life_invariant(void)
{
    crash_report();
    INVARIANT(1 + 1 == 3, "arithmetic");
}

static int setup(void **state)
{
    (void)state;
    memset(shared, 0, sizeof(*shared));
    return 0;
}

static void test_first_boot_after_power_on(void **state)
{
    (void)state;
    memset(&shared->record, 0xa5, sizeof(shared->record)); /* whatever RAM holds */
    assert_int_equal(boot(life_quiet), 0);
    assert_int_equal(shared->record.boot, 1);
    assert_string_equal(shared->log, "");
    assert_int_equal(boot(life_quiet), 0);
    assert_int_equal(shared->record.boot, 2);
}

static void test_crash_is_reported_once_by_the_next_boot(void **state)
{
    (void)state;
    assert_int_equal(boot(life_quiet), 0);
    assert_int_equal(boot(life_crash), RESET_STATUS);
    assert_non_null(strstr(shared->uart, "CRASH on core 1: page fault in the hypervisor (vector 14"));
    assert_int_equal(shared->record.valid, CRASH_MAGIC);
    assert_int_equal(boot(life_quiet), 1);
    assert_non_null(strstr(shared->log, "crash record of boot 2: page fault in the hypervisor"));
    assert_non_null(strstr(shared->log, "core 1 vector 14 error 2 rip 201234"));
    assert_non_null(strstr(shared->log, "cr2 dead000"));
    assert_non_null(strstr(shared->log, "000000000000ffff"));            /* r15 */
    assert_non_null(strstr(shared->log, "stack +00: 000000000000abc0")); /* and what was on the stack */
    assert_non_null(strstr(shared->log, "000000000000abcf"));
    assert_int_equal(boot(life_quiet), 0);
    assert_string_equal(shared->log, "");
    assert_int_equal(shared->record.boot, 4);
}

static void test_invariant_without_registers(void **state)
{
    (void)state;
    assert_int_equal(boot(life_invariant), RESET_STATUS);
    assert_int_equal(boot(life_quiet), 1);
    assert_non_null(strstr(shared->log, "boot 1: arithmetic"));
}

static void life_crash_before_report(void)
{
    crash_here("very early");
}

static void test_crash_before_the_report(void **state)
{
    (void)state;
    memset(&shared->record, 0x5a, sizeof(shared->record));
    assert_int_equal(boot(life_crash_before_report), RESET_STATUS);
    assert_int_equal(boot(life_quiet), 1);
    assert_non_null(strstr(shared->log, "boot 0: very early"));
}

static void test_damaged_record_is_not_believed(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof(struct crash_record); at++) {
        if (at % 61 != 0 && at > 40)
            continue;
        memset(shared, 0, sizeof(*shared));
        assert_int_equal(boot(life_crash), RESET_STATUS);
        ((uint8_t *)&shared->record)[at] ^= 0x10;
        assert_int_equal(boot(life_quiet), 0);
        assert_int_equal(shared->record.boot, 1);
    }
}

/* --- faults while crashing ----------------------------------------------------------------------------------------------------- */

static void fault_again(int number)
{
    struct crash_state s = some_state(0);

    (void)number;
    crash(&s, "second fault");
}

static void life_bad_stack(void)
{
    struct sigaction action = {.sa_handler = fault_again, .sa_flags = SA_NODEFER};
    uint8_t *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct crash_state s = some_state((uint64_t)(uintptr_t)hole);

    sigaction(SIGSEGV, &action, NULL);
    crash_report();
    crash(&s, "stack overflow");
}

static void test_unreadable_stack_leaves_the_record(void **state)
{
    (void)state;
    assert_int_equal(boot(life_bad_stack), RESET_STATUS);
    assert_null(strstr(shared->uart, "second fault"));
    assert_int_equal(boot(life_quiet), 1);
    assert_non_null(strstr(shared->log, "boot 1: stack overflow"));
    assert_non_null(strstr(shared->log, "stack +00: 0000000000000000"));
}

static void same_core_again(void)
{
    crash_here("nested");
}

static void other_core_too(void)
{
    core = 3;
    crash_here("other core");
}

static void life_nested(void)
{
    on_uart = same_core_again;
    life_crash();
}

static void life_two_cores(void)
{
    on_uart = other_core_too;
    life_crash();
}

static void test_second_fault_resets_at_once(void **state)
{
    (void)state;
    assert_int_equal(boot(life_nested), RESET_STATUS);
    assert_int_equal(shared->uart_length, 1);
    assert_true(shared->ticks < 1000000);
    assert_int_equal(boot(life_quiet), 1);
    assert_non_null(strstr(shared->log, "page fault in the hypervisor"));
    assert_null(strstr(shared->log, "nested"));
}

static void test_other_core_waits_then_resets(void **state)
{
    (void)state;
    assert_int_equal(boot(life_two_cores), RESET_STATUS);
    assert_true(shared->ticks >= 2000u * 1000000u);
    assert_int_equal(boot(life_quiet), 1);
    assert_non_null(strstr(shared->log, "core 1 vector 14"));
    assert_null(strstr(shared->log, "other core"));
}

static void life_dead_uart(void)
{
    uart_dead = true;
    life_crash();
}

static void test_dead_uart_does_not_stop_the_reset(void **state)
{
    (void)state;
    assert_int_equal(boot(life_dead_uart), RESET_STATUS);
    assert_int_equal(shared->uart_length, 0);
    assert_int_equal(boot(life_quiet), 1);
}

static void life_long_text(void)
{
    char text[400];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    crash_here(text);
}

static void test_long_text_is_cut(void **state)
{
    (void)state;
    assert_int_equal(boot(life_long_text), RESET_STATUS);
    assert_int_equal(strlen(shared->record.text), CRASH_TEXT - 1);
    assert_int_equal(boot(life_quiet), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_first_boot_after_power_on, setup),
        cmocka_unit_test_setup(test_crash_is_reported_once_by_the_next_boot, setup),
        cmocka_unit_test_setup(test_invariant_without_registers, setup),
        cmocka_unit_test_setup(test_crash_before_the_report, setup),
        cmocka_unit_test_setup(test_damaged_record_is_not_believed, setup),
        cmocka_unit_test_setup(test_unreadable_stack_leaves_the_record, setup),
        cmocka_unit_test_setup(test_second_fault_resets_at_once, setup),
        cmocka_unit_test_setup(test_other_core_waits_then_resets, setup),
        cmocka_unit_test_setup(test_dead_uart_does_not_stop_the_reset, setup),
        cmocka_unit_test_setup(test_long_text_is_cut, setup),
    };

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
