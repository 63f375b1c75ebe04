/* SPDX-License-Identifier: Apache-2.0 */
/* The console: rings that lie, lines, prompts, floods, forged prefixes, focus, the attention key (AC-45). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "console_parts.h"
#include "fake_arch.h"
#include "fake_partition.h"
#include "fake_plan.h"
#include "recorder.h"

#define BUDGET 2048u
#define RESET "\x18\x1b\\\x1b<\x1b[4i\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[!p\x1b[m\x1b(B\x0f"
#define ATTENTION "\x1d"

enum { LINUX_GUEST, CONTROL, HELLO };

static unsigned audits;

void console_audit(void)
{
    audits++;
}

/* What the record was given of each. */
static struct {
    char bytes[3 * CONSOLE_RING];
    size_t size;
} kept[MAX_PARTITIONS];

void record_output(const struct partition *partition, const char *bytes, size_t size)
{
    assert_true(fake_gate_held(partition));
    for (size_t i = 0; i < size; i++)
        kept[partition->index].bytes[kept[partition->index].size++ % sizeof(kept[0].bytes)] = bytes[i];
}

/* Several ticks of 20 ms; returns what was sent. */
static const char *run(unsigned ms)
{
    for (unsigned t = 0; t < ms; t += 20) {
        fake_ms(20);
        console_service(fake.ticks);
    }
    return fake_uart_text();
}

/* Time goes on from test to test, since buckets and lines remember theirs. */
static size_t put(struct partition *p, const char *text, size_t size)
{
    size_t taken;

    lock_take(&p->gate);
    taken = console_write_locked(p, text, size);
    lock_drop(&p->gate);
    return taken;
}

static int setup(void **state)
{
    static uint64_t clock;

    (void)state;
    fake_reset();
    fake_plan_reset();
    fake_partitions_reset();
    console_init();
    console_live();
    clock += 20000;
    fake_ms(clock);
    for (unsigned i = 0; i < plan.partition_count; i++) {
        uart16550_reset(&partitions[i].uart);
        console_reset(&partitions[i]);
    }
    console_focus(LINUX_GUEST);
    console_focus(VIEW_ALL);
    put(&partitions[HELLO], "\n", 1); /* so that it is the turn of the first */
    run(2000);
    for (unsigned i = 0; i < plan.partition_count; i++)
        partitions[i].out->dropped = 0; /* indices that the fake put to 0 */
    audits = 0;
    return 0;
}

static uint8_t *out_ring(unsigned i)
{
    return partitions[i].abi + (BH_OUT_RING_GPA - BH_ABI_GPA);
}

/* A partition prints as its own library would. */
static void print_bytes(unsigned i, const char *bytes, size_t size)
{
    if (i == LINUX_GUEST) {
        for (size_t n = 0; n < size; n++) {
            lock_take(&partitions[i].gate);
            uart16550_write(&partitions[i], 0, (uint8_t)bytes[n]);
            lock_drop(&partitions[i].gate);
        }
        return;
    }
    for (size_t n = 0; n < size; n++) {
        struct bh_shared *shared = fake_shared(i);

        if (shared->out_produced - shared->out_consumed == BH_OUT_RING_SIZE)
            return;
        out_ring(i)[shared->out_produced % BH_OUT_RING_SIZE] = (uint8_t)bytes[n];
        shared->out_produced++;
    }
}

static void print(unsigned i, const char *text)
{
    print_bytes(i, text, strlen(text));
}

static void key(const char *keys)
{
    fake_key(keys, strlen(keys));
}

static bool stamp_at(const char *p)
{
    if (p[0] != '[' || p[6] != '.' || p[13] != ']' || p[14] != ' ')
        return false;
    for (unsigned i = 1; i < 13; i++)
        if (i != 6 && !((p[i] >= '0' && p[i] <= '9') || (p[i] == ' ' && i < 5)))
            return false;
    return true;
}

/* The text without the time stamps at line starts. */
static const char *plain(const char *text)
{
    static char out[FAKE_UART];
    size_t n = 0;

    for (const char *p = text; *p != '\0';) {
        if ((p == text || p[-1] == '\n') && strlen(p) > 15 && stamp_at(p))
            p += 15;
        else
            out[n++] = *p++;
    }
    out[n] = '\0';
    return out;
}

static unsigned occurrences(const char *text, const char *what)
{
    unsigned count = 0;

    for (const char *p = strstr(text, what); p != 0; p = strstr(p + 1, what))
        count++;
    return count;
}

/* --- the view of all ------------------------------------------------------------------------------------------------------ */

static void test_line_with_time_and_name(void **state)
{
    char want[64];
    unsigned us;

    (void)state;
    print(CONTROL, "text\n");
    fake_ms(20);
    us = (unsigned)time_us(fake.ticks + 141592);
    snprintf(want, sizeof(want), "[%5u.%06u] control| text\r\n", us / 1000000, us % 1000000);
    console_service(fake.ticks + 141592);
    assert_string_equal(fake_uart_text(), want);
    assert_true(stamp_at(want));
}

