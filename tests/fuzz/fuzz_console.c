/* SPDX-License-Identifier: Apache-2.0 */
/* Three partitions that write anything into their consoles, their shared pages and their heartbeats, also while the hypervisor is at work on
 * them, and a UART that comes and goes (SECURITY.md 3.2: F9). In the view of all each line is one partition's, with its name, and nothing in it
 * speaks to the terminal; no call sends more than its budget, none shows more than its rate; and a watchdog ends whom it should, no other. With
 * keys, raw screens and commands besides, in half of the inputs, all stays within its memory and comes to an end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console_parts.h"
#include "fake_arch.h"
#include "fake_partition.h"
#include "fake_plan.h"
#include "promise.h"
#include "watchdog.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

#define PARTITIONS 3u
#define RATE 1000u
#define PERIOD_MS 400u
#define GRACE_MS 1000u
#define BUDGET 2048u
#define LONGEST 4u /* characters that show one byte */

static const uint8_t *input;
static size_t left;
static bool raw; /* keys and raw screens: what the terminal is sent is then not looked at */

static unsigned take(void)
{
    return left > 0 ? (left--, *input++) : 0;
}

void console_audit(void)
{
}

/* --- what partitions write -------------------------------------------------------------------------------------------------------------- */

/* No letters or digits but one of its own, which the form of no other byte contains: so it is known whose a line is. */
static uint8_t marked(unsigned partition, unsigned byte)
{
    bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');

    return plain ? (uint8_t)("pqr"[partition]) : (uint8_t)byte;
}

static uint8_t *ring_of(unsigned i)
{
    return partitions[i].abi + (BH_OUT_RING_GPA - BH_ABI_GPA);
}

static void print(unsigned i)
{
    for (unsigned n = take() % 64; n > 0; n--) {
        uint8_t byte = marked(i, take());

        if (partitions[i].abi) {
            ring_of(i)[fake_shared(i)->out_produced++ % BH_OUT_RING_SIZE] = byte;
        } else {
            lock_take(&partitions[i].gate);
            uart16550_write(&partitions[i], 0, byte);
            lock_drop(&partitions[i].gate);
        }
    }
}

/* As much as there is room for, at once. */
static void flood(unsigned i)
{
    uint8_t byte = marked(i, take());

    if (partitions[i].abi) {
        memset(ring_of(i), byte, BH_OUT_RING_SIZE);
        fake_shared(i)->out_produced = fake_shared(i)->out_consumed + BH_OUT_RING_SIZE;
    }
}

/* Any index, any of its registers. */
static void scribble(unsigned i)
{
    unsigned where = take();
    uint32_t value = take() | take() << 8 | (where & 64 ? take() << 24 : 0);

    if (partitions[i].abi) {
        uint32_t *words[] = {&fake_shared(i)->out_produced, &fake_shared(i)->in_consumed, &fake_shared(i)->out_consumed,
                             &fake_shared(i)->in_produced, &fake_shared(i)->heartbeat};

        *words[where % ARRAY_SIZE(words)] = value;
    } else {
        lock_take(&partitions[i].gate);
        if (where % 8 != 0) /* the transmitter is print()'s */
            uart16550_write(&partitions[i], where % 8, (uint8_t)value);
        (void)uart16550_read(&partitions[i], where % 8);
        lock_drop(&partitions[i].gate);
    }
}

/* While the hypervisor drives the UART they go on. Gates are free then. */
static bool at_work;
bool arch_uart_ready(void)
{
    if (at_work && left > 0) {
        at_work = false;
        unsigned what = take();
        if (what & 1)
            scribble(1 + (what >> 1) % 2);
        at_work = true;
    }
    return !fake.uart_busy;
}

/* --- what the terminal may be sent ------------------------------------------------------------------------------------------------------ */

static char line[512];
static size_t line_length;
static bool returned; /* its line feed may come with the next call */
static uint64_t shown[PARTITIONS];

/* Our own lines here are about output that was dropped. */
static void line_of_ours(const char *text)
{
    bool known = false;

    for (unsigned i = 0; i < PARTITIONS; i++)
        known = known || (strncmp(text, plan.partitions[i].name, strlen(plan.partitions[i].name)) == 0 &&
                          strstr(text, " bytes of output dropped"));
    PROMISE(known);
}

static void line_looked_at(void)
{
    unsigned long seconds, us;
    char name[16];
    int text = 0;
    const char *at = line;

    line[line_length] = '\0';
    PROMISE(sscanf(line, "[%lu.%lu] %15[a-z]| %n", &seconds, &us, name, &text) == 3 && text > 0);
    if (strcmp(name, "bulkhead") == 0) {
        line_of_ours(line + text);
        return;
    }
    for (unsigned i = 0; i < PARTITIONS; i++)
        if (strcmp(name, plan.partitions[i].name) == 0) {
            for (at = line + text; *at; at++)
                PROMISE(!strchr("pqr", *at) || *at == "pqr"[i]);
            shown[i] += line_length - (size_t)text;
            return;
        }
    PROMISE(!"a line of nobody");
}

