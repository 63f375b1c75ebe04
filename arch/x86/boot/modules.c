/* SPDX-License-Identifier: Apache-2.0 */
/* Modules that the boot loader put elsewhere are moved into the image zone: GRUB on UEFI takes whatever memory the firmware left. Boot
 * processor, before anything else is written; what they leave behind is a partition's or nobody's. */
#include "bootinfo.h"

#include "memory.h"

#define MODULE_ALIGN(size) (((size) + PAGE_MASK) & ~(uint64_t)PAGE_MASK)

static bool in_zone(const struct boot_module *module, uint64_t zone, uint64_t size)
{
    return range_inside(module->base, module->size, zone, size);
}

/* No module, wherever it is, has a byte of [base, base + size). */
static bool is_free(const struct boot_info *boot, uint64_t base, uint64_t size)
{
    for (uint32_t i = 0; i < boot->module_count; i++)
        if (range_overlap(base, size, boot->modules[i].base, MODULE_ALIGN(boot->modules[i].size)))
            return false;
    return true;
}

/* The lowest free place in the zone: its beginning, or right behind a module. 0: none. */
static uint64_t place_find(const struct boot_info *boot, uint64_t size, uint64_t zone, uint64_t zone_size)
{
    uint64_t best = 0;

    if (size <= zone_size && is_free(boot, zone, size))
        return zone;
    for (uint32_t i = 0; i < boot->module_count; i++) {
        uint64_t base = MODULE_ALIGN(boot->modules[i].base + boot->modules[i].size);

        if (range_inside(base, size, zone, zone_size) && is_free(boot, base, size) && (best == 0 || base < best))
            best = base;
    }
    return best;
}

void modules_gather(struct boot_info *boot, uint64_t zone, uint64_t zone_size)
{
    for (uint32_t i = 0; i < boot->module_count; i++) {
        struct boot_module *module = &boot->modules[i];
        uint64_t place = in_zone(module, zone, zone_size) ? 0 : place_find(boot, MODULE_ALIGN(module->size), zone, zone_size);
        const void *from = boot_physical(module->base, module->size);
        void *to = boot_memory(place, module->size);

        if (place == 0 || from == 0 || to == 0)
            continue; /* the comparison with the plan says which one lies outside */
        memcpy(to, from, module->size);
        module->base = place;
    }
}
