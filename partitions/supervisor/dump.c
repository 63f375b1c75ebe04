/* SPDX-License-Identifier: Apache-2.0 */
/* Memory, registers and records as lines of text, which config/tool/export.py takes out of a log of the console:
 *
 *   =begin core control            what follows, and of whom
 *   =r 10000 <base64> <sum>        registers of vcpu 1 from offset 0 on: struct bh_registers
 *   =m 100000 <base64> <sum>       memory from this address on; what is zero is left out
 *   =b 0 <base64> <sum>            bytes of the record from this offset on, likewise
 *   =end core control 4711         so many lines in between
 *
 * Numbers are hexadecimal but the last. The sum is that of tag, address and bytes: 32-bit FNV-1a. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shell.h"

#define PIECE 96u
#define ROOM_NS 20000000ull /* until there may be room again */
#define NS_PER_BYTE 25000u  /* 40 KB/s: below what a console shows by default, beyond which it drops */
#define FETCH_NS (2 * SECOND)

static struct {
    unsigned lines;
    uint64_t due; /* when the next line may go */
    bool interrupted;
} out;

static uint32_t sum_add(uint32_t sum, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ ((const uint8_t *)bytes)[i]) * 0x01000193u;
    return sum;
}

static size_t base64(char *to, const uint8_t *from, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = 0;

    for (size_t at = 0; at < size; at += 3) {
        uint32_t three =
            (uint32_t)from[at] << 16 | (at + 1 < size ? (uint32_t)from[at + 1] << 8 : 0) | (at + 2 < size ? from[at + 2] : 0u);

        to[length++] = digits[three >> 18];
        to[length++] = digits[three >> 12 & 63];
        to[length++] = at + 1 < size ? digits[three >> 6 & 63] : '=';
        to[length++] = at + 2 < size ? digits[three & 63] : '=';
    }
    to[length] = 0;
    return length;
}

static void piece(char tag, uint64_t address, const uint8_t *bytes, size_t size)
{
    char text[PIECE / 3 * 4 + 1];
    uint32_t sum = sum_add(sum_add(sum_add(0x811c9dc5u, &tag, 1), &address, sizeof(address)), bytes, size);
    char line[sizeof(text) + 40];
    int length;

    base64(text, bytes, size);
    length = snprintf(line, sizeof(line), "=%c %" PRIx64 " %s %08" PRIx32 "\n", tag, address, text, sum);
    for (size_t done = 0; done < (size_t)length && !out.interrupted;) { /* a console that is slow for a while costs no line */
        done += bh_console_write(line + done, (size_t)length - done);
        out.interrupted = done < (size_t)length && key_break(bh_now_ns() + ROOM_NS);
    }
    out.lines++;
    out.due += (uint64_t)length * NS_PER_BYTE;
    while (bh_now_ns() < out.due && !out.interrupted)
        out.interrupted = key_break(out.due);
}

/* The registers are no multiple of a piece and have zeros in them that mean something. */
static void pieces(char tag, uint64_t address, const void *bytes, size_t size, bool all)
{
    static const uint8_t zeros[PIECE];

    for (size_t at = 0; at < size && !out.interrupted; at += PIECE) {
        size_t length = size - at < PIECE ? size - at : PIECE;

        if (all || memcmp((const uint8_t *)bytes + at, zeros, length) != 0)
            piece(tag, address + at, (const uint8_t *)bytes + at, length);
    }
}

static void begin(const char *what, const char *name)
{
    out.lines = 0;
    out.due = bh_now_ns();
    out.interrupted = false;
    printf("=begin %s %s\n", what, name);
}

static void end(const char *what, const char *name)
{
    if (out.interrupted)
        printf("=broken off by Ctrl-C\n");
    else
        printf("=end %s %s %u\n", what, name, out.lines);
}

/* A page, waiting for its owner's core to fetch it. False: it is not to be had any more. */
static bool page(unsigned n, uint64_t address)
{
    static uint8_t copy[BH_ANSWER_SIZE];
    uint64_t until = bh_now_ns() + FETCH_NS, count;
    const void *answer;

    while ((count = bh_read(BH_READ_MEMORY, n, address, &answer)) == BH_AGAIN && bh_now_ns() < until)
        ;
    if (count != BH_ANSWER_SIZE)
        return false;
    memcpy(copy, answer, sizeof(copy));
    pieces('m', address, copy, sizeof(copy), false);
    return true;
}

/* Whatever else there is to do is done once in a while. */
static bool memory(unsigned n, uint64_t from, uint64_t size)
{
    for (uint64_t at = 0; at < size && !out.interrupted; at += BH_ANSWER_SIZE) {
        if (!page(n, from + at))
            return false;
        if (at % (64 * BH_ANSWER_SIZE) == 0)
            out.interrupted = out.interrupted || key_break(bh_now_ns());
    }
    return true;
}

static void core(unsigned n, const char *name, struct bh_registers *registers)
{
    const void *answer;
    bool whole = true;

    begin("core", name);
    for (uint32_t vcpu = 0, count = registers->vcpus; whole && vcpu < count; vcpu++) {
        whole = bh_read(BH_READ_REGISTERS, n, vcpu, &answer) == sizeof(*registers);
        memcpy(registers, answer, sizeof(*registers));
        if (whole) /* address: the vcpu, and in the lower 16 bits an offset */
            pieces('r', (uint64_t)vcpu << 16, registers, sizeof(*registers), true);
    }
    whole = whole && memory(n, 0, registers->ram_low) && memory(n, 1ull << 32, registers->ram_high);
    if (whole)
        end("core", name);
    else
        printf("error: dump: %s has started again, or its core does not answer: what came is not whole\n", name);
}

void dump_core(int argc, char **argv)
{
    struct bh_registers registers;
    struct bh_status status;
    const void *answer;
    uint64_t count;
    unsigned n;

    if (!find(argv[1], &n, &status))
        return;
    if (argc > 2)
        printf("there are no files here: it is printed, and `make core FILE=` takes it out of a log of the console\n");
    count = bh_read(BH_READ_REGISTERS, n, 0, &answer);
    memcpy(&registers, answer, sizeof(registers));
    if (count == sizeof(registers))
        core(n, status.name, &registers);
    else if (count == BH_EPERM)
        printf("error: dump: not allowed: .dumps of this partition in the product's table does not name %s\n", status.name);
    else if (count == BH_EBUSY)
        printf("error: dump: %s is %s: only one that has stopped can be dumped; stop %s first\n", status.name,
               bh_state_name((enum bh_state)status.state), status.name);
    else
        printf("error: dump: refused by the hypervisor (%ld)\n", (long)count);
}

void dump_record(int argc, char **argv)
{
    static uint8_t copy[BH_ANSWER_SIZE];
    uint64_t at = 0, count;
    const void *answer;

    (void)argc, (void)argv;
    count = bh_read(BH_READ_RECORD, 0, 0, &answer);
    if (count == 0 || count > BH_ANSWER_SIZE) {
        printf(count == 0 ? "there is none: the machine was switched on, or its memory was not kept\n"
                          : "error: record: not allowed: .reads_log of this partition in the product's table\n");
        return;
    }
    begin("record", "before");
    for (; count != 0 && count <= BH_ANSWER_SIZE && !out.interrupted; count = bh_read(BH_READ_RECORD, 0, at, &answer)) {
        memcpy(copy, answer, count);
        pieces('b', at, copy, count, false);
        at += count;
    }
    end("record", "before");
}