static void test_every_kind(void **state)
{
    (void)state;
    print(LINUX_GUEST, "one\r\n");
    print(CONTROL, "two\n\nfour\n");
    print(HELLO, "three\n");
    log_line("own");
    assert_string_equal(plain(run(20)),
                        "bulkhead| own\r\nlinux| one\r\ncontrol| two\r\nhello| three\r\ncontrol| \r\ncontrol| four\r\n");
}

static void test_prompt_after_100_ms(void **state)
{
    (void)state;
    print(LINUX_GUEST, "/ # ");
    assert_string_equal(run(100), ""); /* taken at the first tick of 20 ms, so 80 ms old */
    assert_string_equal(plain(run(20)), "linux| / # ");
    assert_string_equal(run(200), "");
    print(LINUX_GUEST, "l"); /* the echo follows at once on the same line */
    assert_string_equal(run(20), "l");
    print(LINUX_GUEST, "s\r\n");
    assert_string_equal(run(20), "s\r\n");
    print(LINUX_GUEST, "bin\r\n");
    assert_string_equal(plain(run(20)), "linux| bin\r\n");
}

static void test_prompt_interrupted(void **state)
{
    (void)state;
    print(LINUX_GUEST, "/ # ");
    run(120);
    print(HELLO, "tick\n");
    assert_string_equal(plain(run(20)), "\r\nhello| tick\r\n");
    print(LINUX_GUEST, "x\r\n");
    assert_string_equal(plain(run(20)), "linux| x\r\n");
    print(LINUX_GUEST, "/ # ");
    run(120);
    log_line("news");
    assert_string_equal(plain(run(20)), "\r\nbulkhead| news\r\n");
}

static void test_carriage_returns(void **state)
{
    (void)state;
    print(CONTROL, "a\r\nb\rc\nd\r\r\n");
    assert_string_equal(plain(run(20)), "control| a\r\ncontrol| b^Mc\r\ncontrol| d^M\r\n");
    print(CONTROL, "half\r");
    assert_string_equal(plain(run(200)), "control| half"); /* the return waits for what follows it */
    print(CONTROL, "\n");
    assert_string_equal(run(20), "\r\n");
}

/* AC-45: all 256 byte values. */
static void test_ac45_visible_characters(void **state)
{
    char want[2048] = "";
    char all[256];

    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        all[i] = (char)i;
        if (i == '\n' || i == '\r')
            all[i] = '.';
        if (i == '\t' || i == '\n' || i == '\r' || (i >= 32 && i < 127))
            sprintf(want + strlen(want), "%c", all[i]);
        else if (i < 128)
            sprintf(want + strlen(want), "^%c", i == 127 ? '?' : (int)(i + 64));
        else
            sprintf(want + strlen(want), "\\x%02x", i);
    }
    for (unsigned from = 0; from < 256; from += 32) { /* short enough for a line */
        char line[160];

        print_bytes(CONTROL, all + from, 32);
        print(CONTROL, "\n");
        snprintf(line, sizeof(line), "%s", plain(run(20)));
        assert_int_equal(strncmp(line, "control| ", 9), 0);
        line[strlen(line) - 2] = '\0';
        assert_non_null(strstr(want, line + 9));
    }
}

static void test_ac45_escape_sequences(void **state)
{
    (void)state;
    print(CONTROL, "\x1b[2J\x1b]0;title\x07\x9b"
                   "31m\xc2\x9b"
                   "A\b\b\n");
    assert_string_equal(plain(run(20)), "control| ^[[2J^[]0;title^G\\x9b31m\\xc2\\x9bA^H^H\r\n");
}

static void test_ac45_forged_prefix(void **state)
{
    (void)state;
    print(CONTROL, "x\n[    0.000001] bulkhead| forged\nbulkhead| forged\r\rhello| forged\n");
    assert_string_equal(plain(run(20)),
                        "control| x\r\ncontrol| [    0.000001] bulkhead| forged\r\ncontrol| bulkhead| forged^M^Mhello| forged\r\n");
}

static void test_ac45_long_line(void **state)
{
    char text[1001];
    const char *got;
    unsigned lines = 0, letters = 0;

    (void)state;
    memset(text, 'w', 1000);
    text[1000] = '\0';
    print(CONTROL, text);
    print(CONTROL, "\n");
    got = plain(run(20));
    while (*got != '\0') {
        const char *end = strstr(got, "\r\n");

        assert_non_null(end);
        assert_int_equal(strncmp(got, "control| ", 9), 0);
        assert_true(end - got <= 9 + 200);
        letters += (unsigned)(end - got) - 9;
        lines++;
        got = end + 2;
    }
    assert_int_equal(letters, 1000);
    assert_in_range(lines, 5, 6);
}

