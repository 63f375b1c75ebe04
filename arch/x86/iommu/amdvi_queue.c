/* SPDX-License-Identifier: Apache-2.0 */
/* AMD-Vi's command buffer (48882, 2.4): every unit gets every command, and each wait is bounded (SEP-7). A core holds the lock for a few
 * stores and waits without it; a unit that does not move costs each caller one wait, until its ring is full, and nothing then. */
#include "amdvi.h"
#include "arch.h"
#include "x86.h"

static void command_put(struct amdvi_unit *unit, const struct amdvi_command *command)
{
    unit->commands[unit->command_tail / sizeof(*command)] = *command;
    unit->command_tail = (unit->command_tail + (uint32_t)sizeof(*command)) & AMDVI_RING_MASK;
}

/* The number to wait for, or 0: no room. */
static uint64_t commands_put(struct amdvi_unit *unit, const struct amdvi_command *commands, unsigned count)
{
    uint32_t head = (uint32_t)amdvi_read(unit, AMDVI_COMMAND_HEAD);
    uint32_t room = ((head - unit->command_tail - (uint32_t)sizeof(*commands)) & AMDVI_RING_MASK) / (uint32_t)sizeof(*commands);
    struct amdvi_command wait = {{AMDVI_COMPLETION_WAIT | arch_hpa(&unit->done).v, unit->asked + 1}};

    if (room < count + 1)
        return 0;
    for (unsigned i = 0; i < count; i++)
        command_put(unit, &commands[i]);
    command_put(unit, &wait);
    mfence(); /* tables and commands are in memory before the unit is told */
    amdvi_write(unit, AMDVI_COMMAND_TAIL, unit->command_tail);
    return ++unit->asked;
}

static bool completion_wait(const struct amdvi_unit *unit, uint64_t number, uint64_t since)
{
    uint64_t patience = arch_tsc_khz() * AMDVI_PATIENCE_MS;

    while (__atomic_load_n(&unit->done, __ATOMIC_ACQUIRE) < number) {
        if (arch_ticks() - since > patience)
            return false;
        arch_pause();
    }
    return true;
}

bool amdvi_submit(const struct amdvi_command *commands, unsigned count)
{
    uint64_t number[BOARD_MAX_IOMMUS] = {0}, since = arch_ticks();
    bool done = true;

    for (unsigned i = 0; i < amdvi_unit_count; i++) {
        lock_take(&amdvi_units[i].lock);
        number[i] = commands_put(&amdvi_units[i], commands, count);
        lock_drop(&amdvi_units[i].lock);
    }
    for (unsigned i = 0; i < amdvi_unit_count; i++)
        done &= number[i] != 0 && completion_wait(&amdvi_units[i], number[i], since);
    return done;
}
