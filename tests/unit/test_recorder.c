/* SPDX-License-Identifier: Apache-2.0 */
/* The persistent record over boots: the area is the same memory, the hypervisor's own variables begin anew (recorder.c and log.c are
 * included, and their state cleared). What an earlier boot left may be anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "console_parts.h"
#include "fake_arch.h"
#include "fake_partition.h"
#include "fake_plan.h"

#include "../../core/log.c"
#include "../../core/recorder.c"

static _Alignas(8) uint8_t area[RECORD_AREA_SIZE];
static const struct crash_record *crash_found;
static char printed[65536];

void *arch_ptr(hpa_t hpa)
{
    uint64_t at = hpa.v - plan.crash.v;

    assert_true(at < sizeof(area) && at >= RECORD_OFFSET);
    return area + at;
}

const struct crash_record *crash_before(void)
{
    return crash_found;
}

/* One boot: the machine's memory but for the area is new. What record_begin() printed is in `printed`. */
static void boot(void)
{
    fake_reset();
    fake_plan_reset();
    fake_partitions_reset();
    memset(&record, 0, sizeof(record));
    memset(&ring, 0, sizeof(ring));
    record_begin();
    snprintf(printed, sizeof(printed), "%s", fake_uart_text());
}

static int setup(void **state)
{
    (void)state;
    memset(area, 0, sizeof(area));
    crash_found = NULL;
    return 0;
}

static void say(unsigned partition, const char *text)
{
    record_output(&partitions[partition], text, strlen(text));
}

static void stop(unsigned partition, uint64_t life)
{
    struct stop_record entry = {
        .time_us = 1500000, .life = life, .vcpu = 1, .cause = CAUSE_TRAP, .value = 14, .address = 8, .state = {.rip = 0x1234}};

    partitions[partition].stops.last[partitions[partition].stops.made++ % STOP_RECORDS] = entry;
    record_stop(&partitions[partition], &entry);
}

static unsigned count(const char *what)
{
    unsigned found = 0;

    for (const char *at = printed; (at = strstr(at, what)) != NULL; at++)
        found++;
    return found;
}

/* --- generations ------------------------------------------------------------------------------------------------------------ */

static void test_cold_start_finds_nothing(void **state)
{
    (void)state;
    srand(1);
    for (size_t i = 0; i < sizeof(area); i++)
        area[i] = (uint8_t)rand();
    boot();
    assert_string_equal(printed, "");
    assert_int_equal(record_read(0, printed, sizeof(printed)), 0);
    assert_int_equal(record.bank->head.boot, 1);
}

static void test_each_boot_shows_the_one_before_and_no_other(void **state)
{
    (void)state;
    boot();
    say(1, "one\n");
    stop(1, 7);
    boot();
    assert_int_equal(count("record of boot 1: control| one"), 1);
    assert_int_equal(
        count("record of boot 1: control had stopped at 1.500000 s, in life 7, stop 1: something, value 0xe, address 0x8, "
              "vcpu 1 at 0x1234"),
        1);
    say(1, "two\n");
    boot();
    assert_int_equal(count("record of boot 2: control| two"), 1);
    assert_int_equal(count("one"), 0);
    assert_int_equal(count("had stopped"), 0);
    boot();
    assert_int_equal(count("two"), 0); /* its bank has been used again */
    assert_int_equal(record.bank->head.boot, 4);
}

/* A block of two boots ago, sound then, in the bank that is used again: its sum has another boot in it. */
static void test_entry_of_an_older_boot_is_not_taken(void **state)
{
    struct record_bank *bank;
    struct record_block old;
    struct record_stop old_stop;

    (void)state;
    boot();
    say(1, "ancient\n");
    stop(1, 7);
    bank = record.bank;
    old = bank->partitions[1].output[0];
    old_stop = bank->partitions[1].stops[0];
    boot();
    boot();
    assert_ptr_equal(record.bank, bank);
    bank->partitions[1].output[0] = old;
    bank->partitions[1].stops[0] = old_stop;
    bank->partitions[2].output[0] = old;
    boot();
    assert_int_equal(count("ancient"), 0);
    assert_int_equal(count("had stopped"), 0);
}

