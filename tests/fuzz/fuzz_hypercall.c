/* SPDX-License-Identifier: Apache-2.0 */
/* Any call with any arguments from any core of three partitions, whose rights over one another the input draws (SECURITY.md 3.2: F8). What a
 * call may not change is compared before and after: all of partitions that the caller has no right over, but for the interrupt of a doorbell
 * that the table lets it ring, in the vector that the reader chose. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "fake_arch.h"
#include "fake_life.h"
#include "fake_plan.h"
#include "promise.h"
#include "recorder.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

#define CORES 4u
#define ABI_SIZE (BH_ABI_PAGES * PAGE_SIZE)
#define ANSWER_AT (BH_ANSWER_GPA - BH_ABI_GPA)
#define ERRORS ((uint64_t)-64) /* from here on */

/* From each unikernel to the other. Linux has none. */
static const struct plan_channel channels[2] = {
    {.name = "there",
     .writer = 1,
     .readers = 1u << 2,
     .mapped = 6,
     .back = 1,
     .gpa = GPA(BH_CHANNELS_GPA),
     .size = 4096,
     .doorbells_per_second = 1000},
    {.name = "back",
     .writer = 2,
     .readers = 1u << 1,
     .mapped = 6,
     .back = 0,
     .gpa = GPA(BH_CHANNELS_GPA + 0x10000),
     .size = 4096,
     .doorbells_per_second = 1000},
};

static const uint8_t *input;
static size_t left;
static struct console_ring outs[LIFE_PARTITIONS];

struct call {
    struct vcpu *vcpu;
    uint64_t number, a, b, c, result;
};

/* A partition as others may see it change. */
struct image {
    struct partition partition;
    uint8_t abi[ABI_SIZE];
    uint32_t requests[2], trace[2];
    uint8_t modes[2];
    unsigned inputs, kicks[2];
};
static struct image before[LIFE_PARTITIONS];

static uint64_t take(unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && left > 0; i++, left--)
        value |= (uint64_t)*input++ << 8 * i;
    return value;
}

/* Mostly a small number, or one that may be a vector; else any. */
static uint64_t argument(void)
{
    uint64_t byte = take(1);

    if (byte < 0x60)
        return byte & 0xf;
    if (byte < 0xd0)
        return byte;
    if (byte < 0xe8)
        return (byte & 15) << 8;
    return byte < 0xf4 ? take(8) : byte & 1 ? ~0ull - (byte & 7) : 1ull << take(1) % 64;
}

/* --- who may what ----------------------------------------------------------------------------------------------------------------------- */

/* The n-th that it observes, counted another way than rights.c does. */
static const struct partition *nth(const struct partition *by, uint64_t n)
{
    unsigned bits = by->plan->observes & 7u;

    if (n >= (unsigned)__builtin_popcount(bits))
        return 0;
    while (n-- > 0)
        bits &= bits - 1;
    return &partitions[__builtin_ctz(bits)];
}

static bool may_control(const struct call *call, unsigned over)
{
    const struct partition *by = call->vcpu->partition;
    const struct partition *named = nth(by, call->a);

    return call->number == BH_CALL_CONTROL && named == &partitions[over] && (by->plan->controls >> over & 1) != 0;
}

/* Its first core fetches a page: it is asked to, and nothing else. */
static bool may_dump(const struct call *call, unsigned over)
{
    const struct partition *by = call->vcpu->partition;

    return call->number == BH_CALL_READ && (call->a & 0xff) == BH_READ_MEMORY && nth(by, call->a >> 8) == &partitions[over] &&
           (by->plan->dumps >> over & 1) != 0 && partitions[over].state == PARTITION_STOPPED;
}

static bool rings(const struct call *call, unsigned reader)
{
    return call->number == BH_CALL_DOORBELL && call->result == 0 && call->vcpu->partition->index != 0 && reader != 0;
}

/* --- before and after ------------------------------------------------------------------------------------------------------------------- */

static void image_take(struct image *image, unsigned i)
{
    const struct partition *p = &partitions[i];

    image->partition = *p;
    if (p->abi)
        memcpy(image->abi, p->abi, ABI_SIZE);
    image->inputs = life.inputs[i];
    for (unsigned v = 0; v < p->plan->core_count; v++) {
        image->requests[v] =
            p->vcpus[v].requests & ~(uint32_t)(p->vcpus[v].core == plan.housekeeping ? REQUEST_TICK | REQUEST_LINGER : 0);
        image->trace[v] = p->vcpus[v].trace.on;
        image->modes[v] = p->vcpus[v].mode;
    }
}

/* Its gate may have been taken, and read. */
static bool same(const struct image *was, unsigned i)
{
    static struct image is;

    is = *was;
    image_take(&is, i);
    is.partition.gate = was->partition.gate;
    return memcmp(&is, was, sizeof(is)) == 0;
}

static void others_compared(const struct call *call)
{
    for (unsigned i = 0; i < LIFE_PARTITIONS; i++) {
        const struct partition *p = &partitions[i];

        if (p == call->vcpu->partition)
            continue;
        if (may_dump(call, i))
            before[i].requests[0] |= p->vcpus[0].requests & REQUEST_DUMP;
        PROMISE(!p->abi || memcmp(before[i].abi, p->abi, ABI_SIZE) == 0);
        PROMISE(same(&before[i], i) || may_control(call, i));
        PROMISE(life.inputs[i] - before[i].inputs <= 7);
    }
}

