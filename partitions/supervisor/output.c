/* SPDX-License-Identifier: Apache-2.0 */
/* What others and the hypervisor say: logs, consoles, traces, audits. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shell.h"

#define LOG_LINES 20u
#define PAST 1024u /* bytes of its past that a connection begins with */
#define LOOK_NS (SECOND / 50)
/* The connection ends: as the hypervisor does when a screen goes elsewhere. */
#define TERMINAL_RESET "\x18\x1b\\\x1b<\x1b[4i\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[!p\x1b[m\x1b(B\x0f"

static _Alignas(8) char buffer[BH_OUTPUT_KEPT];

/* Its output from *where on into the buffer, at most `size`, which is at most a page; 0: there is no more. What is gone is left out. */
static size_t output_take(unsigned n, uint32_t *where, size_t size)
{
    const void *answer;
    struct bh_status s;
    uint64_t count = bh_read(BH_READ_OUTPUT, n, *where, &answer);

    if (count > BH_ANSWER_SIZE) {
        if (!bh_status(n, &s))
            return 0;
        *where = s.out_produced - BH_OUTPUT_KEPT / 2;
        return 0;
    }
    count = count < size ? count : size;
    memcpy(buffer, answer, count);
    *where += (uint32_t)count;
    return count;
}

static uint32_t kept(const struct bh_status *s)
{
    return s->out_produced < BH_OUTPUT_KEPT ? s->out_produced : BH_OUTPUT_KEPT - BH_ANSWER_SIZE;
}

/* Where the last `lines` lines of `size` bytes begin. */
static size_t tail(const char *bytes, size_t size, unsigned lines)
{
    size_t at = size;

    while (at > 0 && (bytes[at - 1] != '\n' || at == size || lines-- > 1))
        at--;
    return at;
}

void output_log(int argc, char **argv)
{
    unsigned n, lines = argc > 2 ? (unsigned)strtoul(argv[2], 0, 10) : LOG_LINES;
    const void *answer;
    struct bh_status s;
    size_t size = 0;

    if (!find(argv[1], &n, &s))
        return;
    if (lines == 0) {
        printf("error: log %s %s: how many lines? a number\n", argv[1], argv[2]);
        return;
    }
    for (uint32_t left = kept(&s); left > 0;) {
        uint64_t count = bh_read(BH_READ_OUTPUT, n, s.out_produced - left, &answer);
        if (count == 0 || count > BH_ANSWER_SIZE)
            break;
        count = count < left ? count : left;
        memcpy(buffer + size, answer, count);
        size += count;
        left -= (uint32_t)count;
    }
    size_t from = tail(buffer, size, lines);
    print_visible(buffer + from, size - from);
    if (size > from && buffer[size - 1] != '\n')
        printf("\n");
}

/* --- console ------------------------------------------------------------------------------------------------------------------- */

/* Up to seven keys that wait already go together. */
static uint64_t keys_pack(int first, bool *leave)
{
    uint64_t bytes = (uint8_t)first, count = 1;
    int next;

    while (count < 7 && (next = key(0)) != KEY_NONE) {
        if (next == KEY_LEAVE) {
            *leave = true;
            break;
        }
        bytes |= (uint64_t)(uint8_t)next << 8 * count++;
    }
    return bytes | count << 56;
}

static void keys_send(unsigned n, uint64_t keys)
{
    uint64_t until = bh_now_ns() + SECOND / 4;

    while (bh_control(n, BH_CONTROL_INPUT, keys) == BH_AGAIN && bh_now_ns() < until)
        bh_sleep_ns(1000000);
}

void output_console(int argc, char **argv)
{
    struct bh_status s;
    uint32_t where;
    bool leave = false;
    unsigned n;

    (void)argc;
    if (!find(argv[1], &n, &s))
        return;
    printf("%s; Ctrl-\\ leaves\n",
           s.rights & BH_MAY_CONTROL ? "connected" : "to look at only: the table does not let this partition control it");
    fflush(stdout);
    where = s.out_produced - (kept(&s) < PAST ? kept(&s) : PAST);
    while (!leave) {
        size_t count = output_take(n, &where, BH_ANSWER_SIZE);
        if (count > 0)
            bh_console_write(buffer, count);
        int pressed = key(count > 0 ? bh_now_ns() : bh_now_ns() + LOOK_NS);
        leave = pressed == KEY_LEAVE;
        if (pressed != KEY_NONE && !leave) {
            uint64_t keys = keys_pack(pressed, &leave);
            if (s.rights & BH_MAY_CONTROL)
                keys_send(n, keys);
        }
    }
    printf(TERMINAL_RESET "\n%s: disconnected\n", s.name);
}