/* The same by drops on one open line. */
static void test_ac45_long_line_in_drops(void **state)
{
    unsigned width = 0, breaks = 0;

    (void)state;
    print(CONTROL, ".");
    run(120);
    for (unsigned i = 0; i < 300; i++) {
        print(CONTROL, ".");
        for (const char *p = run(20); *p != '\0'; p++) {
            width = *p == '\n' ? 0 : width + 1;
            breaks += *p == '\n';
            assert_true(width <= 15 + 9 + 200);
        }
        if (breaks != 0 && width == 0)
            run(120); /* the next line is a prompt again */
    }
    assert_int_equal(breaks, 1);
    print(CONTROL, "\n");
    run(20);
    print(CONTROL, ".");
    run(120);
    for (unsigned i = 0; i < 30; i++)
        print(CONTROL, "0123456789");
    {
        const char *got = run(120);

        assert_true(strcspn(got, "\r") <= 200);
        assert_int_equal(occurrences(got, "control| "), 1);
    }
}

/* Random bytes of one partition: each line sent is whole, has a right prefix, and the neighbour's are as it wrote them. */
static void test_ac45_fuzz_keeps_lines_attributable(void **state)
{
    unsigned numbers = 0;

    (void)state;
    srand(7);
    for (unsigned round = 0; round < 400; round++) {
        char bytes[64], line[64];
        char *text, *save = 0;

        for (unsigned i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)(rand() % 4 == 0 ? "\r\n\x1b["[rand() % 4] : rand());
        print_bytes(CONTROL, bytes, sizeof(bytes));
        snprintf(line, sizeof(line), "number %u\n", round);
        print(HELLO, line);
        text = strdup(run(20));
        for (char *p = strtok_r(text, "\n", &save); p != 0; p = strtok_r(0, "\n", &save)) {
            bool open = p[0] != '[' || !stamp_at(p); /* the rest of a line that was open */

            if (!open && strncmp(p + 15, "hello| ", 7) == 0) {
                snprintf(line, sizeof(line), "hello| number %u\r", numbers++);
                assert_string_equal(p + 15, line);
            } else if (!open) {
                assert_int_equal(strncmp(p + 15, "control| ", 9), 0);
            }
            for (char *c = p; *c != '\0'; c++)
                assert_true((*c >= ' ' && *c < 127) || *c == '\t' || (*c == '\r' && c[1] == '\0'));
        }
        free(text);
    }
    assert_int_equal(numbers, 400);
}

static void test_hidden(void **state)
{
    (void)state;
    fake_plan_partitions[HELLO].console.hidden = true;
    print(HELLO, "secret of mine\n");
    print(CONTROL, "seen\n");
    assert_string_equal(plain(run(200)), "control| seen\r\n");
    key(ATTENTION "3");
    assert_non_null(strstr(run(40), "secret of mine\n"));
}

/* --- rings ---------------------------------------------------------------------------------------------------------------- */

static void test_index_abuse(void **state)
{
    static const uint32_t lies[] = {0xffffffff, 0x80000000, BH_OUT_RING_SIZE + 1, 0x7fffffff, 3};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
        struct bh_shared *shared = fake_shared(CONTROL);
        uint32_t before = shared->out_consumed;

        shared->out_produced = before + BH_OUT_RING_SIZE + 1 + lies[i] % 0x7fffffff;
        shared->out_consumed = 0x12345678; /* ours is told, never read */
        print(HELLO, "fine\n");
        assert_string_equal(plain(run(120)), "hello| fine\r\n");
        assert_int_equal(shared->out_consumed, shared->out_produced); /* its content is lost, and it can go on */
        print(CONTROL, "again\n");
        assert_string_equal(plain(run(20)), "control| again\r\n");
    }
    fake_shared(CONTROL)->out_produced--; /* backwards is very far ahead */
    assert_string_equal(run(120), "");
    assert_true(partitions[CONTROL].out->dropped >= BH_OUT_RING_SIZE);
}

static void test_indices_wrap(void **state)
{
    (void)state;
    fake_shared(CONTROL)->out_produced = 0xfffffffd; /* loses the ring, which is empty, and arrives there */
    run(20);
    print(CONTROL, "0123456789\n");
    assert_string_equal(plain(run(20)), "control| 0123456789\r\n");
    assert_int_equal(fake_shared(CONTROL)->out_consumed, 8);
}

/* More than the partition's own ring holds: what has no room stays where it is. */
static void test_pull_is_bounded(void **state)
{
    char block[BH_OUT_RING_SIZE];

    (void)state;
    memset(block, 'b', sizeof(block));
    fake.uart_busy = true;
    print_bytes(CONTROL, block, sizeof(block));
    console_service(fake.ticks);
    assert_int_equal(fake_shared(CONTROL)->out_consumed, BUDGET);
    for (unsigned i = 0; i < 40; i++) {
        print_bytes(CONTROL, block, sizeof(block));
        console_service(fake.ticks); /* no time passes: the UART is not yet given up */
    }
    assert_in_range(partitions[CONTROL].out->produced - partitions[CONTROL].out->consumed, CONSOLE_RING - 200, CONSOLE_RING);
    assert_true(fake_shared(CONTROL)->out_produced - fake_shared(CONTROL)->out_consumed == BH_OUT_RING_SIZE);
}

