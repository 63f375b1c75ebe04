/* SPDX-License-Identifier: Apache-2.0 */
/* The crash record: written before anything else is tried, since whatever follows may fault again. */
#include "crash.h"

#include <stdatomic.h>

#include "arch.h"
#include "console.h"
#include "memory.h"

#define CRASH_VERSION 1u
#define READY_ROUNDS 1000000u /* looks at a UART that is not ready: 16 bytes at 9,600 baud take 17 ms */
#define NOBODY UINT32_MAX
#define OTHER_CORE_MS 2000u

static _Atomic uint32_t crashing = NOBODY; /* core that came first */
static struct crash_record found;          /* what crash_report() printed */

static struct crash_record *record_area(void)
{
    return arch_ptr(plan.crash);
}

/* Order-dependent, so that swapped words are seen. Not against malice: the area is ours. */
static uint64_t record_sum(const struct crash_record *record)
{
    const uint8_t *bytes = (const uint8_t *)record;
    uint64_t sum = CRASH_MAGIC;

    for (size_t i = 0; i < offsetof(struct crash_record, sum); i++)
        sum = (sum << 5 | sum >> 59) ^ bytes[i];
    return sum;
}

static bool record_sound(const struct crash_record *record)
{
    return record->magic == CRASH_MAGIC && record->version == CRASH_VERSION && record->size == sizeof(*record) &&
           record->sum == record_sum(record);
}

static void record_print(const struct crash_record *record)
{
    log_line("crash record of boot %lu: %s", record->boot, record->text);
    log_line("crash record: core %lu vector %lu error %lx rip %lx rsp %lx rflags %lx cr2 %lx cr3 %lx", record->core,
             record->state.vector, record->state.error_code, record->state.rip, record->state.rsp, record->state.rflags,
             record->state.cr2, record->state.cr3);
    for (unsigned i = 0; i < ARRAY_SIZE(record->state.regs); i += 4)
        log_line("crash record: regs %2u: %016lx %016lx %016lx %016lx", i, record->state.regs[i], record->state.regs[i + 1],
                 record->state.regs[i + 2], record->state.regs[i + 3]);
    for (unsigned i = 0; i < ARRAY_SIZE(record->stack); i += 4)
        log_line("crash record: stack +%02x: %016lx %016lx %016lx %016lx", i * 8, record->stack[i], record->stack[i + 1],
                 record->stack[i + 2], record->stack[i + 3]);
}

static void record_empty(struct crash_record *record, uint64_t boot)
{
    *record = (struct crash_record){.magic = CRASH_MAGIC, .version = CRASH_VERSION, .size = sizeof(*record), .boot = boot};
}

bool crash_report(void)
{
    struct crash_record *record = record_area();
    bool sound = record_sound(record);
    bool crashed = sound && record->valid == CRASH_MAGIC;
    uint64_t boot = sound ? record->boot + 1 : 1;

    if (crashed) {
        record->text[CRASH_TEXT - 1] = 0;
        record_print(record);
        found = *record;
    }
    record_empty(record, boot);
    record->sum = record_sum(record);
    return crashed;
}

const struct crash_record *crash_before(void)
{
    return found.valid == CRASH_MAGIC ? &found : 0;
}

static void record_write(struct crash_record *record, const struct crash_state *state, const char *text)
{
    uint64_t boot = record_sound(record) ? record->boot : 0; /* 0: before crash_report() */

    record_empty(record, boot);
    record->core = arch_core();
    for (unsigned i = 0; i < CRASH_TEXT - 1 && text[i] != 0; i++)
        record->text[i] = text[i];
    if (state != 0)
        record->state = *state;
    record->valid = CRASH_MAGIC;
    record->sum = record_sum(record);
}

/* Reading may fault, which resets the board at once: the record is whole until all words are here. */
static void record_add_stack(struct crash_record *record, uint64_t rsp)
{
    uint64_t words[ARRAY_SIZE(record->stack)];

    if (rsp == 0 || rsp % sizeof(uint64_t) != 0)
        return;
    memcpy(words, (const void *)(uintptr_t)rsp, sizeof(words));
    memcpy(record->stack, words, sizeof(words));
    record->sum = record_sum(record);
}

/* Straight to the UART: no lock, no ring. A UART that never gets ready costs its bound once. */
static void message_send(const char *text)
{
    size_t size = strlen(text), at = 0;

    for (uint32_t round = 0; at < size && round < READY_ROUNDS; round++) {
        size_t sent = arch_uart_write(UART_CRASH, text + at, size - at);

        at += sent;
        if (sent != 0)
            round = 0;
    }
}

static void message_print(const struct crash_record *record)
{
    uint64_t khz = arch_tsc_khz();
    uint64_t us = khz ? (arch_ticks() - arch_boot_ticks()) * 1000 / khz : 0;
    char line[320];

    (void)format_text(line, sizeof(line),
                      "\r\n[%5lu.%06lu] bulkhead| CRASH on core %lu: %s (vector %lu, error %lx, rip %lx, cr2 %lx)\r\n",
                      us / 1000000, us % 1000000, record->core, record->text, record->state.vector, record->state.error_code,
                      record->state.rip, record->state.cr2);
    message_send(line);
}

/* A fault while we crash, or another core that crashes too: the first record stands. The other core gives the first one time
 * for its message, no more. */
static _Noreturn void crash_again(uint32_t first)
{
    uint64_t from = arch_ticks();

    if (first != arch_core())
        while (arch_ticks() - from < arch_tsc_khz() * OTHER_CORE_MS)
            arch_pause();
    arch_reset();
}

_Noreturn void crash(const struct crash_state *state, const char *text)
{
    struct crash_record *record;
    uint32_t first = NOBODY;

    if (!atomic_compare_exchange_strong(&crashing, &first, (uint32_t)arch_core()))
        crash_again(first);
    record = record_area();
    record_write(record, state, text);
    message_print(record);
    if (state != 0)
        record_add_stack(record, state->rsp);
    arch_reset();
}

_Noreturn __attribute__((noinline)) void crash_here(const char *text)
{
    struct crash_state state = {
        .rip = (uintptr_t)__builtin_return_address(0),
        .rsp = (uintptr_t)__builtin_frame_address(0),
    };

    crash(&state, text);
}
