/* SPDX-License-Identifier: Apache-2.0 */
/* Rights of partitions over others. Who it is comes from the calling core, over whom from the caller's bits in the plan (AC-51). */
#include "rights.h"

#include "arch.h"
#include "console.h"
#include "recorder.h"
#include "status.h"
#include "trace.h"
#include "vcpu.h"

#define LIFE_MS 1000u
#define INPUT_MS 5u
#define TRACE_MS 100u
#define LOCKED_MS 1u /* what is read under a lock that others wait for */
#define AUDIT_MS 5000u
#define INPUT_BYTES 7u

/* --- who ------------------------------------------------------------------------------------------------------------------------- */

struct partition *rights_observed(const struct partition *by, uint64_t u_n)
{
    for (unsigned i = 0; i < plan.partition_count; i++)
        if (by->plan->observes >> i & 1 && u_n-- == 0)
            return &partitions[i];
    return 0;
}

static bool right(uint16_t bits, const struct partition *over)
{
    return bits >> over->index & 1;
}

/* A right that the table does not give counts as a denied access: so a flood of tries is a health event of the caller. */
static uint64_t refused(struct vcpu *vcpu, uint64_t what)
{
    partition_denied(vcpu, DENIED_OTHER, what);
    return BH_EPERM;
}

/* Eight characters of a name from this one on. */
static uint64_t name_part(const char *name, unsigned first)
{
    uint64_t part = 0;

    for (unsigned i = 0; name[i] != 0 && i < first + 8; i++)
        part |= i >= first ? (uint64_t)name[i] << 8 * (i - first) : 0;
    return part;
}

_Static_assert((unsigned)PARTITION_STOPPED == BH_STATE_STOPPED && (unsigned)PARTITION_RUNNING == BH_STATE_RUNNING &&
                   (unsigned)PARTITION_PAUSED == BH_STATE_PAUSED && (unsigned)PARTITION_STATE_COUNT == BH_STATE_COUNT,
               "enum bh_state");

uint64_t rights_observe(struct vcpu *vcpu, uint64_t u_n, uint64_t u_fact)
{
    const struct partition *seen = rights_observed(vcpu->partition, u_n);

    if (seen == 0 || u_fact >= BH_FACT_COUNT)
        return BH_EINVAL;
    if (u_fact == BH_FACT_STATE)
        return atomic_load(&seen->state);
    return u_fact == BH_FACT_STARTS ? __atomic_load_n(&seen->lives, __ATOMIC_RELAXED)
                                    : name_part(seen->plan->name, 8 * (unsigned)u_fact);
}

/* --- how often ---------------------------------------------------------------------------------------------------------------------- */

enum pace { PACE_LIFE, PACE_INPUT, PACE_TRACE, PACE_AUDIT, PACE_STOPS, PACE_LOG, PACE_COUNT };
static const uint32_t paces[PACE_COUNT] = {
    [PACE_LIFE] = LIFE_MS,   [PACE_INPUT] = INPUT_MS,  [PACE_TRACE] = TRACE_MS,
    [PACE_AUDIT] = AUDIT_MS, [PACE_STOPS] = LOCKED_MS, [PACE_LOG] = LOCKED_MS,
};

/* Each caller has its own clock for each of the others, so that none can use up another's. Of two of its cores that come at once one waits. */
static bool paced(const struct partition *by, const struct partition *over, enum pace pace)
{
    static _Atomic uint64_t last[MAX_PARTITIONS][MAX_PARTITIONS][PACE_COUNT];
    _Atomic uint64_t *at = &last[by->index][over->index][pace];
    uint64_t now = arch_ticks(), before = atomic_load(at);

    if (before != 0 && now - before < paces[pace] * arch_tsc_khz())
        return false;
    return atomic_compare_exchange_strong(at, &before, now);
}

/* --- control ------------------------------------------------------------------------------------------------------------------------- */

static bool act_start(struct partition *over)
{
    uint8_t state = atomic_load(&over->state);

    if (state != PARTITION_CREATED && state != PARTITION_STOPPED && state != PARTITION_BACKOFF)
        return false;
    partition_start(over);
    return true;
}

static bool runs(struct partition *over)
{
    uint8_t state = atomic_load(&over->state);

    return state == PARTITION_RUNNING || state == PARTITION_PAUSED;
}

static bool act_stop(struct partition *over)
{
    if (!runs(over))
        return partition_hold(over);
    partition_order(over, CAUSE_OPERATOR, ACTION_STOP);
    return true;
}

static bool act_restart(struct partition *over)
{
    if (!runs(over))
        return act_start(over);
    partition_order(over, CAUSE_OPERATOR, ACTION_RESTART);
    return true;
}

static const struct {
    bool (*act)(struct partition *over);
    const char *name;
} lives[] = {
    [BH_CONTROL_START] = {act_start, "start"},          [BH_CONTROL_STOP] = {act_stop, "stop"},
    [BH_CONTROL_RESTART] = {act_restart, "restart"},    [BH_CONTROL_PAUSE] = {partition_pause, "pause"},
    [BH_CONTROL_RESUME] = {partition_resume, "resume"},
};

static uint64_t control_life(const struct partition *by, struct partition *over, uint64_t order)
{
    if (!paced(by, over, PACE_LIFE))
        return BH_AGAIN;
    if (!lives[order].act(over))
        return BH_EBUSY;
    log_line("partition %s: %s by order of partition %s", over->plan->name, lives[order].name, by->plan->name);
    return 0;
}