static void test_console_write(void **state)
{
    static char big[CONSOLE_RING + 100];
    struct partition *p = &partitions[LINUX_GUEST];

    (void)state;
    assert_int_equal(put(p, "abc\n", 4), 4);
    assert_string_equal(plain(run(20)), "linux| abc\r\n");
    assert_int_equal(put(p, big, sizeof(big)), CONSOLE_RING);
    assert_int_equal(p->out->dropped, 100);
    assert_true(console_full_locked(p));
    p->out->consumed += 15;
    assert_true(console_full_locked(p));
    p->out->consumed += 1;
    assert_false(console_full_locked(p));
    assert_false(fake_gate_held(p));
}

static void test_input_unikernel(void **state)
{
    uint8_t *ring = partitions[CONTROL].abi + (BH_IN_RING_GPA - BH_ABI_GPA);
    struct bh_shared *shared = fake_shared(CONTROL);

    (void)state;
    key(ATTENTION "2ab");
    run(40);
    assert_int_equal(shared->in_produced, 2);
    assert_memory_equal(ring, "ab", 2);
    assert_int_equal(fake_partition.interrupts[CONTROL], 0); /* no vector registered, none sent */
    partitions[CONTROL].vectors[BH_SOURCE_CONSOLE] = 0x51;
    key("c");
    run(20);
    assert_int_equal(fake_partition.interrupts[CONTROL], 1);
    assert_int_equal(fake_partition.vector, 0x51);
    assert_true(fake_partition.gate_was_held);
    assert_int_equal(fake_partition.interrupts[HELLO] + fake_partition.interrupts[LINUX_GUEST], 0);
}

static void test_input_index_abuse(void **state)
{
    struct bh_shared *shared = fake_shared(CONTROL);

    (void)state;
    key(ATTENTION "2");
    run(20);
    for (unsigned i = 0; i < BH_IN_RING_SIZE + 50; i += 10) {
        key("0123456789");
        run(20);
    }
    assert_int_equal(shared->in_produced, BH_IN_RING_SIZE); /* full: keys are lost, nothing is overwritten */
    shared->in_consumed = shared->in_produced + 1;          /* ahead of us: the same as full */
    key("x");
    run(20);
    assert_int_equal(shared->in_produced, BH_IN_RING_SIZE);
    shared->in_produced = 0; /* ours is told, never read */
    shared->in_consumed = BH_IN_RING_SIZE;
    key("y");
    run(20);
    assert_int_equal(shared->in_produced, BH_IN_RING_SIZE + 1);
    assert_int_equal(partitions[CONTROL].abi[BH_IN_RING_GPA - BH_ABI_GPA], 'y');
}

static void test_input_linux(void **state)
{
    struct partition *p = &partitions[LINUX_GUEST];

    (void)state;
    p->uart.ier = 1;
    key("l");
    run(20);
    assert_int_equal(fake.pulses[UART_PIN], 1);
    assert_int_equal(uart16550_read(p, 0), 'l');
}

/* SEP-9: a new life finds empty rings; the last words of the old one are shown, on a line of their own. */
static void test_sep9_reset(void **state)
{
    (void)state;
    key(ATTENTION "2abc");
    key(ATTENTION "a");
    run(40);
    print(CONTROL, "last words");
    console_reset(&partitions[CONTROL]);
    for (unsigned i = PAGE_SIZE; i < 7 * PAGE_SIZE; i++)
        assert_int_equal(partitions[CONTROL].abi[i], 0);
    print(CONTROL, "new life\n");
    assert_string_equal(plain(run(20)), "control| last words\r\ncontrol| new life\r\n");
    key("k");
    run(20);
    assert_int_equal(fake_shared(CONTROL)->in_produced, 1);
    console_reset(&partitions[LINUX_GUEST]); /* has no ABI pages */
}

/* --- rate, budget, back pressure -------------------------------------------------------------------------------------------- */

static void test_ac45_flood(void **state)
{
    char block[BH_OUT_RING_SIZE];
    unsigned shown = 0, notices = 0, heard = 0;

    (void)state;
    memset(block, 'f', sizeof(block));
    for (unsigned i = 79; i < sizeof(block); i += 80)
        block[i] = '\n';
    fake_plan_partitions[CONTROL].console.bytes_per_second = 10000;
    for (unsigned tick = 0; tick < 500; tick++) { /* ten seconds */
        const char *got;

        print_bytes(CONTROL, block, sizeof(block));
        print(HELLO, "alive\n");
        fake_ms(20);
        console_service(fake.ticks);
        assert_true(fake.uart_length <= BUDGET);
        got = fake_uart_text();
        heard += occurrences(got, "hello| alive\r\n");
        notices += occurrences(got, "bulkhead| control: ");
        for (const char *p = got; *p != '\0'; p++)
            shown += *p == 'f';
    }
    assert_in_range(heard, 495, 500);      /* the neighbour's lines came out in time */
    assert_in_range(shown, 50000, 112000); /* one bucket and ten seconds' worth at most */
    assert_in_range(notices, 5, 25);       /* once per burst */
    assert_in_range(partitions[CONTROL].out->dropped, 50000, 500 * (uint64_t)BUDGET / 4); /* what is dropped is hardly taken */
    assert_int_equal(partitions[HELLO].out->dropped, 0);
    run(2000);
    print(CONTROL, "\nstill here\n");
    assert_non_null(strstr(run(100), "control| still here\r\n"));
}

