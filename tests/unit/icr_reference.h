/* SPDX-License-Identifier: Apache-2.0 */
/* What a command of a local APIC reaches, slowly and from the manual's tables: SDM3 11.6.1, 11.12.9. */
#ifndef ICR_REFERENCE_H
#define ICR_REFERENCE_H

#include "policy.h"

struct command {
    unsigned mode, shorthand, dest_mode, level, trigger;
    uint32_t dest;
    uint8_t vector;
    bool x2;
};

__attribute__((unused)) static uint64_t encode(const struct command *c)
{
    uint64_t icr = c->vector | c->mode << 8 | c->dest_mode << 11 | c->level << 14 | c->trigger << 15 | c->shorthand << 18;

    return icr | (c->x2 ? (uint64_t)c->dest << 32 : (uint64_t)c->dest << 56);
}

/* Would the core `t` accept it by its destination? One core at a time, as each APIC on the bus decides for itself. */
static bool accepts(const struct command *c, unsigned t, unsigned self, const uint32_t *ldr, uint32_t dfr)
{
    if (c->shorthand == 1)
        return t == self;
    if (c->shorthand == 2)
        return true;
    if (c->shorthand == 3)
        return t != self;
    if (c->x2) {
        if (c->dest == 0xffffffff)
            return true;
        if (c->dest_mode == 0)
            return c->dest == t;
        return c->dest / 65536 == t / 16 && (c->dest % 65536 & 1u << t % 16) != 0;
    }
    if (c->dest == 255)
        return true;
    if (c->dest_mode == 0)
        return c->dest == t;
    switch (dfr / 0x10000000) {
    case 15:
        return (ldr[t] / 0x1000000 & c->dest) != 0;
    case 0:
        if (c->dest / 16 != 15 && c->dest / 16 != ldr[t] / 0x10000000)
            return false;
        return (ldr[t] / 0x1000000 % 16 & c->dest % 16) != 0;
    default:
        return false;
    }
}

static struct icr_effect reference(const struct command *c, unsigned self, unsigned cores, const uint32_t *ldr, uint32_t dfr)
{
    static const unsigned what[8] = {ICR_FIXED, ICR_FIXED, ICR_DROP, ICR_DROP, ICR_NMI, ICR_INIT, ICR_SIPI, ICR_DROP};
    struct icr_effect e = {.what = what[c->mode], .vector = c->vector};

    if (c->mode == 5 && c->level == 0 && c->trigger == 1)
        return (struct icr_effect){.what = ICR_DROP};
    if (e.what == ICR_DROP || (c->mode <= 1 && c->vector < 16) || (c->mode != 0 && (c->shorthand == 1 || c->shorthand == 2)))
        return (struct icr_effect){.what = ICR_DROP, .denied = true};
    for (unsigned t = 0; t < cores; t++) {
        if (!accepts(c, t, self, ldr, dfr))
            continue;
        e.targets |= 1u << t;
        if (c->mode == 1)
            break;
    }
    if (e.targets == 0)
        return (struct icr_effect){.what = ICR_DROP, .denied = c->shorthand == 0};
    return e;
}

#endif
