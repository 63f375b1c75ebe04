/* SPDX-License-Identifier: Apache-2.0 */
/* Text formatting, time stamps and the hypervisor's own log: a ring of finished lines, written by any core, shown by the
 * housekeeping core; until partitions run, shown at once. AC-45: bounded, lossy and counted. */
#include <stdatomic.h>

#include "arch.h"
#include "console_parts.h"
#include "memory.h"
#include "recorder.h"

#define WAIT_ROUNDS 100000u /* looks at a busy UART before it counts as stuck; each costs about a microsecond */
#define WIDTH_MAX 64u

static struct {
    struct lock lock;
    uint32_t produced, consumed; /* free-running */
    uint32_t lost;               /* lines that found no room, not yet told */
    char bytes[LOG_RING];
} ring;

static atomic_bool live;
static bool stuck; /* the UART did not get ready in time: wait no more until it is */

struct sink {
    char *out;
    size_t size, length;
};

struct field {
    bool zero, left, wide;
    unsigned width;
};

struct arguments {
    va_list list;
};

static void put(struct sink *sink, char c)
{
    if (sink->length + 1 < sink->size)
        sink->out[sink->length++] = c;
}

static void put_field(struct sink *sink, const struct field *field, const char *text, size_t length)
{
    size_t pad = field->width > length ? field->width - length : 0;

    for (size_t i = 0; i < pad && !field->left; i++)
        put(sink, ' ');
    for (size_t i = 0; i < length; i++)
        put(sink, text[i]);
    for (size_t i = 0; i < pad && field->left; i++)
        put(sink, ' ');
}