/* Those of the call alone: the list was empty before. */
static void interrupts_compared(const struct call *call)
{
    for (unsigned i = 0; i < fake.ipi_count; i++) {
        const struct vcpu *to = &vcpus[fake.ipis[i].core];
        const struct partition *p = to->partition;
        bool chosen = false;

        PROMISE(rings(call, p->index) && p != call->vcpu->partition && p->gate_open);
        for (unsigned source = BH_SOURCE_CHANNEL; source < BH_SOURCE_COUNT; source++)
            chosen = chosen || (p->vectors[source] == fake.ipis[i].vector && p->cores[source] == to->index);
        PROMISE(chosen && fake.ipis[i].vector >= 32);
    }
}

/* An answer stands in the caller's own page, and tells only of those that it may ask about. */
static void answer_compared(const struct call *call)
{
    const struct partition *by = call->vcpu->partition, *named = nth(by, call->a >> 8);
    enum bh_read what = call->a & 0xff;
    bool answered = call->result > 0 && call->result < ERRORS;

    if (call->number == BH_CALL_OBSERVE)
        PROMISE(call->result == BH_EINVAL || nth(by, call->a) != 0);
    if (call->number != BH_CALL_READ)
        return;
    PROMISE(!answered || call->result <= BH_ANSWER_SIZE);
    if (by->abi && !answered)
        PROMISE(memcmp(before[by->index].abi, by->abi, ABI_SIZE) == 0);
    if (what == BH_READ_LOG || what == BH_READ_RECORD)
        PROMISE(!answered || by->plan->reads_log);
    else
        PROMISE(!answered || named != 0);
    if (what == BH_READ_MEMORY || what == BH_READ_REGISTERS)
        PROMISE(!answered || (by->plan->dumps >> named->index & 1) != 0);
}

/* What it has chosen can be sent to it. */
static void vectors_compared(const struct partition *partition)
{
    for (unsigned source = 0; source < BH_SOURCE_COUNT; source++) {
        PROMISE(partition->vectors[source] == 0 || partition->vectors[source] >= 32);
        PROMISE(partition->cores[source] < partition->plan->core_count);
    }
}

static void call_one(struct vcpu *vcpu)
{
    struct call call = {.vcpu = vcpu, .number = argument(), .a = argument(), .b = argument(), .c = argument()};

    if (call.number == BH_CALL_READ)
        call.a = (call.a & 0xf) | (call.b & 7) << 8, call.b = argument();
    fake.core = vcpu->core;
    fake.ipi_count = 0;
    for (unsigned i = 0; i < LIFE_PARTITIONS; i++)
        image_take(&before[i], i);
    call.result = hypercall(vcpu, call.number, call.a, call.b, call.c);
    PROMISE(call.number < BH_CALL_COUNT || call.result == BH_ENOSYS);
    for (unsigned i = 0; i < LIFE_PARTITIONS; i++)
        PROMISE(partitions[i].gate.next == partitions[i].gate.owner);
    others_compared(&call);
    interrupts_compared(&call);
    answer_compared(&call);
    vectors_compared(vcpu->partition);
    if (call.number == BH_CALL_DOORBELL) /* the one that it writes */
        PROMISE(call.result != 0 || (vcpu->partition->index != 0 && call.a == vcpu->partition->index - 1u));
}

static void play(void)
{
    for (unsigned steps = 0; left > 0 && steps < 400; steps++) {
        uint8_t what = (uint8_t)take(1);
        struct vcpu *vcpu = &vcpus[what % CORES];

        if (what >= 0xf0)
            fake_ms(take(1) * 8);
        else if (what >= 0xe0)
            life_settle();
        else if (vcpu->mode == VCPU_RUNNING && vcpu->partition->state == PARTITION_RUNNING)
            call_one(vcpu);
    }
}

/* --- the machine ------------------------------------------------------------------------------------------------------------------------ */

static void rights(unsigned i)
{
    struct plan_partition *p = &fake_plan_partitions[i];
    uint32_t bits = (uint32_t)take(2);

    p->observes = (uint16_t)(bits & 7u & ~(1u << i));
    p->controls = (uint16_t)(bits >> 3 & p->observes);
    p->dumps = (uint16_t)(bits >> 6 & p->observes);
    p->reads_log = (bits >> 9 & 1) != 0;
    p->audits = (bits >> 10 & 1) != 0;
    p->denied.per_second = 1000000;
}

static struct partition partitions_at_start[LIFE_PARTITIONS];
static struct vcpu vcpus_at_start[CORES];

/* All three run. Once for all inputs: to load them takes longer than to call. Whoever may be dumped needs a page. */
static void machine_make(void)
{
    life_memory_make();
    life_reset();
    for (unsigned i = 0; i < LIFE_PARTITIONS; i++)
        fake_plan_partitions[i].dumps = 7;
    fake_plan.channels = channels;
    fake_plan.channel_count = ARRAY_SIZE(channels);
    channels_create();
    for (unsigned i = 0; i < LIFE_PARTITIONS; i++) {
        dump_create(&partitions[i]);
        partitions[i].out = &outs[i];
        life_start(i);
    }
    memcpy(partitions_at_start, partitions, sizeof(partitions_at_start));
    memcpy(vcpus_at_start, vcpus, sizeof(vcpus_at_start));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (life_ram[0] == 0)
        machine_make();
    input = bytes;
    left = count;
    fake_reset();
    memcpy(partitions, partitions_at_start, sizeof(partitions_at_start));
    memcpy(vcpus, vcpus_at_start, sizeof(vcpus_at_start));
    for (unsigned i = 0; i < LIFE_PARTITIONS; i++) {
        life.devices[i] = DEVICES_ATTACHED;
        rights(i);
    }
    (void)FAKE_ENDS(play());
    return 0;
}