/* What is sound of one partition is nothing of another, nor of us. */
static void test_entry_of_another_owner_is_not_taken(void **state)
{
    (void)state;
    boot();
    say(1, "words\n");
    stop(1, 7);
    record.bank->partitions[2].output[0] = record.bank->log[0] = record.bank->partitions[1].output[0];
    record.bank->partitions[2].stops[0] = record.bank->partitions[1].stops[0];
    boot();
    assert_int_equal(count("words"), 1);
    assert_int_equal(count("had stopped"), 1);
}

/* --- texts ------------------------------------------------------------------------------------------------------------------ */

static size_t tail_of(unsigned partition, char *out)
{
    size_t length = 0;
    const struct record_block *blocks = record.before->partitions[partition].output;
    uint32_t newest = 0;

    for (unsigned i = 0; i < RECORD_OUTPUT_BLOCKS; i++)
        newest = blocks[i].length != 0 && blocks[i].number > newest ? blocks[i].number : newest;
    for (uint32_t n = newest < RECORD_OUTPUT_BLOCKS ? 0 : newest - RECORD_OUTPUT_BLOCKS + 1; n <= newest; n++) {
        memcpy(out + length, blocks[n % RECORD_OUTPUT_BLOCKS].text, blocks[n % RECORD_OUTPUT_BLOCKS].length);
        length += blocks[n % RECORD_OUTPUT_BLOCKS].length;
    }
    return length;
}

/* Pieces of all sizes, far more than there is room for: the newest 4 KiB and more are there, in order. */
static void test_newest_bytes_are_kept(void **state)
{
    static char text[100000], found[RECORD_OUTPUT_BLOCKS * RECORD_TEXT];
    size_t length = 0, kept;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 7 + i / 251);
    boot();
    for (size_t piece = 0; length + piece <= sizeof(text); piece = (piece + 1) % 1000) {
        record_output(&partitions[2], text + length, piece);
        length += piece;
    }
    boot();
    kept = tail_of(2, found);
    assert_true(kept >= 4096);
    assert_memory_equal(found, text + length - kept, kept);
}

static void test_control_characters_are_made_visible(void **state)
{
    (void)state;
    boot();
    say(1, "bad \x1b[2J\x07 \x9b\x7f tab\there\r\n");
    boot();
    assert_int_equal(count("control| bad ^[[2J^G \\x9b^? tab.here\r\n"), 1); /* our own log shows a tab as a dot */
    for (const char *c = printed; *c; c++)
        assert_true((*c >= ' ' && *c <= '~') || *c == '\r' || *c == '\n');
}

static void test_print_is_bounded(void **state)
{
    static char text[5000];

    (void)state;
    boot();
    memset(text, '\x01', sizeof(text));
    for (unsigned i = 0; i < 3; i++)
        record_output(&partitions[i], text, sizeof(text));
    for (unsigned i = 0; i < 1000; i++)
        say(0, "line\n");
    boot();
    assert_int_equal(count("record of boot 1: linux| line"), 3);
    assert_true(count("control|") > 1 && strlen(printed) < 8192);
}

static void test_log_is_kept_from_its_beginning(void **state)
{
    struct bh_text text;
    uint64_t size;

    (void)state;
    fake_reset();
    boot();
    log_line("after");
    boot();
    assert_int_equal(count("record of boot 1: bulkhead| [    0.000000] bulkhead| after"), 1);
    size = log_read(0, &text, sizeof(text));
    assert_true(size > 8 && size <= sizeof(text) && strstr(text.bytes, "] bulkhead| record of boot 1, product"));
}

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

static size_t read_all(char *out, size_t piece)
{
    size_t at = 0;

    for (uint64_t size; (size = record_read(at, out + at, piece)) != 0; at += size)
        assert_true(size <= piece);
    return at;
}

