/* SPDX-License-Identifier: Apache-2.0 */
/* The console: output of all partitions goes through their rings to the one UART, raw for the partition that has the
 * screen, else line by line with time and name; keys go to one partition. AC-45: all rates, lengths and waits are bounded,
 * and in the view of all no byte of a partition reaches the terminal that could forge a line or speak to the terminal.
 *
 * The lock `screen.lock` is taken before any gate. The housekeeping core is alone with it but for console_flush(). */
#include "arch.h"
#include "console_parts.h"
#include "memory.h"
#include "recorder.h"

#define CONSOLE_BUDGET 2048u /* bytes to the UART per call, and bytes from each ABI ring */
#define FLOOD_BUDGET 128u    /* and from that of a partition whose output is being dropped: enough to go on with its log */
#define KEYS_BUDGET 64u
#define UART_DEPTH 16u
#define LINE_TEXT 200u /* visible text of one line; then it is broken and the rest gets its own prefix */
#define STAGE_SIZE 1024u
#define RAW_CHUNK 128u
#define REPLAY 2048u /* bytes of the past that a partition shows when it gets the screen */
#define PARTIAL_MS 100u
#define STUCK_MS 1000u /* a UART not ready for so long: output is discarded, so that no partition waits for it */
#define MILLI 1000u
#define CURSOR_START 0xffu
/* The raw screen ends: abort an escape sequence, end a string, leave VT52 mode and the printer, no mouse or focus reports, soft reset,
 * plain text, standard characters. */
#define TERMINAL_RESET "\x18\x1b\\\x1b<\x1b[4i\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[!p\x1b[m\x1b(B\x0f"

static struct view {
    uint32_t out_taken, in_given; /* our own indices of the ABI rings: those in the page are only told (g) */
    /* Under screen.lock: */
    char line[LINE_TEXT];
    uint32_t length;         /* of text waiting in line */
    uint32_t column;         /* of text of the same line on the screen */
    bool cr;                 /* a carriage return waits for what follows it */
    uint64_t since;          /* when the waiting text began */
    uint64_t credit, filled; /* token bucket: thousandths of bytes, time of the last filling */
    bool dropping;
    uint64_t dropped; /* in this burst */
    uint32_t shown;   /* up to here its output had been shown when it got the screen: what is before is a replay */
} views[MAX_PARTITIONS];

static struct {
    struct lock lock;
    char stage[STAGE_SIZE]; /* on its way to the UART */
    uint32_t length, sent;
    uint8_t raw;    /* partition that has the screen, or VIEW_ALL */
    uint8_t keys;   /* partition that has the keyboard */
    uint8_t next;   /* whose turn it is */
    uint8_t cursor; /* partition whose unfinished line stands before the cursor, or CURSOR_START */
    bool flushing;  /* unfinished lines are not waited for */
    uint64_t ready; /* when the UART last could take something */
} screen = {.raw = VIEW_ALL, .cursor = CURSOR_START};

/* --- rings ------------------------------------------------------------------------------------------------------------ */

static uint32_t ring_room(const struct console_ring *out)
{
    return CONSOLE_RING - (out->produced - out->consumed);
}

size_t console_write_locked(struct partition *partition, const char *u_bytes, size_t size)
{
    struct console_ring *out = partition->out;
    size_t room = ring_room(out), taken = size < room ? size : room;

    for (size_t i = 0; i < taken; i++)
        out->bytes[out->produced++ % CONSOLE_RING] = u_bytes[i];
    record_output(partition, u_bytes, taken);
    out->dropped += size - taken;
    if (plan.tick_off)
        vcpu_housekeeping_wake();
    return taken;
}

/* Full means: no room for what a driver writes after one look at the transmitter. */
bool console_full_locked(const struct partition *partition)
{
    return ring_room(partition->out) < UART_DEPTH;
}

/* Gate held: `count` bytes have left the ring. */
static void ring_consume(struct partition *partition, uint32_t count)
{
    partition->out->consumed += count;
    if (count != 0 && partition->plan->kind == IMAGE_LINUX)
        uart16550_output_room(partition);
}

static struct bh_shared *shared_of(const struct partition *partition)
{
    return (struct bh_shared *)(partition->abi + PAGE_SIZE);
}

/* Gate held: `count` bytes that are there and find room, in at most three pieces, as both rings may wrap. */
static void abi_copy(struct partition *partition, uint32_t count)
{
    struct view *view = &views[partition->index];
    struct console_ring *out = partition->out;
    const char *bytes = (const char *)partition->abi + (BH_OUT_RING_GPA - BH_ABI_GPA);

    while (count > 0) {
        uint32_t from = view->out_taken % BH_OUT_RING_SIZE, to = out->produced % CONSOLE_RING, size = count;

        size = size < BH_OUT_RING_SIZE - from ? size : BH_OUT_RING_SIZE - from;
        size = size < CONSOLE_RING - to ? size : CONSOLE_RING - to;
        memcpy(out->bytes + to, bytes + from, size);
        record_output(partition, out->bytes + to, size);
        view->out_taken += size;
        out->produced += size;
        count -= size;
    }
}

