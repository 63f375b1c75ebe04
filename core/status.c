/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown of a partition. All is read while it changes: a number may be torn from its neighbours, which does no harm to who only shows
 * it. */
#include "status.h"

#include "arch.h"
#include "channel.h"
#include "console.h"
#include "memory.h"

_Static_assert(EXIT_KIND_COUNT <= BH_EXIT_KINDS && DENIED_COUNT <= BH_DENIED_KINDS && EVENT_COUNT <= BH_EVENT_KINDS,
               "struct bh_status has room for all counters");
_Static_assert(BH_OUTPUT_KEPT + 64 <= CONSOLE_RING, "the writer is never at what may be read");
_Static_assert(MAX_CORES <= 32, "bh_status.vcpus_idle");

static uint64_t word(const uint64_t *at)
{
    return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static void counters_add(struct bh_status *status, const struct vcpu *vcpu)
{
    status->busy += word(&vcpu->counters.ticks);
    for (unsigned kind = 0; kind < EXIT_KIND_COUNT; kind++)
        status->exits[kind] += word(&vcpu->counters.exits[kind]);
    for (unsigned kind = 0; kind < DENIED_COUNT; kind++)
        status->denied[kind] += word(&vcpu->counters.denied[kind]);
    if (atomic_load_explicit(&vcpu->mode, memory_order_relaxed) == VCPU_WAIT_SIPI)
        status->vcpus_idle |= 1u << vcpu->index;
}

static uint32_t restarts_within(const struct partition *seen, uint64_t now)
{
    uint64_t window = (uint64_t)seen->plan->restart.window_ms * arch_tsc_khz();
    uint32_t count = __atomic_load_n(&seen->restart.count, __ATOMIC_RELAXED), within = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(seen->restart.times) && i < count; i++)
        within += now - word(&seen->restart.times[i]) < window;
    return within;
}

/* In milliseconds; a time of another core may lie ahead. */
static uint32_t age(uint64_t now, uint64_t since)
{
    return (int64_t)(now - since) > 0 ? (uint32_t)((now - since) / arch_tsc_khz()) : 0;
}

static void text_into(char *to, size_t size, const char *from)
{
    for (size_t i = 0; i + 1 < size && from[i] != 0; i++)
        to[i] = from[i];
}

uint64_t status_read(const struct partition *seen, struct bh_status *answer)
{
    uint64_t now = arch_ticks();
    uint8_t cause = atomic_load(&seen->stop_cause);
    struct bh_status s = {
        .state = atomic_load(&seen->state),
        .kind = (uint32_t)seen->plan->kind,
        .cores = seen->plan->core_count,
        .memory = seen->plan->memory,
        .lives = word(&seen->lives),
        .now = now,
        .started = word(&seen->started),
        .out_lost = word(&seen->out->dropped),
        .out_produced = __atomic_load_n(&seen->out->produced, __ATOMIC_RELAXED),
        .restarts = restarts_within(seen, now),
        .restart_limit = seen->plan->restart.limit,
        .restart_window_ms = seen->plan->restart.window_ms,
        .watchdog_ms = seen->plan->watchdog.period_ms,
        .watchdog_age = age(now, word(&seen->watchdog.since)),
        .stops = __atomic_load_n(&seen->stops.made, __ATOMIC_RELAXED),
        .trace = seen->vcpus[0].trace.records == 0 ? 2 : atomic_load_explicit(&seen->vcpus[0].trace.on, memory_order_relaxed) != 0,
    };

    text_into(s.name, sizeof(s.name), seen->plan->name);
    text_into(s.cause, sizeof(s.cause), cause != CAUSE_NONE ? cause_name(cause) : "");
    for (unsigned i = 0; i < EVENT_COUNT; i++)
        s.events[i] = atomic_load_explicit(&seen->health.counts[i], memory_order_relaxed);
    channel_counts(seen, &s.channel_bytes, &s.doorbells);
    for (uint32_t i = 0; i < seen->plan->core_count; i++)
        counters_add(&s, &seen->vcpus[i]);
    *answer = s;
    return sizeof(s);
}

uint64_t output_read(const struct partition *seen, uint64_t u_where, uint8_t answer[BH_ANSWER_SIZE])
{
    const struct console_ring *out = seen->out;
    uint32_t from = (uint32_t)u_where, count = __atomic_load_n(&out->produced, __ATOMIC_ACQUIRE) - from, first;

    if (u_where > UINT32_MAX || count > BH_OUTPUT_KEPT)
        return BH_EINVAL;
    count = count < BH_ANSWER_SIZE ? count : BH_ANSWER_SIZE;
    first = CONSOLE_RING - from % CONSOLE_RING;
    first = first < count ? first : count;
    memcpy(answer, out->bytes + from % CONSOLE_RING, first);
    memcpy(answer + first, out->bytes, count - first);
    if (__atomic_load_n(&out->produced, __ATOMIC_ACQUIRE) - from > CONSOLE_RING - 64)
        return BH_AGAIN;
    return count;
}
