/* SPDX-License-Identifier: Apache-2.0 */
/* Is this the machine, and are these the payloads, that the plan was made for? One line per difference, all of them. */
#include "bootinfo.h"
#include "console.h"
#include "dev.h"
#include "memory.h"
#include "x86.h"

#define USABLE 1u

/* --- memory: planned ranges lie in usable RAM ---------------------------------------------------------------------------- */

/* First address of [base, end) that is not usable RAM according to the map, or end. Each round passes one range at least. */
static uint64_t usable_until(const struct boot_info *boot, uint64_t base, uint64_t end)
{
    uint64_t at = base;

    for (uint32_t round = 0; round < boot->range_count && at < end; round++)
        for (uint32_t i = 0; i < boot->range_count; i++) {
            const struct boot_range *r = &boot->ranges[i];

            if (r->type == USABLE && at >= r->base && at - r->base < r->size)
                at = r->base + r->size;
        }
    if (at > end)
        at = end;
    for (uint32_t i = 0; i < boot->range_count; i++) {
        const struct boot_range *r = &boot->ranges[i];

        if (r->type != USABLE && at > base && range_overlap(base, at - base, r->base, r->size))
            at = r->base > base ? r->base : base; /* firmware says both: not ours */
    }
    return at;
}

static unsigned range_compare(const struct boot_info *boot, const char *id, const char *who, uint64_t base, uint64_t size)
{
    uint64_t until = usable_until(boot, base, base + size);

    if (until == base + size)
        return 0;
    log_line("%s %s: expected usable RAM at %lx..%lx, found none at %lx. Hint: wrong board, or less memory than its table says", id,
             who, base, base + size - 1, until);
    return 1;
}

bool facts_zone_usable(const struct boot_info *boot)
{
    return usable_until(boot, plan.zone.v, plan.zone.v + plan.zone_size) == plan.zone.v + plan.zone_size;
}

static unsigned memory_compare(const struct boot_info *boot)
{
    unsigned found = range_compare(boot, "CFG-901", "hypervisor", plan.hypervisor.v, plan.hypervisor_room);

    found += range_compare(boot, "CFG-902", "image zone", plan.zone.v, plan.zone_size);
    found += range_compare(boot, "CFG-903", "crash record", plan.crash.v, plan.crash_size);
    for (uint32_t p = 0; p < plan.partition_count; p++)
        for (uint32_t i = 0; i < plan.partitions[p].ram_count; i++)
            found += range_compare(boot, "CFG-904", plan.partitions[p].name, plan.partitions[p].ram[i].hpa.v,
                                   plan.partitions[p].ram[i].size);
    return found;
}

/* --- cores and devices ----------------------------------------------------------------------------------------------------- */

static unsigned cores_compare(const struct acpi_info *acpi)
{
    unsigned found = 0;

    for (uint32_t core = 0; core < plan.core_count; core++) {
        uint32_t i = 0;

        while (i < acpi->core_count && acpi->apic_ids[i] != plan.cores[core].apic_id)
            i++;
        if (i < acpi->core_count)
            continue;
        log_line("CFG-905 core %u: expected APIC id %u, found %u cores without it. Hint: wrong board, or cores switched off in the "
                 "firmware's setup",
                 core, plan.cores[core].apic_id, acpi->core_count);
        found++;
    }
    return found;
}

static unsigned value_compare(const char *id, const char *what, uint64_t expected, uint64_t actual)
{
    if (expected == actual)
        return 0;
    log_line("%s %s: expected 0x%lx, found 0x%lx. Hint: wrong board, or its table is out of date", id, what, expected, actual);
    return 1;
}

static unsigned vendor_compare(void)
{
    struct cpuid_regs r = cpuid(0, 0);
    char vendor[13] = {0};
    bool amd, intel;

    memcpy(vendor, &r.ebx, 4);
    memcpy(vendor + 4, &r.edx, 4);
    memcpy(vendor + 8, &r.ecx, 4);
    amd = strcmp(vendor, "AuthenticAMD") == 0 || strcmp(vendor, "HygonGenuine") == 0;
    intel = strcmp(vendor, "GenuineIntel") == 0 || strcmp(vendor, "CentaurHauls") == 0;
    if ((plan.board->virt != VIRT_SVM || amd) && (plan.board->virt != VIRT_VMX || intel))
        return 0;
    log_line("CFG-909 processor: expected one with %s, found %s. Hint: wrong board", plan.board->virt == VIRT_SVM ? "SVM" : "VMX",
             vendor);
    return 1;
}

static unsigned watchdog_compare(void)
{
    const char *why = watchdog_find();

    if (why == 0)
        return 0;
    log_line("CFG-910 board watchdog: expected one, found: %s. Hint: wrong board, or name no watchdog in its table", why);
    return 1;
}

static unsigned board_compare(const struct acpi_info *acpi)
{
    const struct board *wanted = plan.board;
    unsigned found = value_compare("CFG-906", "IO-APIC", wanted->ioapic.base, acpi->ioapic_base);

    found += value_compare("CFG-907", "pin of the PIT", wanted->pit.gsi, acpi->irq0_gsi);
    if (wanted->pm_timer_port != 0)
        found += value_compare("CFG-908", "port of the PM timer", wanted->pm_timer_port, acpi->pm_timer_port);
    return found + vendor_compare() + watchdog_compare();
}

/* --- modules --------------------------------------------------------------------------------------------------------------- */

static unsigned payload_compare(const struct boot_info *boot, const struct plan_partition *partition)
{
    const struct plan_payload *payload = &partition->payload;
    const struct boot_module *module = 0;
    unsigned named = 0, found = 0;

    for (uint32_t i = 0; i < boot->module_count; i++)
        if (strcmp(boot->modules[i].name, payload->module) == 0) {
            module = &boot->modules[i];
            named++;
        }
    if (named != 1) {
        log_line("CFG-911 %s: expected one module named \"%s\", found %u. Hint: use the grub.cfg that was made with this image",
                 partition->name, payload->module, named);
        return 1;
    }
    if (module->size != payload->size) {
        log_line("CFG-912 %s: expected a module of %lu bytes, found %lu. Hint: image and modules are from different builds",
                 partition->name, payload->size, module->size);
        found++;
    }
    if (!range_inside(module->base, module->size, plan.zone.v, plan.zone_size)) {
        log_line(
            "CFG-913 %s: expected its module inside %lx..%lx, found it at %lx. Hint: load no other modules; the zone is sized for "
            "these",
            partition->name, plan.zone.v, plan.zone.v + plan.zone_size - 1, module->base);
        found++;
    }
    return found;
}

unsigned facts_compare(const struct boot_info *boot, const struct acpi_info *acpi)
{
    unsigned found = memory_compare(boot) + cores_compare(acpi) + board_compare(acpi);

    for (uint32_t p = 0; p < plan.partition_count; p++)
        found += payload_compare(boot, &plan.partitions[p]);
    return found;
}