static void test_rate_of_one_byte(void **state)
{
    (void)state;
    fake_plan_partitions[CONTROL].console.bytes_per_second = 1;
    run(5000);
    print(CONTROL, "ab");
    run(20);
    run(3000);
    print(CONTROL, "\n");
    assert_non_null(run(40)); /* no more is asked than that it neither hangs nor divides by zero */
    fake_plan_partitions[CONTROL].console.bytes_per_second = UINT32_MAX;
    run(5000);
    print(CONTROL, "fast\n");
    assert_non_null(strstr(run(40), "fast\r\n"));
}

static void test_budget(void **state)
{
    char block[8192];

    (void)state;
    memset(block, 'x', sizeof(block));
    print_bytes(CONTROL, block, sizeof(block));
    print_bytes(HELLO, block, sizeof(block));
    for (unsigned i = 0; i < 20; i++) {
        fake_ms(20);
        console_service(fake.ticks);
        assert_true(fake.uart_length <= BUDGET);
        fake.uart_length = 0;
    }
}

/* The UART takes 16 bytes at a time: all comes out, in order. */
static void test_slow_uart(void **state)
{
    (void)state;
    print(CONTROL, "a line that is longer than the sixteen bytes of a FIFO\n");
    fake.uart_room = 0;
    for (unsigned i = 0; i < 10; i++) {
        fake.uart_room = 16;
        fake_ms(20);
        console_service(fake.ticks);
    }
    assert_string_equal(plain(fake_uart_text()), "control| a line that is longer than the sixteen bytes of a FIFO\r\n");
}

/* AC-45: nobody reads the line. Output waits for a second, then it is discarded, so that no partition waits for ever. */
static void test_stuck_uart(void **state)
{
    char block[1000];

    (void)state;
    memset(block, 's', sizeof(block));
    fake.uart_busy = true;
    for (unsigned i = 0; i < 50; i++)
        print_bytes(LINUX_GUEST, block, sizeof(block));
    run(900);
    print_bytes(LINUX_GUEST, block, sizeof(block));
    assert_int_equal(uart16550_read(&partitions[LINUX_GUEST], 5) & 0x60, 0);
    run(400);
    assert_int_equal(uart16550_read(&partitions[LINUX_GUEST], 5) & 0x60, 0x60);
    assert_true(partitions[LINUX_GUEST].out->dropped > CONSOLE_RING - 1000);
    log_line("kept");
    fake.uart_busy = false;
    assert_non_null(strstr(run(100), "bulkhead| kept\r\n"));
    print(LINUX_GUEST, "\nback\n");
    assert_non_null(strstr(run(20), "linux| back\r\n"));
}

/* A driver that waits for the transmitter is told when its ring has room again. */
static void test_room_is_told(void **state)
{
    char block[1000];

    (void)state;
    memset(block, 't', sizeof(block));
    fake.uart_busy = true;
    uart16550_write(&partitions[LINUX_GUEST], 1, 2);
    for (unsigned i = 0; i < 50; i++)
        print_bytes(LINUX_GUEST, block, sizeof(block));
    run(200);
    print_bytes(LINUX_GUEST, block, sizeof(block));
    fake.pulses[UART_PIN] = 0;
    fake.uart_busy = false;
    run(20);
    assert_int_equal(fake.pulses[UART_PIN], 1);
}

/* --- focus ------------------------------------------------------------------------------------------------------------------ */

static void test_focus_raw(void **state)
{
    static const char raw[] = "\x1b[2J\xc3\xa4\r\x07 prompt> ";

    (void)state;
    key(ATTENTION "2");
    assert_non_null(strstr(run(20), "bulkhead| control has screen and keyboard\r\n"));
    print(CONTROL, raw);
    print(HELLO, "not shown\n");
    assert_string_equal(run(200), raw);
    print(CONTROL, "x");
    assert_string_equal(run(20), "x");
    log_line("important");
    assert_string_equal(plain(run(20)), "\r\nbulkhead| important\r\n");
    print(CONTROL, "y\n");
    log_line("more");
    assert_string_equal(plain(run(20)), "bulkhead| more\r\ny\n");
    key(ATTENTION "a");
    print(HELLO, "shown\n");
    assert_string_equal(plain(run(20)), RESET "\r\nhello| shown\r\n");
}

