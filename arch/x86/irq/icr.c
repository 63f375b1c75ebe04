/* SPDX-License-Identifier: Apache-2.0 */
/* What a write to the interrupt command register means inside one partition (SEP-3, AC-16). Pure: the targets of any command
 * are a subset of the partition's own cores, whatever its bits. SDM3 11.6, 11.12.9. */
#include "policy.h"

enum { MODE_FIXED, MODE_LOWEST, MODE_SMI, MODE_REMOTE_READ, MODE_NMI, MODE_INIT, MODE_SIPI, MODE_EXTINT };
enum { TO_DESTINATION, TO_SELF, TO_ALL, TO_OTHERS };

#define LOGICAL (1u << 11)
#define ASSERT (1u << 14)
#define LEVEL (1u << 15)
#define DFR_FLAT 0xfu
#define DFR_CLUSTER 0x0u

static uint32_t all_cores(unsigned core_count)
{
    return core_count >= 32 ? 0xffffffffu : (1u << core_count) - 1;
}

static uint32_t physical(uint32_t u_dest, unsigned core_count)
{
    return u_dest < core_count ? 1u << u_dest : 0;
}

static uint32_t logical_x2apic(uint32_t u_dest, unsigned core_count)
{
    uint32_t targets = 0;

    for (unsigned id = 0; id < core_count; id++)
        if (u_dest >> 16 == id >> 4 && (u_dest >> (id & 15) & 1))
            targets |= 1u << id;
    return targets;
}

static uint32_t logical_xapic(uint32_t u_dest, unsigned core_count, const uint32_t *ldr, uint32_t dfr)
{
    uint32_t targets = 0;

    for (unsigned i = 0; i < core_count; i++) {
        uint32_t own = ldr[i] >> 24;
        bool hit = false;

        if (dfr >> 28 == DFR_FLAT)
            hit = (own & u_dest) != 0;
        else if (dfr >> 28 == DFR_CLUSTER)
            hit = (own & u_dest & 0xf) != 0 && (own >> 4 == u_dest >> 4 || u_dest >> 4 == 0xf);
        if (hit)
            targets |= 1u << i;
    }
    return targets;
}

static uint32_t named(uint64_t u_icr, unsigned core_count, bool x2apic_format, const uint32_t *ldr, uint32_t dfr)
{
    uint32_t u_dest = x2apic_format ? (uint32_t)(u_icr >> 32) : (uint32_t)(u_icr >> 56);

    if (u_dest == (x2apic_format ? 0xffffffffu : 0xffu))
        return all_cores(core_count);
    if (!(u_icr & LOGICAL))
        return physical(u_dest, core_count);
    return x2apic_format ? logical_x2apic(u_dest, core_count) : logical_xapic(u_dest, core_count, ldr, dfr);
}

struct icr_effect icr_expand(uint64_t u_icr, unsigned self, unsigned core_count, bool x2apic_format, const uint32_t *ldr,
                             uint32_t dfr)
{
    static const uint8_t effects[8] = {
        [MODE_FIXED] = ICR_FIXED, [MODE_LOWEST] = ICR_FIXED, [MODE_NMI] = ICR_NMI, [MODE_INIT] = ICR_INIT, [MODE_SIPI] = ICR_SIPI,
    };
    const struct icr_effect refused = {.what = ICR_DROP, .denied = true};
    struct icr_effect effect = {.vector = (uint8_t)u_icr};
    unsigned mode = u_icr >> 8 & 7, to = u_icr >> 18 & 3;

    effect.what = effects[mode];
    if (effect.what == ICR_INIT && (u_icr & (LEVEL | ASSERT)) == LEVEL)
        return (struct icr_effect){.what = ICR_DROP}; /* INIT de-assert: nothing since the Pentium 4 */
    if (effect.what == ICR_DROP || (effect.what == ICR_FIXED && effect.vector < 16))
        return refused; /* SMI, remote read, ExtINT; vectors of exceptions */
    if (mode != MODE_FIXED && (to == TO_SELF || to == TO_ALL))
        return refused; /* SDM3 table 11-3: not valid */
    if (to == TO_DESTINATION)
        effect.targets = named(u_icr, core_count, x2apic_format, ldr, dfr);
    else if (to == TO_SELF)
        effect.targets = 1u << self;
    else
        effect.targets = all_cores(core_count) & (to == TO_OTHERS ? ~(1u << self) : ~0u);
    if (effect.targets == 0)
        return (struct icr_effect){.what = ICR_DROP, .denied = to == TO_DESTINATION};
    if (mode == MODE_LOWEST)
        effect.targets &= -effect.targets; /* one of them */
    return effect;
}