static uint64_t control_input(const struct partition *by, struct partition *over, uint64_t u_bytes)
{
    uint64_t count = u_bytes >> 56;

    if (count == 0 || count > INPUT_BYTES)
        return BH_EINVAL;
    if (!runs(over))
        return BH_EBUSY;
    if (!paced(by, over, PACE_INPUT))
        return BH_AGAIN;
    for (uint64_t i = 0; i < count; i++)
        console_input(over, (uint8_t)(u_bytes >> 8 * i));
    return 0;
}

static uint64_t control_trace(const struct partition *by, struct partition *over, uint64_t u_on)
{
    if (u_on > 1)
        return BH_EINVAL;
    if (!paced(by, over, PACE_TRACE))
        return BH_AGAIN;
    return trace_switch(over, u_on != 0) ? 0 : BH_EBUSY;
}

static atomic_bool audit_due;

static uint64_t control_audit(struct vcpu *vcpu)
{
    if (!vcpu->partition->plan->audits)
        return refused(vcpu, BH_CONTROL_AUDIT);
    if (!paced(vcpu->partition, vcpu->partition, PACE_AUDIT))
        return BH_AGAIN;
    atomic_store(&audit_due, true);
    vcpu_housekeeping_wake();
    return 0;
}

void rights_serve(void)
{
    if (!atomic_load_explicit(&audit_due, memory_order_relaxed))
        return;
    atomic_store(&audit_due, false);
    console_audit();
}

uint64_t rights_control(struct vcpu *vcpu, uint64_t u_n, uint64_t u_order, uint64_t u_argument)
{
    const struct partition *by = vcpu->partition;
    struct partition *over;

    if (u_order == BH_CONTROL_AUDIT)
        return control_audit(vcpu);
    over = rights_observed(by, u_n);
    if (over == 0 || u_order >= BH_CONTROL_COUNT)
        return BH_EINVAL;
    if (!right(by->plan->controls, over))
        return refused(vcpu, u_order);
    if (u_order == BH_CONTROL_TRACE)
        return control_trace(by, over, u_argument);
    return u_order == BH_CONTROL_INPUT ? control_input(by, over, u_argument) : control_life(by, over, u_order);
}

/* --- read --------------------------------------------------------------------------------------------------------------------------------- */

static uint64_t read_status(const struct partition *by, const struct partition *seen, uint8_t *answer)
{
    struct bh_status *status = (struct bh_status *)answer;
    uint64_t size = status_read(seen, status);

    status->rights = (right(by->plan->controls, seen) ? BH_MAY_CONTROL : 0u) | (right(by->plan->dumps, seen) ? BH_MAY_DUMP : 0u);
    return size;
}

/* What is nobody's in particular; the table gives it by itself. */
static uint64_t read_ours(struct vcpu *vcpu, enum bh_read what, uint64_t u_where, uint8_t *answer)
{
    if (!vcpu->partition->plan->reads_log)
        return refused(vcpu, what);
    if (what == BH_READ_RECORD)
        return record_read(u_where, answer, BH_ANSWER_SIZE);
    if (!paced(vcpu->partition, vcpu->partition, PACE_LOG))
        return BH_AGAIN;
    return log_read(u_where, answer, BH_ANSWER_SIZE);
}

static uint64_t read_stops(const struct partition *by, struct partition *seen, uint64_t u_where, uint8_t *answer)
{
    if (!paced(by, seen, PACE_STOPS))
        return BH_AGAIN;
    return record_stops(seen, u_where, answer, BH_ANSWER_SIZE, right(by->plan->dumps, seen));
}

static uint64_t read_dump(struct vcpu *vcpu, struct partition *seen, enum bh_read what, uint64_t u_where, uint8_t *answer)
{
    if (!right(vcpu->partition->plan->dumps, seen))
        return refused(vcpu, what);
    return what == BH_READ_MEMORY ? dump_memory(vcpu->partition, seen, u_where, answer, BH_ANSWER_SIZE)
                                  : dump_registers(seen, u_where, answer, BH_ANSWER_SIZE);
}

/* The answer goes to a page that the caller can only read. Two of its cores that ask at once spoil one another's. */
uint64_t rights_read(struct vcpu *vcpu, uint64_t u_what, uint64_t u_where)
{
    const struct partition *by = vcpu->partition;
    struct partition *seen = rights_observed(by, u_what >> 8);
    enum bh_read what = (enum bh_read)(u_what & 0xff);
    uint8_t *answer;

    if (by->abi == 0)
        return BH_EINVAL;
    answer = by->abi + (BH_ANSWER_GPA - BH_ABI_GPA);
    if (what == BH_READ_LOG || what == BH_READ_RECORD)
        return read_ours(vcpu, what, u_where, answer);
    if (seen == 0)
        return BH_EINVAL;
    switch (what) {
    case BH_READ_STATUS:
        return u_where == 0 ? read_status(by, seen, answer) : 0;
    case BH_READ_OUTPUT:
        return output_read(seen, u_where, answer);
    case BH_READ_TRACE:
        return trace_read(seen, u_where, answer);
    case BH_READ_STOPS:
        return read_stops(by, seen, u_where, answer);
    case BH_READ_MEMORY:
    case BH_READ_REGISTERS:
        return read_dump(vcpu, seen, what, u_where, answer);
    default:
        return BH_EINVAL;
    }
}
