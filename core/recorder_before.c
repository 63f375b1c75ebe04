/* SPDX-License-Identifier: Apache-2.0 */
/* The record of the boot before. At a cold start the memory holds anything, so nothing in it is believed before its sum was seen, no number
 * in it is a bound, and its text is shown with control characters made visible (AC-45). */
#include "arch.h"
#include "console.h"
#include "memory.h"
#include "recorder.h"

#define SHOWN_LINES 3u /* of each partition's output */
#define SHOWN_OURS 4u
#define SHOWN_BLOCKS 5u
#define SHOWN_LINE 160u

static bool names_end(const struct record_head *head)
{
    for (unsigned i = 0; i < MAX_PARTITIONS; i++)
        if (head->names[i][sizeof(head->names[i]) - 1] != 0)
            return false;
    return head->product[sizeof(head->product) - 1] == 0 && head->board[sizeof(head->board) - 1] == 0;
}

static bool head_sound(const struct record_head *head)
{
    return head->magic == RECORD_MAGIC && head->version == RECORD_VERSION && head->partitions <= MAX_PARTITIONS &&
           names_end(head) && head->sum == record_sum(0, head, offsetof(struct record_head, sum));
}

bool record_block_sound(const struct record_block *block, uint64_t seed, uint32_t number)
{
    uint64_t sum;

    if (block->number != number || block->length == 0 || block->length > RECORD_TEXT)
        return false;
    sum = record_sum(record_sum(seed, &block->number, sizeof(block->number)), block->text, block->length);
    return block->sum == record_sum(sum, &block->length, sizeof(block->length));
}

static void blocks_clean(struct record_block *blocks, uint32_t count, uint64_t seed)
{
    for (uint32_t i = 0; i < count; i++) {
        if (blocks[i].number % count != i || !record_block_sound(&blocks[i], seed, blocks[i].number))
            memset(&blocks[i], 0, sizeof(blocks[i]));
        else
            memset(blocks[i].text + blocks[i].length, 0, RECORD_TEXT - blocks[i].length);
    }
}

static void stops_clean(struct record_stop *stops, uint64_t seed)
{
    for (unsigned i = 0; i < RECORD_STOPS; i++)
        if (stops[i].number % RECORD_STOPS != i ||
            stops[i].sum != record_sum(seed, &stops[i].number, sizeof(stops[i]) - sizeof(stops[i].sum)))
            memset(&stops[i], 0, sizeof(stops[i]));
}

/* What is left may be read by who may read the record: no byte of it has another origin. */
static void bank_clean(struct record_bank *bank, const struct crash_record *crash)
{
    memset(&bank->crash, 0, sizeof(bank->crash));
    if (crash)
        memcpy(&bank->crash, crash, sizeof(bank->crash));
    blocks_clean(bank->log, RECORD_LOG_BLOCKS, record_seed(bank->head.boot, RECORD_OURS));
    for (unsigned i = 0; i < bank->head.partitions; i++) {
        blocks_clean(bank->partitions[i].output, RECORD_OUTPUT_BLOCKS, record_seed(bank->head.boot, i));
        stops_clean(bank->partitions[i].stops, record_seed(bank->head.boot, RECORD_OF_STOPS + i));
    }
}

struct record_bank *record_before_find(struct record_bank *banks[2], const struct crash_record *crash)
{
    struct record_bank *newest = 0;

    for (unsigned i = 0; i < 2; i++)
        if (head_sound(&banks[i]->head) && (newest == 0 || banks[i]->head.boot > newest->head.boot))
            newest = banks[i];
    if (newest)
        bank_clean(newest, crash);
    return newest;
}

/* --- the print. Only sound entries are left: all others are zeros, and no block that is there has length 0. ------------------------- */

/* The newest blocks in one piece. */
static size_t text_tail(const struct record_block *blocks, uint32_t count, char out[SHOWN_BLOCKS * RECORD_TEXT])
{
    uint32_t newest = 0;
    size_t length = 0;

    for (uint32_t i = 0; i < count; i++)
        if (blocks[i].length != 0 && blocks[i].number > newest)
            newest = blocks[i].number;
    for (uint32_t back = SHOWN_BLOCKS; back-- > 0;) {
        const struct record_block *block = &blocks[(newest - back) % count];

        if (block->length == 0 || block->number != newest - back)
            continue;
        memcpy(out + length, block->text, block->length);
        length += block->length;
    }
    return length;
}

/* Where the last `lines` lines begin. */
static size_t lines_begin(const char *text, size_t length, unsigned lines)
{
    size_t at = length;

    for (; at > 0; at--)
        if (text[at - 1] == '\n' && at != length && --lines == 0)
            break;
    return at;
}

static void text_print(uint64_t boot, const char *name, const struct record_block *blocks, uint32_t count, unsigned lines)
{
    char text[SHOWN_BLOCKS * RECORD_TEXT], line[SHOWN_LINE + 8];
    size_t length = text_tail(blocks, count, text), used = 0;

    for (size_t at = lines_begin(text, length, lines); at < length; at++) {
        bool end = text[at] == '\n', crlf = text[at] == '\r' && at + 1 < length && text[at + 1] == '\n';

        if (!end && !crlf)
            used += text_visible(line + used, (uint8_t)text[at]);
        if ((end || at + 1 == length || used >= SHOWN_LINE) && used != 0) {
            line[used] = 0;
            log_line("record of boot %lu: %s| %s", boot, name, line);
            used = 0;
        }
    }
}

static void stop_print(uint64_t boot, const char *name, const struct record_stop *stops)
{
    const struct record_stop *newest = &stops[0];

    for (unsigned i = 1; i < RECORD_STOPS; i++)
        if (stops[i].sum != 0 && stops[i].number > newest->number)
            newest = &stops[i];
    if (newest->sum == 0)
        return;
    log_line("record of boot %lu: %s had stopped at %lu.%06lu s, in life %lu, stop %lu: %s, value 0x%lx, address 0x%lx, vcpu %u at "
             "0x%lx",
             boot, name, newest->stop.time_us / 1000000, newest->stop.time_us % 1000000, newest->stop.life, newest->number + 1,
             cause_name((enum cause)newest->stop.cause), newest->stop.value, newest->stop.address, newest->stop.vcpu,
             newest->stop.cpu.rip);
}

void record_before_print(const struct record_bank *before)
{
    uint64_t boot = before->head.boot;

    log_line("record of boot %lu, product %s:", boot, before->head.product);
    text_print(boot, "bulkhead", before->log, RECORD_LOG_BLOCKS, SHOWN_OURS);
    for (unsigned i = 0; i < before->head.partitions; i++) {
        stop_print(boot, before->head.names[i], before->partitions[i].stops);
        text_print(boot, before->head.names[i], before->partitions[i].output, RECORD_OUTPUT_BLOCKS, SHOWN_LINES);
    }
}
