/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks from the TSC; sleeping and the periodic timer by the local APIC. Where a one-shot comes early or late (emulators do
 * that), the TSC decides. */
#include "cpu.h"
#include "lib.h"
#include "scale.h"

static uint64_t factor, origin;

void time_init(void)
{
    factor = scale_factor(bh_start_info()->tsc_khz);
    origin = cpu_tsc();
}

uint64_t bh_tsc(void)
{
    return cpu_tsc();
}

uint64_t bh_tsc_to_ns(uint64_t ticks)
{
    return scale_to_ns(ticks, factor);
}

uint64_t bh_now_ns(void)
{
    uint64_t now = cpu_tsc();

    return now < origin ? 0 : scale_to_ns(now - origin, factor);
}

uint64_t bh_wall_ns(void)
{
    const struct bh_start_info *info = bh_start_info();

    return info->wall_base * 1000000000ull + scale_to_ns(cpu_tsc() - info->tsc_base, factor);
}

static void on_timer(struct bh_frame *frame)
{
    struct core *core = this_core();

    core->armed = 0;
    if (core->periodic && core->periodic_handler)
        core->periodic_handler(frame);
}

void bh_timer_periodic(uint64_t period, bh_handler handler)
{
    struct core *core = this_core();
    bool were_on = bh_irq_off();

    bh_irq_handler(BH_VECTOR_TIMER, on_timer);
    core->periodic = period;
    core->periodic_handler = handler;
    core->armed = 0;
    apic_timer(period, BH_VECTOR_TIMER, true);
    bh_irq_restore(were_on);
}

/* Under a periodic timer its next tick is the wake-up: there is one timer. A one-shot that is left over when something else
 * woke us does no harm: it wakes once more. So one that comes earlier than it must is left as it is, instead of being set
 * anew at each wait; one that is overdue is not trusted. */
void bh_wait(uint64_t deadline)
{
    struct core *core = this_core();
    uint64_t now = bh_now_ns();

    if (now >= deadline)
        return;
    if (core->periodic == 0 && deadline != UINT64_MAX && (core->armed <= now || deadline < core->armed)) {
        bh_irq_handler(BH_VECTOR_TIMER, on_timer);
        apic_timer(deadline - now, BH_VECTOR_TIMER, false);
        core->armed = deadline;
    }
    uint64_t since = cpu_tsc();
    cpu_halt();
    core->halted += cpu_tsc() - since;
}

uint64_t bh_busy_ns(void)
{
    return scale_to_ns(cpu_tsc() - origin - this_core()->halted, factor);
}

void bh_sleep_ns(uint64_t ns)
{
    uint64_t now = bh_now_ns();
    uint64_t deadline = now + ns < now ? UINT64_MAX : now + ns;
    bool were_on = bh_irq_off();

    while (bh_now_ns() < deadline)
        bh_wait(deadline);
    bh_irq_restore(were_on);
}
