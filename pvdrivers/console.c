/* SPDX-License-Identifier: Apache-2.0 */
/* The console: two rings shared with the hypervisor. It reads our indices with distrust; we do the same with its: a count
 * larger than the ring is taken for the ring's size. */
#include "cpu.h"
#include "lib.h"
#include "line.h"

#define ROOM_WAIT_NS 100000000ull
#define RETRY_NS 5000000ull
#define POLL_NS 20000000ull

static volatile char *const out_ring = (volatile char *)(uintptr_t)BH_OUT_RING_GPA;
static const volatile char *const in_ring = (const volatile char *)(uintptr_t)BH_IN_RING_GPA;
static volatile bool locked; /* output is one stream, whichever core writes */
static volatile unsigned holder;
static bool wakes; /* input raises an interrupt */
static struct line_editor editor;

static void on_input(struct bh_frame *frame)
{
    (void)frame; /* waking up is all */
}

void console_init(void)
{
    bh_irq_handler(BH_VECTOR_CONSOLE, on_input);
    wakes = bh_call(BH_CALL_VECTOR, BH_SOURCE_CONSOLE, BH_VECTOR_CONSOLE, 0) == 0;
}

static size_t out_room(void)
{
    uint32_t used = shared_words()->out_produced - shared_words()->out_consumed;

    return used > BH_OUT_RING_SIZE ? 0 : BH_OUT_RING_SIZE - used;
}

static size_t out_put(const char *bytes, size_t count)
{
    size_t room = out_room();
    uint32_t produced = shared_words()->out_produced;

    if (count > room)
        count = room;
    for (size_t i = 0; i < count; i++)
        out_ring[(produced + i) % BH_OUT_RING_SIZE] = bytes[i];
    __atomic_thread_fence(__ATOMIC_RELEASE);
    shared_words()->out_produced = produced + (uint32_t)count;
    return count;
}

/* Wait a little for the hypervisor to take something; only where that cannot stop the program's interrupts. */
static bool wait_for_room(uint64_t deadline, bool may_wait)
{
    bh_call(BH_CALL_CONSOLE, 0, 0, 0);
    if (out_room() > 0)
        return true;
    if (!may_wait || bh_now_ns() >= deadline)
        return false;
    bh_sleep_ns(RETRY_NS);
    return true;
}

/* False: this very core holds it, interrupted in the middle; then two texts mix, which beats waiting for ever. */
static bool take_lock(void)
{
    while (__atomic_exchange_n(&locked, true, __ATOMIC_ACQUIRE)) {
        if (holder == bh_core())
            return false;
        cpu_pause();
    }
    holder = bh_core();
    return true;
}

size_t bh_console_write(const char *bytes, size_t count)
{
    uint64_t deadline = bh_now_ns() + ROOM_WAIT_NS;
    bool may_wait = cpu_flags() & 0x200;
    bool taken = take_lock();
    size_t done = 0;

    while (done < count) {
        size_t put = out_put(bytes + done, count - done);
        done += put;
        if (put == 0 && !wait_for_room(deadline, may_wait))
            break;
    }
    if (done > 0 && bh_start_info()->tick_hz == 0)
        bh_call(BH_CALL_CONSOLE, 0, 0, 0); /* nobody looks by himself */
    if (taken) {
        holder = BH_MAX_CORES;
        __atomic_store_n(&locked, false, __ATOMIC_RELEASE);
    }
    return done;
}

static bool input_waits(void)
{
    return shared_words()->in_produced != shared_words()->in_consumed;
}

size_t bh_console_read(char *bytes, size_t count)
{
    uint32_t consumed = shared_words()->in_consumed;
    uint32_t waiting = shared_words()->in_produced - consumed;

    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (waiting > BH_IN_RING_SIZE)
        waiting = BH_IN_RING_SIZE;
    if (count > waiting)
        count = waiting;
    for (size_t i = 0; i < count; i++)
        bytes[i] = in_ring[(consumed + i) % BH_IN_RING_SIZE];
    shared_words()->in_consumed = consumed + (uint32_t)count;
    return count;
}

bool bh_console_wait(uint64_t deadline)
{
    bool were_on = bh_irq_off();

    while (!input_waits() && bh_now_ns() < deadline) {
        uint64_t poll = bh_now_ns() + POLL_NS;
        bh_wait(wakes || poll > deadline ? deadline : poll);
    }
    bh_irq_restore(were_on);
    return input_waits();
}

bool bh_getline(char *line, size_t size)
{
    char byte, echo[LINE_ECHO_MAX];

    while (bh_console_read(&byte, 1) == 1) {
        size_t echo_length;
        bool complete = line_byte(&editor, byte, echo, &echo_length);
        bh_console_write(echo, echo_length);
        if (complete) {
            line_take(&editor, line, size);
            return true;
        }
    }
    return false;
}