static void test_focus_replays_last_lines(void **state)
{
    char line[64];
    const char *got;

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        snprintf(line, sizeof(line), "line number %03u of the past\n", i);
        print(CONTROL, line);
        run(20);
    }
    key(ATTENTION "2");
    got = strchr(run(100), '\n') + 1; /* after "has screen and keyboard" */
    assert_int_equal(strncmp(got, "line number ", 12), 0);
    assert_true(strlen(got) <= 2048 && strlen(got) > 1900);
    assert_string_equal(got + strlen(got) - 28, "line number 199 of the past\n");
    assert_int_equal(occurrences(got, "line number 199"), 1);
}

static void test_focus_replay_of_little(void **state)
{
    (void)state;
    partitions[HELLO].out->produced = partitions[HELLO].out->consumed = 0;
    print(HELLO, "only this");
    run(200);
    key(ATTENTION "3");
    assert_string_equal(plain(run(20)), "\r\nbulkhead| hello has screen and keyboard\r\nonly this");
}

/* Away before the replay is through: what is left of it has been seen before and must not come again as new lines. */
static void test_focus_replay_left_early(void **state)
{
    (void)state;
    print(HELLO, "one line of the past\n");
    run(200);
    key(ATTENTION "3" ATTENTION "a");
    print(HELLO, "new\n");
    const char *got = plain(run(200));

    assert_int_equal(occurrences(got, "one line of the past"), 0);
    assert_int_equal(occurrences(got, "hello| new"), 1);
}

static void test_keys_stay_with_the_last(void **state)
{
    (void)state;
    key(ATTENTION "3" ATTENTION "ax");
    run(40);
    assert_int_equal(console_keys(), HELLO);
    assert_int_equal(fake_shared(HELLO)->in_produced, 1);
    print(CONTROL, "in the view of all\n");
    assert_string_equal(plain(run(20)), "control| in the view of all\r\n");
}

/* Raw output over its rate waits and is not lost: the partition sees a slow line. */
static void test_focus_rate_is_back_pressure(void **state)
{
    char block[8000];
    unsigned shown = 0;

    (void)state;
    memset(block, 'r', sizeof(block));
    fake_plan_partitions[CONTROL].console.bytes_per_second = 2000;
    key(ATTENTION "2");
    run(20);
    print_bytes(CONTROL, block, sizeof(block));
    shown = occurrences(run(1000), "r");
    assert_in_range(shown, 1900, 4100);
    shown += occurrences(run(5000), "r");
    assert_int_equal(shown, sizeof(block));
    assert_int_equal(partitions[CONTROL].out->dropped, 0);
}

/* --- the attention key ---------------------------------------------------------------------------------------------------------- */

static void test_attention_twice(void **state)
{
    (void)state;
    key(ATTENTION "2");
    key(ATTENTION ATTENTION "z");
    run(20);
    assert_int_equal(fake_shared(CONTROL)->in_produced, 2);
    assert_memory_equal(partitions[CONTROL].abi + (BH_IN_RING_GPA - BH_ABI_GPA), ATTENTION "z", 2);
}

static void test_attention_moved(void **state)
{
    (void)state;
    fake_board.attention = 0x01;
    console_init();
    key(ATTENTION "2");
    run(20);
    assert_int_equal(console_keys(), LINUX_GUEST);
    key("\x01"
        "2");
    run(20);
    assert_int_equal(console_keys(), CONTROL);
}

static void test_list(void **state)
{
    const char *got;

    (void)state;
    partitions[CONTROL].state = PARTITION_STOPPED;
    partitions[CONTROL].stop_cause = CAUSE_WATCHDOG;
    partitions[CONTROL].lives = 3;
    key(ATTENTION "l");
    got = plain(run(20));
    assert_non_null(
        strstr(got, "bulkhead| * 1 linux           running    2 cores    512 MiB, started 0 times, 0 bytes of output lost\r\n"));
    assert_non_null(strstr(got,
                           "bulkhead|   2 control         stopped    1 cores      8 MiB, started 3 times, 0 bytes of output lost, "
                           "stopped by: watchdog\r\n"));
    assert_non_null(strstr(got, "bulkhead|   3 hello "));
    assert_int_equal(occurrences(got, "\r\n"), 3);
}

static void test_counters(void **state)
{
    const char *got;

    (void)state;
    vcpus[1].counters.exits[EXIT_CPUID] = 12;
    vcpus[1].counters.exits[EXIT_IO] = 3456;
    vcpus[1].counters.denied[DENIED_PORT] = 7;
    vcpus[1].counters.ticks = 5000000;
    key(ATTENTION "c");
    got = plain(run(20));
    assert_non_null(strstr(got, "bulkhead| core 1, linux/1: 5000 us in the hypervisor\r\n"));
    assert_non_null(strstr(got, "  cpuid 12  port 3456  denied ports 7\r\n"));
    assert_non_null(strstr(got, "bulkhead| core 3, hello/0: 0 us in the hypervisor\r\n"));
}