/* --- the hypervisor's log, and audits --------------------------------------------------------------------------------------------- */

/* Our own log. False: it may not be read. */
static bool hypervisor_log(void)
{
    const struct bh_text *text = (const struct bh_text *)(const void *)buffer;
    const void *answer;
    uint64_t count, where = 0;

    while ((count = bh_read(BH_READ_LOG, 0, where, &answer)) != 0) {
        if (count == BH_AGAIN) {
            bh_sleep_ns(1000000);
            continue;
        }
        if (count > BH_ANSWER_SIZE)
            return false;
        memcpy(buffer, answer, count);
        count -= offsetof(struct bh_text, bytes);
        print_visible(text->bytes, count);
        where = text->from + count;
    }
    return true;
}

void output_dmesg(int argc, char **argv)
{
    (void)argc, (void)argv;
    if (!hypervisor_log())
        printf("error: dmesg: not allowed: .reads_log of this partition in the product's table\n");
}

void output_audit(int argc, char **argv)
{
    uint64_t answer = bh_control(0, BH_CONTROL_AUDIT, 0);

    (void)argc, (void)argv;
    if (answer == BH_EPERM)
        printf("error: audit: not allowed: .audits of this partition in the product's table\n");
    else if (answer == BH_AGAIN)
        printf("error: audit: there was one within the last 5 seconds; try again\n");
    else if (answer != 0)
        printf("error: audit: refused by the hypervisor (%ld)\n", (long)answer);
    else
        printf("ordered: its result is in the hypervisor's log, and a finding would reset the board\n");
}

/* --- trace -------------------------------------------------------------------------------------------------------------------------- */

static void trace_record(const char *name, unsigned core, uint32_t index, const uint8_t *bytes)
{
    printf("trace %s/%u %u ", name, core, index);
    for (unsigned i = 0; i < sizeof(struct bh_trace_record); i++)
        printf("%02x", bytes[i]);
    printf("\n");
}

/* All that its ring has; what it lost before is told by the numbers. */
static void trace_core(const char *name, unsigned n, unsigned core)
{
    static uint8_t copy[BH_ANSWER_SIZE];
    uint32_t next = 0;

    for (unsigned reads = 0; reads < 2 * BH_TRACE_RECORDS / 64; reads++) {
        const void *answer;
        struct bh_trace_head head;
        uint64_t size = bh_read(BH_READ_TRACE, n, (uint64_t)core << 32 | next, &answer);
        if (size == BH_AGAIN)
            continue;
        if (size < sizeof(head) || size > BH_ANSWER_SIZE)
            return;
        memcpy(copy, answer, size);
        memcpy(&head, copy, sizeof(head));
        if (head.first != next)
            printf("trace %s/%u lost %u\n", name, core, head.first - next);
        for (uint32_t i = 0; i < head.count; i++)
            trace_record(name, core, head.first + i, copy + sizeof(head) + i * sizeof(struct bh_trace_record));
        next = head.first + head.count;
        if (head.count == 0)
            return;
    }
}

void output_trace(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[2] : "";
    bool on = strcmp(what, "on") == 0;
    struct bh_status s;
    unsigned n;

    if (!find(argv[1], &n, &s))
        return;
    if (on || strcmp(what, "off") == 0) {
        uint64_t answer = bh_control(n, BH_CONTROL_TRACE, on);
        if (answer != 0)
            say_refused(&s, "trace", answer);
        else
            printf("%s: trace %s\n", s.name, what);
    } else if (strcmp(what, "show") == 0) {
        printf("trace %s tsc_khz %" PRIu64 "\n", s.name, bh_start_info()->tsc_khz);
        for (unsigned core = 0; core < s.cores; core++)
            trace_core(s.name, n, core);
        printf("trace %s end\n", s.name);
    } else {
        printf("error: trace %s: on, off or show?\n", argv[1]);
    }
}
