/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and registers of a partition that has stopped, for one that the table lets have them. No core maps another partition's RAM
 * (SEP-1): the partition's own first core, which is parked, fetches a page into our memory, and who asked asks again. */
#include "arch.h"
#include "memory.h"
#include "recorder.h"
#include "virt.h"

#define KEPT_MS 20u /* a page that is ready, for who asked for it */

enum dump_state { DUMP_IDLE, DUMP_ASKED, DUMP_READY };

static struct dump {
    struct lock lock; /* of all below but `page` itself */
    enum dump_state state;
    uint64_t gpa;
    const struct partition *asker;
    uint64_t ready; /* ticks */
    uint8_t *page;  /* (i) 0: nobody may dump it */
} dumps[MAX_PARTITIONS];

static struct bh_registers saved[MAX_CORES]; /* written by the core itself before its partition is stopped */

/* The planner counts a page for each that somebody may dump. */
void dump_create(struct partition *partition)
{
    bool wanted = false;

    for (unsigned i = 0; i < plan.partition_count; i++)
        wanted = wanted || (plan.partitions[i].dumps >> partition->index & 1) != 0;
    if (wanted)
        dumps[partition->index].page = pool_take(1);
}

void dump_park(struct vcpu *vcpu, enum vcpu_mode mode)
{
    struct guest_state state = {0};

    virt_state(vcpu, &state);
    saved[vcpu->core] =
        (struct bh_registers){.ran = mode == VCPU_RUNNING || mode == VCPU_PAUSED, .cpu = record_cpu(&state, &vcpu->regs)};
}

static bool has_stopped(const struct partition *partition)
{
    return atomic_load(&partition->state) == PARTITION_STOPPED;
}

void dump_fetch(struct partition *partition)
{
    struct dump *dump = &dumps[partition->index];
    const void *page;

    lock_take(&dump->lock);
    if (dump->state == DUMP_ASKED) {
        page = partition_ram(partition, GPA(dump->gpa), PAGE_SIZE);
        dump->state = DUMP_IDLE;
        if (page && has_stopped(partition)) {
            memcpy(dump->page, page, PAGE_SIZE);
            dump->ready = arch_ticks();
            dump->state = DUMP_READY;
        }
    }
    lock_drop(&dump->lock);
}

void dump_forget(struct partition *partition)
{
    struct dump *dump = &dumps[partition->index];

    if (dump->page == 0)
        return;
    lock_take(&dump->lock);
    dump->state = DUMP_IDLE;
    memset(dump->page, 0, PAGE_SIZE);
    lock_drop(&dump->lock);
}

/* So that two who ask for different pages do not undo one another's for ever; and one that asks and never comes holds up nobody. Lock held. */
static bool is_of_another(const struct dump *dump, const struct partition *by)
{
    return dump->state == DUMP_READY && dump->asker != by && arch_ticks() - dump->ready < KEPT_MS * arch_tsc_khz();
}

uint64_t dump_memory(const struct partition *by, struct partition *partition, uint64_t u_gpa, void *to, size_t size)
{
    struct dump *dump = &dumps[partition->index];
    uint64_t result = BH_AGAIN;
    bool ask = false;

    if (dump->page == 0 || size < PAGE_SIZE || u_gpa % PAGE_SIZE != 0 || partition_ram(partition, GPA(u_gpa), PAGE_SIZE) == 0)
        return BH_EINVAL;
    if (!has_stopped(partition))
        return BH_EBUSY;
    lock_take(&dump->lock);
    if (dump->state == DUMP_READY && dump->asker == by && dump->gpa == u_gpa) {
        memcpy(to, dump->page, PAGE_SIZE);
        dump->state = DUMP_IDLE;
        result = PAGE_SIZE;
    } else if (dump->state != DUMP_ASKED && !is_of_another(dump, by)) {
        dump->gpa = u_gpa;
        dump->asker = by;
        dump->state = DUMP_ASKED;
        ask = true;
    }
    lock_drop(&dump->lock);
    if (ask)
        vcpu_request(&partition->vcpus[0], REQUEST_DUMP);
    return result;
}

uint64_t dump_registers(const struct partition *partition, uint64_t u_vcpu, void *to, size_t size)
{
    struct bh_registers registers;

    if (u_vcpu >= partition->plan->core_count || size < sizeof(registers))
        return BH_EINVAL;
    if (!has_stopped(partition))
        return BH_EBUSY;
    registers = saved[partition->vcpus[u_vcpu].core];
    registers.vcpus = partition->plan->core_count;
    for (uint32_t i = 0; i < partition->plan->ram_count; i++)
        *(partition->plan->ram[i].gpa.v < GIB(4) ? &registers.ram_low : &registers.ram_high) += partition->plan->ram[i].size;
    memcpy(to, &registers, sizeof(registers));
    return sizeof(registers);
}