/* Every counter at its longest: more lines, none cut. */
static void test_counters_all(void **state)
{
    const char *got;

    (void)state;
    for (unsigned kind = 0; kind < EXIT_KIND_COUNT; kind++)
        vcpus[2].counters.exits[kind] = UINT64_MAX;
    vcpus[2].counters.denied[DENIED_PORT] = vcpus[2].counters.denied[DENIED_MSR] = vcpus[2].counters.denied[DENIED_MEMORY] =
        UINT64_MAX;
    vcpus[2].counters.denied[DENIED_OTHER] = UINT64_MAX;
    console_counters();
    got = run(400);
    assert_int_equal(occurrences(got, "18446744073709551615"), EXIT_KIND_COUNT + 4);
}

static void test_audit_help_unknown(void **state)
{
    (void)state;
    key(ATTENTION "v");
    run(20);
    assert_int_equal(audits, 1);
    key(ATTENTION "?");
    assert_non_null(strstr(run(20), "q power off"));
    key(ATTENTION "3" ATTENTION "a" ATTENTION "s");
    assert_non_null(strstr(plain(run(20)), "bulkhead| stops of hello\r\n"));
    key(ATTENTION "1" ATTENTION "a");
    run(20);
    key(ATTENTION "Z");
    assert_non_null(strstr(run(20), "q power off"));
    key(ATTENTION "7");
    assert_non_null(strstr(run(20), "there is no partition 7"));
    key(ATTENTION "0");
    assert_non_null(strstr(run(20), "there is no partition 0"));
    assert_int_equal(console_keys(), LINUX_GUEST);
}

static void test_restart(void **state)
{
    (void)state;
    key(ATTENTION "3" ATTENTION "a" ATTENTION "r");
    run(20);
    assert_int_equal(fake_partition.order_count, 1);
    assert_int_equal(fake_partition.orders[0].partition, HELLO);
    assert_int_equal(fake_partition.orders[0].cause, CAUSE_OPERATOR);
    assert_int_equal(fake_partition.orders[0].action, ACTION_RESTART);
    partitions[HELLO].state = PARTITION_STOPPED;
    key(ATTENTION "r");
    run(20);
    assert_int_equal(fake_partition.order_count, 1);
    assert_int_equal(fake_partition.starts[HELLO], 1);
}

static void test_power_off(void **state)
{
    (void)state;
    print(CONTROL, "unfinished");
    run(20);
    fake.step = 1000;
    key(ATTENTION "q");
    assert_true(FAKE_ENDS(console_service(fake.ticks)));
    assert_int_equal(fake.poweroffs, 1);
    {
        const char *got = fake_uart_text();

        assert_non_null(strstr(got, "power off by the console\r\n"));
        assert_non_null(strstr(got, "core 0, linux/0: "));
        assert_non_null(strstr(got, "control| unfinished"));
    }
}

static void ten_and_more(void)
{
    static char names[12][4];

    for (unsigned i = 0; i < 12; i++) {
        snprintf(names[i], sizeof(names[i]), "p%u", i + 1);
        fake_plan_partitions[i] = (struct plan_partition){.name = names[i], .kind = IMAGE_UNIKERNEL, .console = {65536, false}};
    }
    fake_plan.partition_count = 12;
    fake_partitions_reset();
    for (unsigned i = 0; i < 12; i++)
        console_reset(&partitions[i]);
}

static void test_two_digits(void **state)
{
    (void)state;
    ten_and_more();
    key(ATTENTION "12k");
    run(20);
    assert_int_equal(console_keys(), 11);
    assert_int_equal(fake_shared(11)->in_produced, 1);
    key(ATTENTION "1");
    run(900);
    assert_int_equal(console_keys(), 11);
    run(200); /* no second digit came */
    assert_int_equal(console_keys(), 0);
    key(ATTENTION "9");
    run(20);
    assert_int_equal(console_keys(), 8);
    key(ATTENTION "1x"); /* the second is no digit: an ordinary key */
    run(20);
    assert_int_equal(console_keys(), 0);
    assert_int_equal(fake_shared(0)->in_produced, 1);
    key(ATTENTION "17"); /* 17 does not exist: 1, and the key 7 */
    run(20);
    assert_int_equal(console_keys(), 0);
    assert_int_equal(fake_shared(0)->in_produced, 2);
    key(ATTENTION "1\r");
    run(20);
    assert_int_equal(fake_shared(0)->in_produced, 2);
}

/* At most so many keys per call, so that a paste holds nobody. */
static void test_keys_are_bounded(void **state)
{
    char many[500];

    (void)state;
    memset(many, 'p', sizeof(many));
    fake_key(many, sizeof(many));
    fake_ms(20);
    console_service(fake.ticks);
    assert_int_equal(fake.keys_taken, 64);
    run(200);
    assert_int_equal(fake.keys_taken, 500);
}

