/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot before left in reserved RAM, scribbled over, with sums made to fit here and there (AC-45): the print is bounded and has no
 * control characters in it, and what can be read is no more than the bank, entry by entry sound or zeros. A libFuzzer entry point. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/fake_arch.h"
#include "../unit/fake_partition.h"
#include "../unit/fake_plan.h"

#include "../../core/log.c"
#include "../../core/recorder.c"
#include "promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(8) uint8_t area[RECORD_AREA_SIZE];

void *arch_ptr(hpa_t hpa)
{
    return area + (hpa.v - plan.crash.v);
}

static void boot(void)
{
    fake_reset();
    fake_plan_reset();
    fake_partitions_reset();
    memset(&record, 0, sizeof(record));
    memset(&ring, 0, sizeof(ring));
    record_begin();
}

static void block_fit(struct record_block *block, uint64_t start)
{
    uint64_t sum = record_sum(start, &block->number, sizeof(block->number));

    if (block->length <= RECORD_TEXT)
        block->sum = record_sum(record_sum(sum, block->text, block->length), &block->length, sizeof(block->length));
}

/* The sum of the entry at this place of the bank, right for what it has now. */
static void fit(struct record_bank *bank, size_t at)
{
    uint64_t number = bank->head.boot;

    if (at < sizeof(bank->head)) {
        bank->head.sum = record_sum(0, &bank->head, offsetof(struct record_head, sum));
    } else if (at >= offsetof(struct record_bank, log) && at < offsetof(struct record_bank, partitions)) {
        block_fit(&bank->log[(at - offsetof(struct record_bank, log)) / sizeof(struct record_block)],
                  record_seed(number, RECORD_OURS));
    } else if (at >= offsetof(struct record_bank, partitions)) {
        unsigned i = (unsigned)((at - offsetof(struct record_bank, partitions)) / sizeof(struct record_partition));
        size_t in = (at - offsetof(struct record_bank, partitions)) % sizeof(struct record_partition);
        struct record_partition *p = &bank->partitions[i];

        if (in < sizeof(p->output)) {
            block_fit(&p->output[in / sizeof(struct record_block)], record_seed(number, i));
        } else {
            struct record_stop *stop = &p->stops[(in - sizeof(p->output)) / sizeof(struct record_stop)];

            stop->sum = record_sum(record_seed(number, RECORD_OF_STOPS + i), &stop->number, sizeof(*stop) - sizeof(stop->sum));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char all[RECORD_BANK];
    struct record_bank *bank;
    uint64_t end = 0;

    memset(area, 0, sizeof(area));
    boot();
    record_output(&partitions[1], "some text\nand more\n", 19);
    bank = record.bank;
    for (; size >= 4; data += 4, size -= 4) { /* three bytes say where, the highest bit whether the sum is made to fit */
        size_t at = (data[0] | (size_t)data[1] << 8 | (size_t)(data[2] & 0x7f) << 16) % sizeof(*bank);

        ((uint8_t *)bank)[at] = data[3];
        if (data[2] & 0x80)
            fit(bank, at);
    }
    boot();
    PROMISE(fake.uart_length < 65536);
    for (size_t i = 0; i < fake.uart_length; i++)
        PROMISE((fake.uart[i] >= ' ' && fake.uart[i] <= '~') || fake.uart[i] == '\r' || fake.uart[i] == '\n');
    for (uint64_t count; (count = record_read(end, all, 4096)) != 0; end += count)
        PROMISE(count <= 4096 && end + count <= sizeof(*bank));
    PROMISE(record.bank != record.before);
    return 0;
}
