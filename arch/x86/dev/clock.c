/* SPDX-License-Identifier: Apache-2.0 */
/* Time: the rates of the TSC and of the local APIC timer, measured once against the board's reference clock, and wall time. */
#include "arch.h"
#include "dev.h"
#include "lapic.h"
#include "plan.h"
#include "x86.h"

#define TRIES 3u
#define TRY_MS 20u
#define BRACKETS 8u
#define WAIT_ROUNDS 20000000u /* 20 ms are 2 million rounds of 10 instructions under -icount; a real port read takes 1 us */
#define APIC_DIVIDE_BY_1 0x0bu

static struct {
    uint64_t tsc_khz, apic_khz, boot_ticks, wall_base;
} clock; /* set once before the seal */

/* The clocks at one moment: everything else is read between two TSC reads. */
struct sample {
    uint64_t tsc;
    uint32_t reference, apic; /* apic counts down */
};

static uint32_t reference_hz(void)
{
    return plan.board->pm_timer_port ? PM_TIMER_HZ : PIT_HZ;
}

static uint32_t reference_mask(void)
{
    return plan.board->pm_timer_port ? 0xffffffu : 0xffffu;
}

static uint32_t reference_read(void)
{
    return plan.board->pm_timer_port ? inl(plan.board->pm_timer_port) & 0xffffffu : pit_reference();
}

/* The narrowest of several brackets: a disturbed one (SMI, a busy host) is wide and loses. */
static struct sample clock_sample(void)
{
    struct sample best = {0, 0, 0};
    uint64_t narrowest = UINT64_MAX;

    for (unsigned i = 0; i < BRACKETS; i++) {
        uint64_t before = rdtsc();
        uint32_t reference = reference_read();
        uint32_t apic = lapic_read(APIC_TIMER_CURRENT);
        uint64_t width = rdtsc() - before;

        if (width < narrowest) {
            narrowest = width;
            best = (struct sample){before + width / 2, reference, apic};
        }
    }
    return best;
}

/* Bounded (SEP-7). */
static bool reference_wait(uint32_t from, uint32_t count)
{
    for (unsigned round = 0; round < WAIT_ROUNDS; round++)
        if (((reference_read() - from) & reference_mask()) >= count)
            return true;
    return false;
}

/* One measurement, in kHz; false: the reference stands still. */
static bool clock_measure(uint64_t *tsc_khz, uint64_t *apic_khz)
{
    struct sample from = clock_sample(), to;
    uint64_t passed;

    if (!reference_wait(from.reference, reference_hz() / 1000 * TRY_MS))
        return false;
    to = clock_sample();
    passed = ((uint64_t)to.reference - from.reference) & reference_mask();
    *tsc_khz = (to.tsc - from.tsc) * reference_hz() / (passed * 1000);
    *apic_khz = (uint64_t)(from.apic - to.apic) * reference_hz() / (passed * 1000);
    return true;
}

static uint64_t median(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t low = a < b ? a : b, high = a < b ? b : a;

    return c < low ? low : c > high ? high : c;
}

const char *clock_calibrate(uint64_t boot_ticks)
{
    uint64_t tsc[TRIES], apic[TRIES], epoch;

    if (plan.board->pm_timer_port == 0)
        pit_reference_start();
    lapic_write(APIC_LVT_TIMER, APIC_LVT_MASKED);
    lapic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_BY_1);
    lapic_write(APIC_TIMER_INITIAL, UINT32_MAX);
    for (unsigned i = 0; i < TRIES; i++)
        if (!clock_measure(&tsc[i], &apic[i]))
            return "CLOCK-1: the reference clock stands still: check pm_timer_port of the board";
    lapic_write(APIC_TIMER_INITIAL, 0);
    clock.tsc_khz = median(tsc[0], tsc[1], tsc[2]);
    clock.apic_khz = median(apic[0], apic[1], apic[2]);
    if (clock.tsc_khz < 1000 || clock.apic_khz < 100)
        return "CLOCK-2: TSC or local APIC timer stands still";
    clock.boot_ticks = boot_ticks;
    epoch = rtc_epoch();
    clock.wall_base = epoch ? epoch - (rdtsc() - boot_ticks) / (clock.tsc_khz * 1000) : 0;
    return 0;
}

uint64_t arch_ticks(void)
{
    return rdtsc();
}

uint64_t arch_tsc_khz(void)
{
    return clock.tsc_khz;
}

uint64_t arch_apic_timer_khz(void)
{
    return clock.apic_khz;
}

uint64_t arch_boot_ticks(void)
{
    return clock.boot_ticks;
}

uint64_t arch_wall_base(void)
{
    return clock.wall_base;
}
