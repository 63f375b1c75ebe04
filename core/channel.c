/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory channels: pages, epochs, doorbells. */
#include "channel.h"

#include "arch.h"
#include "memory.h"
#include "port.h"
#include "vcpu.h"

#define SLICE KIB(32)
#define NOT_PART 0xffu

static struct {
    uint8_t *memory;
    _Atomic uint32_t epoch;
    uint64_t interval, burst;      /* ticks per doorbell, and how far ahead of that pace a writer may be */
    uint64_t paid;                 /* until when its doorbells are accounted for; under the writer's gate */
    uint32_t rung;                 /* doorbells since boot; under the writer's gate */
    uint8_t index[MAX_PARTITIONS]; /* its number in the list of each partition that has it mapped, or NOT_PART */
} channels[BH_MAX_CHANNELS];

static struct bh_channels *info_of(const struct partition *partition)
{
    return (struct bh_channels *)(partition->abi + (BH_CHANNELS_INFO_GPA - BH_ABI_GPA));
}

static void info_write(struct bh_channel *info, const struct plan_channel *c, unsigned partition)
{
    bool writes = partition == c->writer;

    memcpy(info->name, c->name, strlen(c->name) < sizeof(info->name) ? strlen(c->name) : sizeof(info->name) - 1);
    info->gpa = (uint32_t)c->gpa.v;
    info->size = c->size;
    info->kind = c->kind;
    info->writes = writes;
    info->back = c->back < plan.channel_count ? channels[c->back].index[partition] : BH_MAX_CHANNELS;
    for (unsigned i = 0; i < ARRAY_SIZE(info->info); i++)
        info->info[i] = c->info[writes ? 0 : 1][i];
}

static void channel_create(unsigned channel)
{
    const struct plan_channel *c = &plan.channels[channel];
    uint64_t second = 1000 * arch_tsc_khz();

    channels[channel].memory = pool_take((unsigned)(1 + c->size / PAGE_SIZE));
    channels[channel].interval = second / c->doorbells_per_second;
    channels[channel].burst = second / 100; /* what the rate allows in 10 ms may come at once */
}

/* Numbers first: a channel may name one behind it as the one that leads back. */
static void list_create(unsigned partition)
{
    struct bh_channels *list = partitions[partition].abi ? info_of(&partitions[partition]) : 0;
    unsigned count = 0;

    for (unsigned i = 0; i < plan.channel_count; i++)
        channels[i].index[partition] = list != 0 && plan.channels[i].mapped >> partition & 1 ? (uint8_t)count++ : NOT_PART;
    for (unsigned i = 0; i < plan.channel_count; i++)
        if (channels[i].index[partition] != NOT_PART)
            info_write(&list->channel[channels[i].index[partition]], &plan.channels[i], partition);
    if (list != 0)
        list->count = count;
}

void channels_create(void)
{
    for (unsigned i = 0; i < plan.channel_count; i++)
        channel_create(i);
    for (unsigned p = 0; p < plan.partition_count; p++)
        list_create(p);
}

uint8_t *channel_memory(unsigned channel)
{
    return channels[channel].memory;
}

uint32_t channel_epoch(unsigned channel)
{
    return atomic_load_explicit(&channels[channel].epoch, memory_order_acquire);
}

/* --- epochs ---------------------------------------------------------------------------------------------------------------------------- */

/* Release: who sees the new epoch sees the empty head, and who sees an emptied ring sees the new epoch. */
static void epoch_count(unsigned channel)
{
    uint32_t epoch = channel_epoch(channel) + 1;

    if (epoch == 0)
        epoch = 1; /* 0 says that it has not started yet */
    atomic_store_explicit(&channels[channel].epoch, epoch, memory_order_release);
    for (unsigned p = 0; p < plan.partition_count; p++)
        if (channels[channel].index[p] != NOT_PART)
            __atomic_store_n(&info_of(&partitions[p])->channel[channels[channel].index[p]].epoch, epoch, __ATOMIC_RELEASE);
}