/* Take at most `limit` bytes out of a unikernel's ring. An index out of range costs it the ring's content. */
static void abi_pull(struct partition *partition, uint32_t limit)
{
    struct view *view = &views[partition->index];
    uint32_t u_produced, count, room;

    if (partition->plan->kind != IMAGE_UNIKERNEL)
        return;
    lock_take(&partition->gate);
    u_produced = __atomic_load_n(&shared_of(partition)->out_produced, __ATOMIC_ACQUIRE);
    count = u_produced - view->out_taken;
    room = ring_room(partition->out);
    if (count > BH_OUT_RING_SIZE) {
        view->out_taken = u_produced;
        partition->out->dropped += BH_OUT_RING_SIZE;
        count = 0;
    }
    count = count < room ? count : room;
    count = count < limit ? count : limit;
    abi_copy(partition, count);
    __atomic_store_n(&shared_of(partition)->out_consumed, view->out_taken, __ATOMIC_RELEASE);
    lock_drop(&partition->gate);
}

/* Gate held. A key without room, or with a nonsense index of the partition, is lost. */
static void abi_input(struct partition *partition, uint8_t byte)
{
    struct view *view = &views[partition->index];
    uint8_t *ring = partition->abi + (BH_IN_RING_GPA - BH_ABI_GPA);
    uint32_t u_consumed = __atomic_load_n(&shared_of(partition)->in_consumed, __ATOMIC_RELAXED);

    if (view->in_given - u_consumed >= BH_IN_RING_SIZE)
        return;
    ring[view->in_given++ % BH_IN_RING_SIZE] = byte;
    __atomic_store_n(&shared_of(partition)->in_produced, view->in_given, __ATOMIC_RELEASE);
    if (partition->vectors[BH_SOURCE_CONSOLE] != 0)
        partition_interrupt_locked(partition, 0, partition->vectors[BH_SOURCE_CONSOLE]);
}

void console_input(struct partition *partition, uint8_t byte)
{
    lock_take(&partition->gate);
    if (partition->plan->kind == IMAGE_LINUX)
        uart16550_input(partition, byte);
    else
        abi_input(partition, byte);
    lock_drop(&partition->gate);
}

void console_reset(struct partition *partition)
{
    struct view *view = &views[partition->index];
    struct console_ring *out = partition->out;

    abi_pull(partition, BH_OUT_RING_SIZE); /* its last words */
    lock_take(&partition->gate);
    if (out->produced != 0 && out->bytes[(out->produced - 1) % CONSOLE_RING] != '\n')
        console_write_locked(partition, "\n", 1); /* lives do not share a line */
    if (partition->plan->kind == IMAGE_UNIKERNEL) {
        memset(partition->abi + PAGE_SIZE, 0, BH_CHANNELS_INFO_GPA - BH_ABI_GPA - PAGE_SIZE); /* SEP-9 */
        view->out_taken = 0;
        view->in_given = 0;
    }
    lock_drop(&partition->gate);
}

/* --- the stage: one piece of text on its way to the UART. screen.lock held ------------------------------------------------ */

static void stage(const char *text, size_t size)
{
    size_t room = STAGE_SIZE - screen.length, taken = size < room ? size : room;

    memcpy(screen.stage + screen.length, text, taken);
    screen.length += (uint32_t)taken;
}

static void stage_fresh_line(void)
{
    if (screen.cursor == CURSOR_START)
        return;
    stage("\r\n", 2);
    views[screen.cursor].column = 0;
    screen.cursor = CURSOR_START;
}

static bool stage_log(void)
{
    char line[LOG_LINE];
    size_t length = log_next(line);

    if (length == 0)
        return false;
    stage_fresh_line();
    stage(line, length);
    stage("\r\n", 2);
    return true;
}

/* Text that waits in the view goes to the stage, continuing its line if that is still before the cursor. */
static void stage_text(struct partition *partition, uint64_t now, bool line_ends)
{
    struct view *view = &views[partition->index];

    if (screen.cursor != partition->index) {
        char prefix[64];
        size_t length = log_prefix(prefix, sizeof(prefix), now, partition->plan->name);

        stage_fresh_line();
        stage(prefix, length);
    }
    stage(view->line, view->length);
    view->column += view->length;
    view->length = 0;
    screen.cursor = partition->index;
    if (line_ends)
        stage_fresh_line();
}