static void looked_at(const char *text)
{
    for (; *text; text++) {
        PROMISE((*text >= ' ' && *text < 0x7f) || *text == '\t' || *text == '\r' || *text == '\n');
        PROMISE(!returned || *text == '\n');
        returned = *text == '\r';
        if (*text == '\n') {
            line_looked_at();
            line_length = 0;
        } else if (*text != '\r') {
            PROMISE(line_length < sizeof(line) - 1);
            line[line_length++] = *text;
        }
    }
}

/* --- watchdogs, by a second account of them --------------------------------------------------------------------------------------------- */

static struct {
    uint32_t sign;
    uint64_t since, limit;
} alive[PARTITIONS];

static uint32_t sign_of(unsigned i)
{
    return partitions[i].abi ? fake_shared(i)->heartbeat : (uint32_t)partitions[i].watchdog.pets;
}

static void watchdogs(void)
{
    for (unsigned i = 0; i < PARTITIONS; i++) {
        unsigned before = fake_partition.order_count;
        bool due = fake.ticks - alive[i].since > alive[i].limit * fake.khz;

        if (sign_of(i) != alive[i].sign) {
            alive[i].sign = sign_of(i);
            alive[i].limit = PERIOD_MS;
            alive[i].since = fake.ticks;
            due = false;
        }
        fake_partition.order_count = 0;
        watchdog_tick(&partitions[i], fake.ticks);
        PROMISE(fake_partition.order_count == due);
        PROMISE(!due || (fake_partition.orders[0].partition == i && fake_partition.orders[0].cause == CAUSE_WATCHDOG));
        fake_partition.order_count = before;
        if (due)
            alive[i].since = fake.ticks;
    }
}

/* --- time goes by ----------------------------------------------------------------------------------------------------------------------- */

static void tick(unsigned ms, bool meddled)
{
    static char text[FAKE_UART + 1];

    fake_ms(ms);
    at_work = meddled;
    (void)console_service(fake.ticks);
    at_work = false;
    PROMISE(fake.uart_length <= BUDGET);
    for (unsigned i = 0; i < PARTITIONS; i++)
        PROMISE(!fake_gate_held(&partitions[i]));
    memcpy(text, fake.uart, fake.uart_length);
    text[fake.uart_length] = '\0';
    fake.uart_length = 0;
    if (!raw)
        looked_at(text);
    watchdogs();
}

static void keys(void)
{
    char byte = (char)take();

    if (raw || (uint8_t)byte != 0x1d)
        fake_key(&byte, 1);
}

static void play(void)
{
    for (unsigned steps = 0; left > 0 && steps < 1000; steps++) {
        unsigned what = take(), i = what / 16 % PARTITIONS;

        switch (what % 16) {
        case 0 ... 4:
            print(i);
            break;
        case 5:
            flood(i);
            break;
        case 6 ... 8:
            scribble(i);
            break;
        case 9:
            fake.uart_busy = !fake.uart_busy;
            break;
        case 10:
            keys();
            break;
        case 11:
            watchdog_pet(&partitions[i]);
            break;
        default:
            tick(what / 16 * 8, what % 16 == 15);
        }
    }
}

/* Time goes on from input to input, since buckets and lines remember theirs. What was before is shown before. */
static void begin(void)
{
    static uint64_t clock;

    fake_reset();
    fake_plan_reset();
    for (unsigned i = 0; i < PARTITIONS; i++) {
        fake_plan_partitions[i].console.bytes_per_second = RATE;
        fake_plan_partitions[i].watchdog =
            (struct watchdog_spec){.period_ms = PERIOD_MS, .boot_grace_ms = GRACE_MS, .action = ACTION_RESTART};
    }
    fake_partitions_reset();
    console_init();
    console_live();
    clock += 1000000;
    fake_ms(clock);
    for (unsigned i = 0; i < PARTITIONS; i++) {
        uart16550_reset(&partitions[i].uart);
        console_reset(&partitions[i]);
    }
    command_key('a', fake.ticks); /* ends a command that has begun */
    console_focus(0);
    console_focus(VIEW_ALL);
    for (unsigned t = 0; t < 100; t++) {
        fake_ms(40);
        (void)console_service(fake.ticks);
    }
    fake.uart_length = 0;
    for (unsigned i = 0; i < PARTITIONS; i++) {
        watchdog_start(&partitions[i], fake.ticks);
        alive[i].sign = sign_of(i);
        alive[i].since = fake.ticks;
        alive[i].limit = GRACE_MS;
        shown[i] = 0;
    }
    line_length = 0;
    returned = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    uint64_t start;

    input = bytes;
    left = count;
    at_work = false;
    begin();
    start = fake.ticks;
    raw = take() & 1;
    if (FAKE_ENDS(play()))
        return 0;
    for (unsigned i = 0; i < PARTITIONS && !raw; i++)
        PROMISE(shown[i] <= LONGEST * RATE * ((fake.ticks - start) / (1000 * fake.khz) + 2));
    return 0;
}