static void test_read_gives_the_bank_of_the_boot_before(void **state)
{
    static char all[sizeof(struct record_bank) + 4096], again[sizeof(struct record_bank) + 4096];
    struct crash_record crash = {.magic = CRASH_MAGIC, .text = "ours"};
    struct record_bank *bank = (struct record_bank *)all;
    size_t size;

    (void)state;
    boot();
    say(0, "zero\n");
    stop(2, 1);
    crash_found = &crash;
    boot();
    size = read_all(all, 4096);
    assert_int_equal(size, offsetof(struct record_bank, partitions) + 3 * sizeof(struct record_partition));
    assert_int_equal(read_all(again, 1000), size);
    assert_memory_equal(all, again, size);
    assert_int_equal(bank->head.boot, 1);
    assert_string_equal(bank->crash.text, "ours");
    assert_memory_equal(bank->partitions[0].output[0].text, "zero\n", 5);
    assert_int_equal(bank->partitions[2].stops[0].stop.cpu.rip, 0x1234);
    for (unsigned shift = 0; shift < 64; shift++)
        assert_true(record_read(1ull << shift, again, 4096) <= 4096);
    assert_int_equal(record_read(size, again, 4096), 0);
    assert_int_equal(record_read(UINT64_MAX, again, 4096), 0);
}

/* RAM of anybody else is not handed out: what is not sound is zeros, behind the end of a text too. */
static void test_what_is_not_sound_cannot_be_read(void **state)
{
    static char all[sizeof(struct record_bank)];
    struct record_bank *bank;
    size_t size;

    (void)state;
    boot();
    say(0, "sound");
    bank = record.bank;
    memset((uint8_t *)bank + sizeof(bank->head), 0xa5, sizeof(*bank) - sizeof(bank->head));
    memset(&record.output[0].length, 0, sizeof(uint32_t));
    block_begin(&record.output[0], 0);
    say(0, "sound");
    boot();
    size = read_all(all, 4096);
    assert_int_equal(count("linux| sound"), 1);
    for (size_t i = sizeof(bank->head); i < size; i++)
        assert_int_not_equal((uint8_t)all[i], 0xa5);
}

/* Who may observe but not dump: what and where, and no register. */
static void test_ac51_stops_have_registers_for_those_who_may_dump(void **state)
{
    static const struct bh_cpu none;
    struct bh_stop out;

    (void)state;
    boot();
    stop(1, 7);
    partitions[1].stops.last[0].regs.r[REG_RBX] = 77;
    partitions[1].stops.last[0].raw[2] = 78;
    assert_int_equal(record_stops(&partitions[1], 0, &out, sizeof(out), true), sizeof(out));
    assert_int_equal(out.cpu.rip, 0x1234);
    assert_int_equal(out.cpu.regs[REG_RBX], 77);
    assert_int_equal(out.raw[2], 78);
    assert_int_equal(record_stops(&partitions[1], 0, &out, sizeof(out), false), sizeof(out));
    assert_memory_equal(&out.cpu, &none, sizeof(none));
    assert_int_equal(out.raw[0] | out.raw[1] | out.raw[2], 0);
    assert_int_equal(out.life, 7);
    assert_int_equal(out.value, 14);
    assert_int_equal(out.address, 8);
}

static void test_stops_are_read_oldest_first(void **state)
{
    struct bh_stop out[STOP_RECORDS];

    (void)state;
    boot();
    assert_int_equal(record_stops(&partitions[1], 0, out, sizeof(out), true), 0);
    for (unsigned life = 1; life <= 11; life++)
        stop(1, life);
    assert_int_equal(record_stops(&partitions[1], 0, out, sizeof(out), true), sizeof(out));
    assert_int_equal(out[0].life, 4);
    assert_int_equal(out[7].life, 11);
    assert_int_equal(record_stops(&partitions[1], 6, out, 4096, true), 2 * sizeof(out[0]));
    assert_int_equal(out[1].life, 11);
    assert_int_equal(record_stops(&partitions[1], 0, out, sizeof(out[0]) * 2 - 1, true), sizeof(out[0]));
    assert_int_equal(record_stops(&partitions[1], UINT64_MAX, out, sizeof(out), true), 0);
    assert_false(fake_gate_held(&partitions[1]));
}