/* The head before the epoch, the ring after it: a reader that has met zeros in the ring finds the epoch changed when it looks again, and
 * one that has the new epoch finds an empty head (SEP-9). */
static void channel_restart(unsigned channel)
{
    uint8_t *memory = channels[channel].memory;

    memset(memory, 0, PAGE_SIZE);
    epoch_count(channel);
    atomic_thread_fence(memory_order_seq_cst);
    for (uint32_t at = 0; at < plan.channels[channel].size; at += SLICE) {
        uint32_t left = plan.channels[channel].size - at;

        memset(memory + PAGE_SIZE + at, 0, left < SLICE ? left : SLICE);
        vcpu_breathe();
    }
}

void channels_restart(const struct partition *writer)
{
    for (unsigned i = 0; i < plan.channel_count; i++)
        if (plan.channels[i].writer == writer->index)
            channel_restart(i);
}

/* --- doorbells -------------------------------------------------------------------------------------------------------------------------- */

/* Rung again while the vector is pending it is one interrupt: the local APIC sees to that. */
static void reader_ring(unsigned channel, struct partition *reader)
{
    unsigned source = BH_SOURCE_CHANNEL + channels[channel].index[reader->index];

    lock_take(&reader->gate);
    if (reader->vectors[source] != 0)
        partition_interrupt_locked(reader, reader->cores[source], reader->vectors[source]);
    lock_drop(&reader->gate);
}

void channel_ring(unsigned channel)
{
    for (unsigned p = 0; p < plan.partition_count; p++)
        if (plan.channels[channel].readers >> p & 1 && channels[channel].index[p] != NOT_PART)
            reader_ring(channel, &partitions[p]);
        else if (plan.channels[channel].readers >> p & 1)
            port_wake(channel, &partitions[p]);
}

void channels_announce(const struct partition *writer)
{
    for (unsigned i = 0; i < plan.channel_count; i++)
        if (plan.channels[i].writer == writer->index)
            channel_ring(i);
}

/* A bucket kept as the time until which it is paid for. */
bool channel_may_ring(unsigned channel)
{
    uint64_t now = arch_ticks();

    if ((int64_t)(channels[channel].paid - now) < 0)
        channels[channel].paid = now;
    if (channels[channel].paid - now > channels[channel].burst)
        return false;
    channels[channel].paid += channels[channel].interval;
    __atomic_store_n(&channels[channel].rung, channels[channel].rung + 1, __ATOMIC_RELAXED);
    return true;
}

/* The bytes are what the writer says. */
void channel_counts(const struct partition *writer, uint32_t *u_bytes, uint32_t *doorbells)
{
    *u_bytes = *doorbells = 0;
    for (unsigned i = 0; i < plan.channel_count; i++)
        if (plan.channels[i].writer == writer->index && channels[i].memory != 0) {
            *u_bytes += __atomic_load_n(&((const struct bh_ring_head *)channels[i].memory)->produced, __ATOMIC_RELAXED);
            *doorbells += __atomic_load_n(&channels[i].rung, __ATOMIC_RELAXED);
        }
}

/* The channel that this partition knows by this number, or BH_MAX_CHANNELS. */
static unsigned channel_of(const struct partition *partition, uint64_t u_index)
{
    for (unsigned i = 0; i < plan.channel_count; i++)
        if (channels[i].index[partition->index] != NOT_PART && channels[i].index[partition->index] == u_index)
            return i;
    return BH_MAX_CHANNELS;
}

uint64_t channel_doorbell(struct vcpu *vcpu, uint64_t u_index)
{
    struct partition *writer = vcpu->partition;
    unsigned channel = channel_of(writer, u_index);
    bool allowed;

    if (channel == BH_MAX_CHANNELS || plan.channels[channel].writer != writer->index)
        return BH_EINVAL;
    lock_take(&writer->gate);
    allowed = channel_may_ring(channel);
    lock_drop(&writer->gate);
    if (!allowed)
        return BH_AGAIN;
    channel_ring(channel);
    return 0;
}