/* --- what of a partition's output is shown. screen.lock held --------------------------------------------------------------- */

/* Fill the bucket, which holds one second's worth; returns the bytes it is good for. */
static uint32_t credit_fill(struct view *view, uint32_t rate, uint64_t now)
{
    uint64_t khz = arch_tsc_khz(), ms = now > view->filled ? (now - view->filled) / khz : 0;

    view->filled += ms * khz;
    view->credit += (ms < MILLI ? ms : MILLI) * rate;
    if (view->credit > (uint64_t)rate * MILLI)
        view->credit = (uint64_t)rate * MILLI;
    return (uint32_t)(view->credit / MILLI);
}

/* Gate held. Over its rate a partition's output is dropped until half the bucket is full again, and that is told once.
 * Returns how many bytes may be shown. */
static uint32_t allowance(struct partition *partition, uint64_t now)
{
    struct view *view = &views[partition->index];
    uint32_t rate = partition->plan->console.bytes_per_second, credit = credit_fill(view, rate, now);
    uint32_t waiting = partition->out->produced - partition->out->consumed;

    if (view->dropping && credit >= (rate + 1) / 2) {
        view->dropping = false;
        log_line("%s: %lu bytes of output dropped, more than %u per second", partition->plan->name, view->dropped, rate);
        view->dropped = 0;
    } else if (credit == 0 && waiting != 0) {
        view->dropping = true;
    }
    if (!view->dropping)
        return waiting < credit ? waiting : credit;
    view->dropped += waiting;
    partition->out->dropped += waiting;
    ring_consume(partition, waiting);
    return 0;
}

/* Add a byte to the waiting text, control and other unprintable characters made visible. True: the line is complete. */
static bool view_put(struct view *view, uint8_t byte)
{
    if (view->cr && byte != '\n') {
        view->line[view->length++] = '^';
        view->line[view->length++] = 'M';
    }
    view->cr = byte == '\r';
    if (byte == '\n')
        return true;
    if (byte >= ' ' && byte < 0x7f)
        view->line[view->length++] = (char)byte; /* nearly all there is: without a call */
    else if (byte != '\r')
        view->length += (uint32_t)text_visible(view->line + view->length, byte);
    return view->column + view->length + 8 > LINE_TEXT; /* no room for another pair of the longest forms */
}

/* One line, or what there is of it, of a partition in the view of all. */
static bool stage_line(struct partition *partition, uint64_t now)
{
    struct view *view = &views[partition->index];
    struct console_ring *out = partition->out;
    bool complete = false, waited;
    uint32_t taken = 0, count;

    lock_take(&partition->gate);
    count = allowance(partition, now);
    while (taken < count && !complete) {
        if (view->length == 0)
            view->since = now;
        complete = view_put(view, (uint8_t)out->bytes[(out->consumed + taken++) % CONSOLE_RING]);
    }
    view->credit -= (uint64_t)taken * MILLI;
    ring_consume(partition, taken);
    lock_drop(&partition->gate);
    waited = screen.flushing || screen.cursor == partition->index || now - view->since >= PARTIAL_MS * arch_tsc_khz();
    if (!complete && (view->length == 0 || !waited))
        return false;
    stage_text(partition, now, complete);
    return true;
}

/* Bytes as they are, of the partition that has the screen. Over its rate they wait: it sees a slow line. */
static bool stage_raw(struct partition *partition, uint64_t now)
{
    struct view *view = &views[partition->index];
    struct console_ring *out = partition->out;
    uint32_t count, credit = credit_fill(view, partition->plan->console.bytes_per_second, now);

    lock_take(&partition->gate);
    count = out->produced - out->consumed;
    count = count < RAW_CHUNK ? count : RAW_CHUNK;
    count = count < credit ? count : credit;
    for (uint32_t i = 0; i < count; i++) {
        char byte = out->bytes[(out->consumed + i) % CONSOLE_RING];

        stage(&byte, 1);
        screen.cursor = byte == '\n' ? CURSOR_START : partition->index;
    }
    view->credit -= (uint64_t)count * MILLI;
    ring_consume(partition, count);
    lock_drop(&partition->gate);
    return count != 0;
}

/* Output that nobody sees: it stays in the ring as the partition's log. */
static void skip(struct partition *partition, bool lost)
{
    uint32_t waiting;

    lock_take(&partition->gate);
    waiting = partition->out->produced - partition->out->consumed;
    partition->out->dropped += lost ? waiting : 0;
    ring_consume(partition, waiting);
    lock_drop(&partition->gate);
}