/* What a housekeeping core without a steady tick goes by. */
static void test_service_says_whether_something_happened(void **state)
{
    (void)state;
    assert_false(console_service(fake.ticks));
    print(CONTROL, "a line\n");
    assert_true(console_service(fake.ticks));
    assert_false(console_service(fake.ticks));
    key("k");
    assert_true(console_service(fake.ticks));
    (void)console_service(fake.ticks);
    assert_false(console_service(fake.ticks));
    print(CONTROL, "no room for this\n");
    fake.uart_room = 16;
    assert_true(console_service(fake.ticks));
    assert_true(console_service(fake.ticks)); /* the rest waits for the UART */
    fake.uart_room = -1;
    assert_true(console_service(fake.ticks));
    assert_false(console_service(fake.ticks));
}

/* A Linux makes no calls: its output itself asks for a look. */
static void test_output_wakes_where_the_tick_is_off(void **state)
{
    (void)state;
    fake_partition.wakes = 0;
    print(LINUX_GUEST, "abc\n");
    assert_int_equal(fake_partition.wakes, 0);
    fake_plan.tick_off = true;
    print(LINUX_GUEST, "abc\n");
    assert_int_equal(fake_partition.wakes, 4);
}

/* --- flush ------------------------------------------------------------------------------------------------------------------------ */

static void test_flush(void **state)
{
    (void)state;
    print(CONTROL, "not a whole line");
    log_line("goodbye");
    fake.step = 1000;
    console_flush();
    assert_string_equal(plain(fake_uart_text()), "bulkhead| goodbye\r\ncontrol| not a whole line");
}

static void test_flush_is_bounded(void **state)
{
    uint64_t start;

    (void)state;
    print(CONTROL, "nobody reads this\n");
    fake.uart_busy = true;
    fake.step = 1000; /* a microsecond per look at the clock */
    start = fake.ticks;
    console_flush();
    assert_in_range(fake.ticks - start, 999000000, 1100000000);
    fake.step = 0; /* even if the clock stands still */
    print(CONTROL, "nor this\n");
    console_flush();
    fake.uart_busy = false;
    run(200);
}

/* Each byte that is taken, once, in order, over the ring's end too; what found no room is not. */
static void test_record_has_what_was_taken(void **state)
{
    char text[1000];

    (void)state;
    for (unsigned n = LINUX_GUEST; n <= CONTROL; n++) {
        uint32_t before, size;

        put(&partitions[n], "odd\n", 4); /* so that the two rings do not end at the same byte */
        run(40);
        before = partitions[n].out->produced;
        kept[n].size = 0;
        for (unsigned round = 0; round < 80; round++) {
            for (size_t i = 0; i < sizeof(text); i++)
                text[i] = (char)(i * 3 + round * 7);
            print_bytes(n, text, sizeof(text));
            run(40);
        }
        run(2000);
        size = partitions[n].out->produced - before;
        assert_true(size > CONSOLE_RING && size <= 80000);
        assert_int_equal(kept[n].size, size);
        for (uint32_t i = 0; i < CONSOLE_RING; i++) /* the newest, which the ring still has */
            assert_int_equal(kept[n].bytes[size - 1 - i], partitions[n].out->bytes[(before + size - 1 - i) % CONSOLE_RING]);
    }
}

#define CASE(name) cmocka_unit_test_setup(test_##name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(line_with_time_and_name),
        CASE(every_kind),
        CASE(prompt_after_100_ms),
        CASE(prompt_interrupted),
        CASE(carriage_returns),
        CASE(ac45_visible_characters),
        CASE(ac45_escape_sequences),
        CASE(ac45_forged_prefix),
        CASE(ac45_long_line),
        CASE(ac45_long_line_in_drops),
        CASE(ac45_fuzz_keeps_lines_attributable),
        CASE(record_has_what_was_taken),
        CASE(hidden),
        CASE(index_abuse),
        CASE(indices_wrap),
        CASE(pull_is_bounded),
        CASE(console_write),
        CASE(input_unikernel),
        CASE(input_index_abuse),
        CASE(input_linux),
        CASE(sep9_reset),
        CASE(ac45_flood),
        CASE(rate_of_one_byte),
        CASE(budget),
        CASE(slow_uart),
        CASE(stuck_uart),
        CASE(room_is_told),
        CASE(focus_raw),
        CASE(focus_replays_last_lines),
        CASE(focus_replay_of_little),
        CASE(focus_replay_left_early),
        CASE(keys_stay_with_the_last),
        CASE(focus_rate_is_back_pressure),
        CASE(attention_twice),
        CASE(attention_moved),
        CASE(list),
        CASE(counters),
        CASE(counters_all),
        CASE(audit_help_unknown),
        CASE(restart),
        CASE(power_off),
        CASE(two_digits),
        CASE(keys_are_bounded),
        CASE(service_says_whether_something_happened),
        CASE(output_wakes_where_the_tick_is_off),
        CASE(flush),
        CASE(flush_is_bounded),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