/* --- damage ----------------------------------------------------------------------------------------------------------------- */

/* Each byte of all that was written, flipped: the print and what can be read show the entry as it was, or not at all. */
static void test_each_flipped_byte_loses_one_entry_at_most(void **state)
{
    static uint8_t sound[RECORD_AREA_SIZE];
    const size_t bank = RECORD_OFFSET, head = sizeof(struct record_head);
    size_t text = bank + offsetof(struct record_bank, partitions) + sizeof(struct record_partition);
    size_t stops = text + offsetof(struct record_partition, stops);

    (void)state;
    boot();
    say(1, "the only line\n");
    stop(1, 3);
    memcpy(sound, area, sizeof(area));
    for (size_t i = 0; i < head + sizeof(struct record_block) + sizeof(struct record_stop); i++) {
        size_t at = i < head                                 ? bank + i
                    : i < head + sizeof(struct record_block) ? text + i - head
                                                             : stops + i - head - sizeof(struct record_block);

        memcpy(area, sound, sizeof(area));
        area[at] ^= (uint8_t)(1u << i % 8);
        boot();
        if (i < head)
            assert_string_equal(printed, "");
        else if (i < head + sizeof(struct record_block))
            assert_true(count("had stopped") == 1 && count("control| ") == (i - head >= 16 + 14));
        else
            assert_true(count("had stopped") == 0 && count("control| the only line") == 1);
    }
}

static void test_scribbled_area_is_survived(void **state)
{
    static uint8_t sound[RECORD_AREA_SIZE];
    static char all[sizeof(struct record_bank) + 4096];

    (void)state;
    boot();
    for (unsigned i = 0; i < 3; i++) {
        say(i, "some text\nand more\n");
        stop(i, 1);
    }
    memcpy(sound, area, sizeof(area));
    srand(7);
    for (unsigned round = 0; round < 300; round++) {
        memcpy(area, sound, sizeof(area));
        for (unsigned i = 0; i < 200; i++)
            area[RECORD_OFFSET + sizeof(struct record_head) +
                 (unsigned)rand() % (sizeof(struct record_bank) - sizeof(struct record_head))] = (uint8_t)rand();
        boot();
        (void)read_all(all, 4096);
        assert_int_equal(record.bank->head.boot, 2);
    }
}

/* Numbers with sums that fit: nothing but they say which entry is the newest, and they are no index. */
static void test_absurd_numbers(void **state)
{
    static const uint32_t numbers[] = {1, 39, 40, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff};
    struct text text;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        boot();
        text_begin(&text, record.bank->partitions[0].output, RECORD_OUTPUT_BLOCKS, 0);
        block_begin(&text, numbers[i]);
        text_add(&text, "far\n", 4);
        boot();
        assert_int_equal(count("linux| far"), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_cold_start_finds_nothing, setup),
        cmocka_unit_test_setup(test_each_boot_shows_the_one_before_and_no_other, setup),
        cmocka_unit_test_setup(test_entry_of_an_older_boot_is_not_taken, setup),
        cmocka_unit_test_setup(test_entry_of_another_owner_is_not_taken, setup),
        cmocka_unit_test_setup(test_newest_bytes_are_kept, setup),
        cmocka_unit_test_setup(test_control_characters_are_made_visible, setup),
        cmocka_unit_test_setup(test_print_is_bounded, setup),
        cmocka_unit_test_setup(test_log_is_kept_from_its_beginning, setup),
        cmocka_unit_test_setup(test_read_gives_the_bank_of_the_boot_before, setup),
        cmocka_unit_test_setup(test_what_is_not_sound_cannot_be_read, setup),
        cmocka_unit_test_setup(test_ac51_stops_have_registers_for_those_who_may_dump, setup),
        cmocka_unit_test_setup(test_stops_are_read_oldest_first, setup),
        cmocka_unit_test_setup(test_each_flipped_byte_loses_one_entry_at_most, setup),
        cmocka_unit_test_setup(test_scribbled_area_is_survived, setup),
        cmocka_unit_test_setup(test_absurd_numbers, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