/* Put the next piece on the empty stage: our own log first, then the partitions in turn. False: nothing is waiting. */
static bool stage_next(uint64_t now)
{
    screen.length = 0;
    screen.sent = 0;
    if (stage_log())
        return true;
    if (screen.raw != VIEW_ALL)
        return stage_raw(&partitions[screen.raw], now);
    for (unsigned i = 0; i < plan.partition_count; i++) {
        struct partition *partition = &partitions[(screen.next + i) % plan.partition_count];

        if (stage_line(partition, now)) {
            screen.next = (uint8_t)((partition->index + 1) % plan.partition_count);
            return true;
        }
    }
    return false;
}

/* Send what is waiting, at most the budget. False: nothing was. */
static bool show(uint64_t now)
{
    for (uint32_t budget = CONSOLE_BUDGET / UART_DEPTH; budget > 0; budget--) {
        size_t sent;

        if (screen.sent == screen.length && !stage_next(now))
            return budget < CONSOLE_BUDGET / UART_DEPTH;
        sent = arch_uart_write(UART_SCREEN, screen.stage + screen.sent, screen.length - screen.sent);
        screen.sent += (uint32_t)sent;
        if (sent == 0)
            return true;
    }
    return true;
}

static void take_output(uint64_t now)
{
    bool stuck;

    if (arch_uart_ready())
        screen.ready = now;
    stuck = now > screen.ready && now - screen.ready > STUCK_MS * arch_tsc_khz();
    for (unsigned i = 0; i < plan.partition_count; i++) {
        bool shown = screen.raw == VIEW_ALL ? !partitions[i].plan->console.hidden : screen.raw == i;

        abi_pull(&partitions[i], views[i].dropping ? FLOOD_BUDGET : CONSOLE_BUDGET);
        if (stuck || !shown)
            skip(&partitions[i], stuck && shown);
    }
}

/* --- for others --------------------------------------------------------------------------------------------------------- */

void console_live(void)
{
    screen.ready = arch_ticks();
    log_live();
}

bool console_service(uint64_t now)
{
    unsigned keys = 0;
    bool shown;

    for (int byte; keys < KEYS_BUDGET && (byte = arch_uart_receive()) >= 0; keys++)
        command_key((uint8_t)byte, now);
    command_tick(now);
    lock_take(&screen.lock);
    take_output(now);
    shown = show(now);
    lock_drop(&screen.lock);
    return keys != 0 || shown;
}

void console_flush(void)
{
    uint64_t start = time_us(arch_ticks()), now;

    if (!log_is_live())
        return; /* all has been shown at once */
    lock_take(&screen.lock);
    screen.flushing = true;
    for (unsigned rounds = 1000000; rounds > 0; rounds--) {
        now = arch_ticks();
        take_output(now);
        if (!show(now) || time_us(now) - start > 1000000)
            break;
    }
    screen.flushing = false;
    lock_drop(&screen.lock);
}

unsigned console_keys(void)
{
    return screen.keys;
}

/* screen.lock held: show the last lines of the partition again, from the beginning of one. */
static void replay(struct partition *partition)
{
    struct console_ring *out = partition->out;
    uint32_t past, waiting;

    lock_take(&partition->gate);
    past = out->produced < REPLAY ? out->produced : REPLAY;
    waiting = out->produced - out->consumed;
    while (out->produced > REPLAY && past > waiting && out->bytes[(out->produced - past - 1) % CONSOLE_RING] != '\n')
        past--;
    views[partition->index].shown = out->consumed;
    if (past > waiting)
        out->consumed = out->produced - past;
    lock_drop(&partition->gate);
}

/* The screen goes elsewhere: what is left of a replay has been seen before. */
static void replay_end(struct partition *partition)
{
    struct console_ring *out = partition->out;
    uint32_t left;

    lock_take(&partition->gate);
    left = views[partition->index].shown - out->consumed;
    if (left <= out->produced - out->consumed)
        out->consumed += left;
    lock_drop(&partition->gate);
}

void console_focus(unsigned index)
{
    lock_take(&screen.lock);
    if (screen.raw != VIEW_ALL) {
        stage(TERMINAL_RESET, sizeof(TERMINAL_RESET) - 1);
        screen.cursor = screen.raw; /* wherever it is: not at the start of a line of ours */
        replay_end(&partitions[screen.raw]);
    }
    stage_fresh_line();
    for (unsigned i = 0; i < plan.partition_count; i++) {
        views[i].length = 0;
        views[i].column = 0;
        views[i].cr = false;
        views[i].dropping = false;
    }
    screen.raw = (uint8_t)index;
    if (index != VIEW_ALL) {
        screen.keys = (uint8_t)index;
        replay(&partitions[index]);
    }
    lock_drop(&screen.lock);
}
