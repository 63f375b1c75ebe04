/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls: register arguments only, identity from the calling core, checked first, then done so that doing cannot fail. */
#include "channel.h"
#include "rights.h"
#include "vcpu.h"

static uint64_t call_version(struct vcpu *vcpu, uint64_t u_a, uint64_t u_b, uint64_t u_c)
{
    (void)vcpu, (void)u_a, (void)u_b, (void)u_c;
    return BH_ABI_VERSION;
}

static uint64_t call_end(struct vcpu *vcpu, uint64_t u_kind, uint64_t u_status, uint64_t u_address)
{
    static const uint8_t causes[BH_END_COUNT] = {
        [BH_END_EXIT] = CAUSE_EXIT,     [BH_END_TRAP] = CAUSE_TRAP,         [BH_END_ABORT] = CAUSE_ABORT,
        [BH_END_REBOOT] = CAUSE_REBOOT, [BH_END_POWEROFF] = CAUSE_POWEROFF,
    };

    if (u_kind >= BH_END_COUNT)
        return BH_EINVAL;
    partition_stop(vcpu, causes[u_kind], u_status, u_address, 0);
    return 0;
}

/* The housekeeping core takes the ring at its next look; this only asks it to look soon. */
static uint64_t call_console(struct vcpu *vcpu, uint64_t u_a, uint64_t u_b, uint64_t u_c)
{
    (void)vcpu, (void)u_a, (void)u_b, (void)u_c;
    vcpu_housekeeping_wake();
    return 0;
}

/* The console always interrupts the first core. */
static uint64_t call_vector(struct vcpu *vcpu, uint64_t u_source, uint64_t u_vector, uint64_t u_core)
{
    uint64_t core = u_source < BH_SOURCE_CHANNEL ? 0 : u_core;

    if (u_source >= BH_SOURCE_COUNT || u_vector > 255 || (u_vector != 0 && u_vector < 32))
        return BH_EINVAL;
    if (core >= vcpu->partition->plan->core_count)
        return BH_EINVAL;
    lock_take(&vcpu->partition->gate);
    vcpu->partition->vectors[u_source] = (uint8_t)u_vector;
    vcpu->partition->cores[u_source] = (uint8_t)core;
    lock_drop(&vcpu->partition->gate);
    return 0;
}

static uint64_t call_observe(struct vcpu *vcpu, uint64_t u_n, uint64_t u_fact, uint64_t u_c)
{
    (void)u_c;
    return rights_observe(vcpu, u_n, u_fact);
}

static uint64_t call_read(struct vcpu *vcpu, uint64_t u_what, uint64_t u_where, uint64_t u_c)
{
    (void)u_c;
    return rights_read(vcpu, u_what, u_where);
}

static uint64_t call_doorbell(struct vcpu *vcpu, uint64_t u_channel, uint64_t u_b, uint64_t u_c)
{
    (void)u_b, (void)u_c;
    return channel_doorbell(vcpu, u_channel);
}

static uint64_t (*const calls[])(struct vcpu *, uint64_t, uint64_t, uint64_t) = {
    [BH_CALL_VERSION] = call_version,   [BH_CALL_END] = call_end,         [BH_CALL_CONSOLE] = call_console,
    [BH_CALL_VECTOR] = call_vector,     [BH_CALL_OBSERVE] = call_observe, [BH_CALL_DOORBELL] = call_doorbell,
    [BH_CALL_CONTROL] = rights_control, [BH_CALL_READ] = call_read,
};
_Static_assert(ARRAY_SIZE(calls) == BH_CALL_COUNT, "a function per call");

uint64_t hypercall(struct vcpu *vcpu, uint64_t u_number, uint64_t u_a, uint64_t u_b, uint64_t u_c)
{
    if (u_number >= BH_CALL_COUNT) {
        partition_denied(vcpu, DENIED_OTHER, u_number);
        return BH_ENOSYS;
    }
    return calls[u_number](vcpu, u_a, u_b, u_c);
}
