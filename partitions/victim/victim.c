/* SPDX-License-Identifier: Apache-2.0 */
/* The one that has something to lose: pages of secrets, a ticking timer and registers with known values on every core. A
 * stray interrupt, NMI or INIT, a changed byte or register is noticed; `check` says what was seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bh.h"
#include "cpu.h"

#define SECRET_WORDS (512u * 512u) /* 2 MiB */
#define TICK_NS 5000000ul
#define CR4_OSXSAVE (1ul << 18)
#define SECRET 0x5ec2e700deadbee5ul

static uint64_t *secrets;
static volatile uint64_t ticks[BH_MAX_CORES], nmis, wrong_registers;
bool victim_hold_registers(uint64_t pattern);

static uint64_t secret(size_t i)
{
    return SECRET ^ (i * 0x100000001b3ul);
}

static void on_tick(struct bh_frame *frame)
{
    (void)frame;
    ticks[bh_core()]++;
}

static void on_nmi(struct bh_frame *frame)
{
    (void)frame;
    nmis++;
}

/* The extended states of this core, which it leaves as they are after a reset. */
static bool xcr0_changed(void)
{
    uint32_t id[4], low, high;

    cpu_cpuid(1, 0, id);
    if (!(id[2] >> 26 & 1))
        return false;
    cpu_set_cr4(cpu_cr4() | CR4_OSXSAVE);
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low != 1 || high != 0;
}

/* Each core for ever: put a pattern into the registers, wait for an interrupt, see whether it is still there. */
static void hold(uint64_t round)
{
    if (!victim_hold_registers(SECRET + round * 0x10001))
        wrong_registers++;
}

static void other_core(void *argument)
{
    (void)argument;
    bh_timer_periodic(TICK_NS, on_tick);
    for (uint64_t round = 0;; round++)
        hold(round);
}

static void check(unsigned cores)
{
    static uint64_t seen[BH_MAX_CORES];
    size_t bad = 0;
    unsigned still = 0;

    for (size_t i = 0; i < SECRET_WORDS; i++)
        bad += ((volatile uint64_t *)secrets)[i] != secret(i);
    for (unsigned core = 0; core < cores; core++) {
        still += ticks[core] == seen[core];
        seen[core] = ticks[core];
    }
    wrong_registers += xcr0_changed();
    bool ok = bad + still + nmis + wrong_registers + bh_irq_unexpected_total() == 0;
    printf("victim check: %s, %zu changed words, %u cores without ticks, %lu stray interrupts, %lu NMIs, %lu changed registers\n",
           ok ? "ok" : "BAD", bad, still, bh_irq_unexpected_total(), nmis, wrong_registers);
    for (unsigned v = 0; v < 256; v++)
        if (bh_irq_unexpected(v))
            printf("  vector 0x%x: %lu\n", v, bh_irq_unexpected(v));
}

int main(int argc, char **argv)
{
    unsigned cores = bh_start_info()->cores < BH_MAX_CORES ? bh_start_info()->cores : BH_MAX_CORES;
    char line[256];

    (void)argc;
    secrets = malloc(SECRET_WORDS * 8ul);
    if (!secrets)
        return 1;
    for (size_t i = 0; i < SECRET_WORDS; i++)
        secrets[i] = secret(i);
    bh_irq_handler(2, on_nmi);
    for (unsigned core = 1; core < cores; core++)
        if (!bh_cpu_start(core, other_core, 0))
            printf("error: core %u did not start\n", core);
    printf("%s: life %lu, %u core%s, holds %u MiB of secrets; type check\n", argv[0], bh_start_info()->lives, cores,
           cores == 1 ? "" : "s", SECRET_WORDS * 8u >> 20);
    bh_timer_periodic(TICK_NS, on_tick);
    for (uint64_t round = 0;; round++) {
        bh_watchdog_pet();
        hold(round);
        while (bh_getline(line, sizeof(line)))
            if (strcmp(line, "check") == 0)
                check(cores);
            else if (strncmp(line, "exit", 4) == 0)
                exit(atoi(line + 4));
    }
}
