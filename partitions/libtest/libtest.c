/* SPDX-License-Identifier: Apache-2.0 */
/* The library tested from inside: C library, clocks, timers, rights of memory, faults, further cores. One line per test, a sum at
 * the end, exit status 0 if all passed. Argument `overflow`: overflow the stack instead, which must be reported as that. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bh.h"
#include "cpu.h"

static unsigned passed, failed;
static struct bh_fault fault;

static void check(const char *name, bool ok)
{
    printf("libtest %s: %s\n", name, ok ? "ok" : "FAILED");
    passed += ok;
    failed += !ok;
}

static void c_library(void)
{
    char text[128];
    double root = sqrt(strtod("2.25", 0));

    snprintf(text, sizeof(text), "%.3f %e %lld %zu %#x %s", root, 12345.678, -5000000000LL, sizeof(text), 0xbeefu, "x");
    check("printf", strcmp(text, "1.500 1.234568e+04 -5000000000 128 0xbeef x") == 0);
    errno = 0;
    check("no files", fopen("/nothing", "r") == 0 && errno == ENOENT);
    time_t day = 951782400; /* 2000-02-29 */
    strftime(text, sizeof(text), "%Y-%m-%d", gmtime(&day));
    check("dates", strcmp(text, "2000-02-29") == 0);
}

static void memory(void)
{
    size_t size = 1 << 20, got = 0;
    void *blocks[512] = {0};

    for (; got < 512 && (blocks[got] = malloc(size)); got++)
        memset(blocks[got], 0x55, size);
    /* all but the image and some rest */
    check("malloc takes most of the memory", got == 512 || (got + 5) * size >= bh_start_info()->ram_size);
    check("malloc ends with ENOMEM", got == 512 || errno == ENOMEM);
    for (size_t i = 0; i < got; i++)
        free(blocks[i]);
    void *again = malloc(got * size / 2);
    check("free gives back", again != 0);
    free(again);
}

static void write_byte(void *where)
{
    *(volatile uint8_t *)where = 0xc3;
}

static void read_byte(void *where)
{
    (void)*(volatile uint8_t *)where;
}

static void jump(void *where)
{
    ((void (*)(void))where)();
}

static bool faults(void (*fn)(void *), const volatile void *where, unsigned vector)
{
    return bh_try(fn, (void *)(uintptr_t)where, &fault) && fault.vector == vector;
}

static void rights(void)
{
    static uint8_t code[16] = {0xc3};
    static const char constant[16] = "constant";

    check("page 0 is not mapped", faults(read_byte, (void *)8, 14) && fault.address == 8);
    check("text is read-only", faults(write_byte, (void *)(uintptr_t)rights, 14));
    check("constants are read-only", faults(write_byte, constant, 14));
    check("data is not executable", faults(jump, code, 14));
    check("the stack is not executable", faults(jump, (uint8_t[]){0xc3}, 14));
    check("start information is read-only", faults(write_byte, bh_start_info(), 14));
    check("a window can execute", !bh_try(jump, bh_window(0, (uintptr_t)code, BH_EXECUTE), &fault));
}

static void trap_ud(void *unused)
{
    (void)unused;
    __asm__ volatile("ud2");
}

static void trap_div(void *zero)
{
    volatile int one = 1, divisor = (int)(uintptr_t)zero;

    one /= divisor;
}

static void trap_gp(void *unused)
{
    (void)unused;
    (void)*(volatile uint8_t *)0x8000000000000000ull;
}

static unsigned breakpoints;

static void on_breakpoint(struct bh_frame *frame)
{
    (void)frame;
    breakpoints++;
}

static void exceptions(void)
{
    check("#UD is caught", bh_try(trap_ud, 0, &fault) && fault.vector == 6);
    check("#DE is caught", bh_try(trap_div, 0, &fault) && fault.vector == 0);
    check("#GP is caught", bh_try(trap_gp, 0, &fault) && fault.vector == 13);
    check("interrupts are on again", cpu_flags() & 0x200);
    bh_irq_handler(3, on_breakpoint);
    double x = 1.5;
    __asm__ volatile("int3" : "+x"(x));
    bh_irq_handler(3, 0);
    check("a handler may take an exception", breakpoints == 1 && x == 1.5);
}

static volatile unsigned ticks, soft;

static void on_tick(struct bh_frame *frame)
{
    volatile double x = 3.25; /* handlers may use floating point */

    (void)frame;
    x *= 2;
    ticks++;
}

static void on_soft(struct bh_frame *frame)
{
    (void)frame;
    soft++;
}

static void timers(void)
{
    uint64_t start = bh_now_ns(), wall = bh_wall_ns();

    bh_sleep_ns(50000000);
    uint64_t slept = bh_now_ns() - start;
    check("sleep", slept >= 50000000 && slept < 5000000000);
    uint64_t walked = bh_wall_ns() - wall, error = walked > slept ? walked - slept : slept - walked;
    check("the wall clock goes with it", error < 1000000000 && bh_wall_ns() / 1000000000 - (uint64_t)time(0) <= 1);
    bh_timer_periodic(1000000, on_tick);
    double sum = 0;
    for (start = bh_now_ns(); bh_now_ns() - start < 200000000;)
        sum += sqrt((double)ticks);
    bh_sleep_ns(50000000);
    bh_timer_periodic(0, 0);
    unsigned seen = ticks;
    check("periodic timer", seen > 20 && seen < 400 && sum >= 0);
    bh_sleep_ns(20000000);
    check("periodic timer stops", ticks == seen);
    bh_irq_handler(BH_VECTOR_FREE, on_soft);
    bh_ipi(0, BH_VECTOR_FREE);
    bh_sleep_ns(1000000);
    check("interrupt to oneself", soft == 1);
}

static volatile unsigned working[BH_MAX_CORES];

static void other_core(void *argument)
{
    unsigned core = (unsigned)(uintptr_t)argument;
    struct bh_fault own;

    for (unsigned i = 0; i < 100; i++) /* the C library's locks */
        free(malloc(100 + i));
    working[core] = bh_core() == core && bh_try(trap_ud, 0, &own) && own.vector == 6;
    bh_sleep_ns(10000000);
    working[core]++;
}

static void cores(void)
{
    unsigned count = bh_start_info()->cores;

    check("no core beyond the last", !bh_cpu_start(count, other_core, 0) && !bh_cpu_start(0, other_core, 0));
    for (unsigned core = 1; core < count && core < BH_MAX_CORES; core++) {
        char name[32];
        bool up = bh_cpu_start(core, other_core, (void *)(uintptr_t)core);
        for (unsigned i = 0; i < 200 && working[core] < 2; i++)
            bh_sleep_ns(10000000);
        snprintf(name, sizeof(name), "core %u", core);
        check(name, up && working[core] == 2);
    }
}

static unsigned overflow(unsigned depth)
{
    volatile char space[1024];

    space[depth % sizeof(space)] = (char)depth;
    if (depth == 1u << 30) /* far beyond any stack */
        return 0;
    return overflow(depth + 1) + (unsigned)space[0];
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "overflow") == 0)
        return (int)overflow(0);
    c_library();
    rights();
    exceptions();
    timers();
    cores();
    memory();
    check("nothing unexpected", bh_irq_unexpected_total() == 0);
    printf("libtest: %u passed, %u failed\n", passed, failed);
    return failed != 0;
}
