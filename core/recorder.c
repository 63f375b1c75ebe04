/* SPDX-License-Identifier: Apache-2.0 */
/* The persistent record of this boot. Everything is written so that it can be read after a reset at any moment: of a text at most what was
 * added last is lost. Who writes holds the lock of what it writes: see recorder.h. */
#include "recorder.h"

#include "arch.h"
#include "console_parts.h"
#include "crash.h"
#include "memory.h"

/* Where a text goes on. Our own numbers: nothing is read back from the area. */
struct text {
    struct record_block *blocks;
    uint32_t count;
    uint64_t seed;
    uint32_t number, length; /* of the block that is being filled */
    uint64_t sum;            /* of its number and text */
};

static struct {
    struct record_bank *bank; /* 0: not begun */
    const struct record_bank *before;
    bool repeating; /* what is logged is of the boot before, and stands in its bank */
    struct text output[MAX_PARTITIONS], log;
} record;

/* --- texts ------------------------------------------------------------------------------------------------------------------ */

static void block_begin(struct text *text, uint32_t number)
{
    text->number = number;
    text->length = 0;
    text->sum = record_sum(text->seed, &text->number, sizeof(text->number));
}

static void text_begin(struct text *text, struct record_block *blocks, uint32_t count, unsigned owner)
{
    text->blocks = blocks;
    text->count = count;
    text->seed = record_seed(record.bank->head.boot, owner);
    block_begin(text, 0);
}

/* As many bytes as the block has room for. The sum comes last: a block that was cut short is unsound, and no other. */
static size_t block_add(struct text *text, const char *bytes, size_t size)
{
    struct record_block *block = &text->blocks[text->number % text->count];
    size_t room = RECORD_TEXT - text->length, taken = size < room ? size : room;

    memcpy(block->text + text->length, bytes, taken);
    text->length += (uint32_t)taken;
    text->sum = record_sum(text->sum, bytes, taken);
    block->number = text->number;
    block->length = text->length;
    block->sum = record_sum(text->sum, &text->length, sizeof(text->length));
    return taken;
}

/* Bounded by `size`, which the caller bounds. */
static void text_add(struct text *text, const char *bytes, size_t size)
{
    while (size > 0) {
        size_t taken;

        if (text->length == RECORD_TEXT)
            block_begin(text, text->number + 1);
        taken = block_add(text, bytes, size);
        bytes += taken;
        size -= taken;
    }
}

void record_output(const struct partition *partition, const char *bytes, size_t size)
{
    if (record.bank)
        text_add(&record.output[partition->index], bytes, size);
}

void record_log(const char *bytes, size_t size)
{
    if (record.bank && !record.repeating)
        text_add(&record.log, bytes, size);
}

/* --- stops ------------------------------------------------------------------------------------------------------------------ */

struct bh_cpu record_cpu(const struct guest_state *state, const struct guest_regs *regs)
{
    struct bh_cpu cpu = {state->rip, state->rsp, state->rflags, state->cr0,     state->cr2,
                         state->cr3, state->cr4, state->efer,   state->cs_base, {0}};

    memcpy(cpu.regs, regs->r, sizeof(cpu.regs));
    return cpu;
}

static struct bh_stop stop_state(const struct stop_record *stop)
{
    struct bh_stop out = {
        .time_us = stop->time_us,
        .life = stop->life,
        .vcpu = stop->vcpu,
        .cause = stop->cause,
        .action = stop->action,
        .value = stop->value,
        .address = stop->address,
        .cpu = record_cpu(&stop->state, &stop->regs),
    };

    memcpy(out.raw, stop->raw, sizeof(out.raw));
    return out;
}

void record_stop(const struct partition *partition, const struct stop_record *stop)
{
    uint32_t number = partition->stops.made - 1; /* it has been counted */
    struct record_stop entry = {.number = number, .stop = stop_state(stop)};

    if (record.bank == 0)
        return;
    entry.sum = record_sum(record_seed(record.bank->head.boot, RECORD_OF_STOPS + partition->index), &entry.number,
                           sizeof(entry) - sizeof(entry.sum));
    record.bank->partitions[partition->index].stops[number % RECORD_STOPS] = entry;
}
_Static_assert(STOP_RECORDS == RECORD_STOPS, "as many as the partition keeps");

uint64_t record_stops(struct partition *partition, uint64_t u_where, void *to, size_t size, bool whole)
{
    uint32_t made, kept, count = 0;

    lock_take(&partition->gate);
    made = partition->stops.made;
    kept = made < STOP_RECORDS ? made : STOP_RECORDS;
    for (uint64_t i = u_where; i < kept && (count + 1) * sizeof(struct bh_stop) <= size; i++) {
        struct bh_stop stop = stop_state(&partition->stops.last[(made - kept + i) % STOP_RECORDS]);

        if (!whole) {
            memset(&stop.cpu, 0, sizeof(stop.cpu));
            memset(stop.raw, 0, sizeof(stop.raw));
        }
        memcpy((char *)to + count++ * sizeof(stop), &stop, sizeof(stop));
    }
    lock_drop(&partition->gate);
    return count * sizeof(struct bh_stop);
}

/* --- banks ------------------------------------------------------------------------------------------------------------------ */

static void name_copy(char *to, size_t size, const char *from)
{
    for (size_t i = 0; i + 1 < size && from[i] != 0; i++)
        to[i] = from[i];
}

static void head_write(struct record_head *head, uint64_t boot)
{
    head->magic = RECORD_MAGIC;
    head->version = RECORD_VERSION;
    head->partitions = plan.partition_count;
    head->boot = boot;
    head->wall = arch_wall_base();
    name_copy(head->product, sizeof(head->product), plan.product);
    name_copy(head->board, sizeof(head->board), plan.board_name);
    for (unsigned i = 0; i < plan.partition_count; i++)
        name_copy(head->names[i], sizeof(head->names[i]), plan.partitions[i].name);
    head->sum = record_sum(0, head, offsetof(struct record_head, sum));
}

static void bank_begin(struct record_bank *bank, uint64_t boot)
{
    memset(bank, 0, sizeof(*bank));
    head_write(&bank->head, boot);
    record.bank = bank;
    text_begin(&record.log, bank->log, RECORD_LOG_BLOCKS, RECORD_OURS);
    for (unsigned i = 0; i < plan.partition_count; i++)
        text_begin(&record.output[i], bank->partitions[i].output, RECORD_OUTPUT_BLOCKS, i);
    log_repeat();
}

void record_begin(void)
{
    struct record_bank *banks[2];
    struct record_bank *before;

    for (unsigned i = 0; i < 2; i++)
        banks[i] = arch_ptr(HPA(plan.crash.v + RECORD_OFFSET + i * RECORD_BANK));
    before = record_before_find(banks, crash_before());
    record.before = before;
    bank_begin(before == banks[0] ? banks[1] : banks[0], before ? before->head.boot + 1 : 1);
    record.repeating = true;
    if (before)
        record_before_print(before);
    record.repeating = false;
}

uint64_t record_read(uint64_t u_where, void *to, size_t size)
{
    const struct record_bank *bank = record.before;
    uint64_t end;

    if (bank == 0)
        return 0;
    end = offsetof(struct record_bank, partitions) + bank->head.partitions * sizeof(bank->partitions[0]);
    if (u_where >= end)
        return 0;
    size = size < end - u_where ? size : end - u_where;
    memcpy(to, (const char *)bank + u_where, size);
    return size;
}