static void put_number(struct sink *sink, const struct field *field, uint64_t value, unsigned base, bool negative)
{
    char text[WIDTH_MAX + 24];
    size_t at = sizeof(text), zeros = field->zero && !field->left ? field->width : 0;

    if (negative)
        value = 0 - value;
    do {
        text[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (sizeof(text) - at + negative < zeros)
        text[--at] = '0';
    if (negative)
        text[--at] = '-';
    put_field(sink, field, text + at, sizeof(text) - at);
}

/* Everything after '%'; returns what follows it. */
static const char *put_conversion(struct sink *sink, const char *f, struct arguments *a)
{
    struct field field = {0};

    for (; *f == '0' || *f == '-'; f++)
        *(*f == '0' ? &field.zero : &field.left) = true;
    for (; *f >= '0' && *f <= '9'; f++)
        field.width = field.width * 10 + (unsigned)(*f - '0') < WIDTH_MAX ? field.width * 10 + (unsigned)(*f - '0') : WIDTH_MAX;
    for (; *f == 'l' || *f == 'z'; f++)
        field.wide = true;
    if (*f == 'd') {
        int64_t value = field.wide ? va_arg(a->list, int64_t) : va_arg(a->list, int);
        put_number(sink, &field, (uint64_t)value, 10, value < 0);
    } else if (*f == 'u' || *f == 'x') {
        uint64_t value = field.wide ? va_arg(a->list, uint64_t) : va_arg(a->list, unsigned);
        put_number(sink, &field, value, *f == 'u' ? 10 : 16, false);
    } else if (*f == 'p') {
        put(sink, '0');
        put(sink, 'x');
        put_number(sink, &field, (uintptr_t)va_arg(a->list, void *), 16, false);
    } else if (*f == 's') {
        const char *text = va_arg(a->list, const char *);
        put_field(sink, &field, text == 0 ? "(none)" : text, strlen(text == 0 ? "(none)" : text));
    } else if (*f == 'c') {
        char c = (char)va_arg(a->list, int);
        put_field(sink, &field, &c, 1);
    } else if (*f != '\0') {
        put(sink, *f);
    }
    return *f == '\0' ? f : f + 1;
}

size_t format_list(char *out, size_t size, const char *format, va_list list)
{
    struct sink sink = {.out = out, .size = size};
    struct arguments arguments;

    if (size == 0)
        return 0;
    va_copy(arguments.list, list);
    while (*format != '\0') {
        if (*format == '%')
            format = put_conversion(&sink, format + 1, &arguments);
        else
            put(&sink, *format++);
    }
    va_end(arguments.list);
    out[sink.length] = '\0';
    return sink.length;
}

size_t format_text(char *out, size_t size, const char *format, ...)
{
    va_list list;
    size_t length;

    va_start(list, format);
    length = format_list(out, size, format, list);
    va_end(list);
    return length;
}

size_t text_visible(char *out, uint8_t byte)
{
    if (byte >= 0x80)
        return format_text(out, 5, "\\x%02x", byte);
    if (byte == '\t' || (byte >= ' ' && byte != 0x7f)) {
        *out = (char)byte;
        return 1;
    }
    return format_text(out, 3, "^%c", byte ^ 0x40);
}

uint64_t time_us(uint64_t ticks)
{
    uint64_t khz = arch_tsc_khz(), passed = ticks - arch_boot_ticks();

    if (khz == 0 || (int64_t)passed < 0)
        return 0;
    return passed / khz * 1000 + passed % khz * 1000 / khz;
}

size_t log_prefix(char *out, size_t size, uint64_t now, const char *name)
{
    uint64_t us = time_us(now);

    return format_text(out, size, "[%5lu.%06lu] %s| ", us / 1000000, us % 1000000, name);
}

/* Ring lock held. A line goes in whole or not at all. */
static bool ring_put(const char *line, size_t length)
{
    if (LOG_RING - (ring.produced - ring.consumed) < length + 1)
        return false;
    for (size_t i = 0; i < length; i++)
        ring.bytes[ring.produced++ % LOG_RING] = line[i];
    ring.bytes[ring.produced++ % LOG_RING] = '\n';
    record_log(line, length);
    record_log("\n", 1);
    return true;
}

/* Ring lock held. */
static size_t ring_next(char line[LOG_LINE])
{
    size_t length = 0;

    while (ring.consumed != ring.produced) {
        char c = ring.bytes[ring.consumed++ % LOG_RING];

        if (c == '\n')
            break;
        if (length < LOG_LINE)
            line[length++] = c;
    }
    return length;
}

size_t log_next(char line[LOG_LINE])
{
    size_t length;

    lock_take(&ring.lock);
    length = ring_next(line);
    lock_drop(&ring.lock);
    return length;
}

/* What came before the record could be written: all of it is still in the ring. */
void log_repeat(void)
{
    lock_take(&ring.lock);
    record_log(ring.bytes, ring.produced < LOG_RING ? ring.produced : LOG_RING);
    lock_drop(&ring.lock);
}

uint64_t log_read(uint64_t u_where, void *to, size_t size)
{
    struct bh_text *text = to;
    uint32_t from, count;

    lock_take(&ring.lock);
    from = ring.produced > LOG_RING ? ring.produced - LOG_RING : 0;
    if (u_where > from && u_where <= ring.produced)
        from = (uint32_t)u_where;
    count = ring.produced - from;
    if (count > size - offsetof(struct bh_text, bytes))
        count = (uint32_t)(size - offsetof(struct bh_text, bytes));
    text->from = from;
    for (uint32_t i = 0; i < count; i++)
        text->bytes[i] = ring.bytes[(from + i) % LOG_RING];
    lock_drop(&ring.lock);
    return count == 0 ? 0 : offsetof(struct bh_text, bytes) + count;
}

/* By polling, each wait bounded; bytes that find no room in time are lost. */
static void send(const char *bytes, size_t size)
{
    uint32_t rounds = stuck ? 0 : WAIT_ROUNDS;

    for (size_t at = 0; at < size;) {
        size_t sent = arch_uart_write(UART_LOG, bytes + at, size - at);

        at += sent;
        stuck = sent == 0 && rounds == 0;
        if (stuck)
            return;
        rounds = sent != 0 ? WAIT_ROUNDS : rounds - 1;
        arch_pause();
    }
}

/* Ring lock held: so lines of several cores come out whole. */
static void ring_show(void)
{
    char line[LOG_LINE];

    for (size_t length = ring_next(line); length != 0; length = ring_next(line)) {
        send(line, length);
        send("\r\n", 2);
    }
}

static void ring_log(const char *line, size_t length)
{
    char note[LOG_LINE];

    if (ring.lost != 0) {
        size_t size = log_prefix(note, sizeof(note), arch_ticks(), "bulkhead");

        size += format_text(note + size, sizeof(note) - size, "%u lines of this log found no room", ring.lost);
        if (ring_put(note, size))
            ring.lost = 0;
    }
    if (ring.lost != 0 || !ring_put(line, length))
        ring.lost++;
}

void log_line(const char *format, ...)
{
    char line[LOG_LINE];
    size_t length = log_prefix(line, sizeof(line), arch_ticks(), "bulkhead");
    va_list list;

    va_start(list, format);
    length += format_list(line + length, sizeof(line) - length, format, list);
    va_end(list);
    for (size_t i = 0; i < length; i++)
        if (line[i] < ' ' || line[i] > '~')
            line[i] = '.'; /* no data can forge a line or speak to the terminal */
    lock_take(&ring.lock);
    ring_log(line, length);
    if (!log_is_live())
        ring_show();
    lock_drop(&ring.lock);
}

bool log_is_live(void)
{
    return atomic_load_explicit(&live, memory_order_relaxed);
}

void log_live(void)
{
    atomic_store_explicit(&live, true, memory_order_relaxed);
}
