/* SPDX-License-Identifier: Apache-2.0 */
/* From the boot loader's hand-over to running partitions: the launch as a numbered list. Every refusal is one line with a code,
 * what was found and what to do; then the machine halts, or, if it takes updates, starts again for its loader to count. */
#include "arch.h"
#include "audit.h"
#include "bootinfo.h"
#include "channel.h"
#include "console.h"
#include "core_area.h"
#include "cpu.h"
#include "crash.h"
#include "dev.h"
#include "iommu.h"
#include "lapic.h"
#include "launch.h"
#include "memory.h"
#include "nested.h"
#include "pci.h"
#include "pci_bus.h"
#include "policy.h"
#include "port.h"
#include "recorder.h"
#include "trap.h"
#include "virt.h"
#include "x86.h"

#include <stdatomic.h>

#define MULTIBOOT2_MAGIC 0x36d76289u
#define INFO_MAX KIB(64)

extern uint64_t boot_tsc;

static struct boot_info info;
static struct acpi_info acpi;
static _Atomic bool go;                              /* the launch is complete: cores may run their guests */
static const char *_Atomic core_refusals[MAX_CORES]; /* why a core cannot run partitions */
static _Atomic uint32_t cores_ready;

/* So that the line stays on the screen; where another version may be in the other slot, for a while. */
static _Noreturn void halt(void)
{
    if (plan.refused_reset_s != 0)
        log_line("the box starts again in %u seconds", plan.refused_reset_s);
    console_flush();
    if (plan.refused_reset_s != 0) {
        rtc_wait(plan.refused_reset_s);
        arch_reset();
    }
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* The first of the three fates of an error (SEP-8). */
static _Noreturn void refuse(const char *why)
{
    log_line("refused: %s", why);
    halt();
}

static void refuse_if(const char *why)
{
    if (why)
        refuse(why);
}

const void *boot_physical(uint64_t address, size_t size)
{
    return range_inside(address, size, 0, GIB(4)) ? (const void *)(uintptr_t)address : 0;
}

void *boot_memory(uint64_t address, size_t size)
{
    return range_inside(address, size, 0, GIB(4)) ? (void *)(uintptr_t)address : 0;
}

/* --- 1. what the loader and the firmware say ------------------------------------------------------------------------------------ */

static void facts_find(uint64_t magic, uint64_t information)
{
    const uint32_t *head = boot_physical(information, 8);

    const char *why = "BOOT-2: not started by a multiboot2 loader; boot the image with GRUB 2 (multiboot2, module2)";

    if ((uint32_t)magic == MULTIBOOT2_MAGIC && head != 0 && head[0] <= INFO_MAX)
        why = bootinfo_parse(head, head[0], &info);
    if (why == 0)
        screen_init(&info);
    launch_banner();
    refuse_if(why);
    refuse_if(acpi_parse(info.rsdp, info.rsdp_size, &acpi));
    if (facts_zone_usable(&info))
        modules_gather(&info, plan.zone.v, plan.zone_size);
    if (facts_compare(&info, &acpi) != 0)
        refuse("CFG-900: this machine is not the board of this image; the lines above say where it differs");
}

/* A free page below 1 MiB for the other processors' first instructions. */
static uint32_t low_page_find(void)
{
    for (unsigned i = 0; i < info.range_count; i++) {
        const struct boot_range *range = &info.ranges[i];
        uint64_t page = (range->base + range->size - PAGE_SIZE) & ~(uint64_t)PAGE_MASK;

        if (range->type == 1 && range->size >= 2 * PAGE_SIZE && range->base + range->size <= 0xa0000 && page >= PAGE_SIZE)
            return (uint32_t)page;
    }
    refuse("BOOT-3: no usable memory below 640 KiB to start the other processors from");
}

/* --- 2. partitions ------------------------------------------------------------------------------------------------------------------ */

#define REGIONS_MAX (17 + BH_ABI_PAGES + BH_MAX_CHANNELS + PRODUCT_MAX_DEVICES * PCI_RANGES)

/* The BARs of its functions, but what is answered and not mapped. Returns the new count. */
static unsigned bars_add(const struct plan_partition *partition, struct nested_region *regions, unsigned count)
{
    struct pci_range ranges[PCI_RANGES];

    for (unsigned i = partition->first_function; i < partition->first_function + partition->function_count; i++)
        for (unsigned n = pci_bar_ranges(&plan.functions[i], ranges, PCI_RANGES); n > 0; n--)
            regions[count++] = (struct nested_region){GPA(ranges[n - 1].base.v), ranges[n - 1].base, ranges[n - 1].size,
                                                      NESTED_WRITE | NESTED_DEVICE};
    return count;
}

/* Its channels: the writer's to write, nobody's to execute. Returns the new count. */
static unsigned channels_add(const struct partition *partition, struct nested_region *regions, unsigned count)
{
    for (unsigned i = 0; i < plan.channel_count; i++) {
        const struct plan_channel *c = &plan.channels[i];

        if (c->mapped >> partition->index & 1)
            regions[count++] = (struct nested_region){c->gpa, arch_hpa(channel_memory(i)), PAGE_SIZE + c->size,
                                                      c->writer == partition->index ? NESTED_WRITE : 0};
    }
    return count;
}

/* RAM, ABI pages, channels, its devices' memory and the TPM's first page (SEP-1). */
static void nested_make(struct partition *partition)
{
    struct nested_region regions[REGIONS_MAX];
    unsigned count = 0;

    INVARIANT(partition->plan->ram_count <= 16, "a partition has at most 16 RAM ranges");
    for (uint32_t i = 0; i < partition->plan->ram_count; i++)
        regions[count++] = (struct nested_region){partition->plan->ram[i].gpa, partition->plan->ram[i].hpa,
                                                  partition->plan->ram[i].size, NESTED_WRITE | NESTED_EXECUTE};
    for (unsigned page = 0; partition->abi && page < BH_ABI_PAGES; page++) {
        bool read_only = page == 0 || page >= (BH_IN_RING_GPA - BH_ABI_GPA) / PAGE_SIZE;

        regions[count++] =
            (struct nested_region){GPA(BH_ABI_GPA + (uint64_t)page * PAGE_SIZE),
                                   arch_hpa(partition->abi + (size_t)page * PAGE_SIZE), PAGE_SIZE, read_only ? 0 : NESTED_WRITE};
    }
    count = channels_add(partition, regions, count);
    count = bars_add(partition->plan, regions, count);
    if (partition->plan->tpm.v != 0)
        regions[count++] =
            (struct nested_region){GPA(partition->plan->tpm.v), partition->plan->tpm, PAGE_SIZE, NESTED_WRITE | NESTED_DEVICE};
    partition->nested_root = nested_build(regions, count).v;
}

static void payload_find(struct partition *partition)
{
    for (unsigned i = 0; i < info.module_count; i++)
        if (strcmp(info.modules[i].name, partition->plan->payload.module) == 0)
            partition->payload = HPA(info.modules[i].base); /* facts_compare has seen that it is there and in the zone */
}

static void partitions_build(void)
{
    partitions_create();
    channels_create();
    ports_create();
    for (unsigned i = 0; i < plan.partition_count; i++) {
        payload_find(&partitions[i]);
        nested_make(&partitions[i]);
        if (partitions[i].plan->function_count != 0)
            iommu_domain(i);
    }
    pci_create();
    for (unsigned i = 0; i < plan.function_count; i++) /* as the audit wants to see it; it masters nothing before its owner asks */
        if (!iommu_attach(&plan.functions[i]))
            refuse("IOMMU-1: an IOMMU does not confirm its commands");
    for (unsigned core = 0; core < plan.core_count; core++) {
        virt_vcpu_init(&vcpus[core]);
        if (vcpus[core].partition)
            cpuid_policy_init(&vcpus[core]);
    }
}

/* --- devices: denied first, then given (SEP-6, AC-28). Their bus mastering has been off since boot_main() ----------------------------- */

static void devices_make(void)
{
    pci_init();
    pci_quiet(); /* once more: the ports do not reach VFs of whoever was here before */
    if (pci_compare() != 0)
        refuse("CFG-900: this machine is not the board of this image; the lines above say where it differs");
    refuse_if(iommu_check(acpi.iommu_size ? acpi.iommu : 0, acpi.iommu_size));
    refuse_if(iommu_on());
    refuse_if(pci_program());
}

/* --- 3. cores --------------------------------------------------------------------------------------------------------------------------- */

static void core_prepare(unsigned core)
{
    cpu_init();
    machine_check_init();
    lapic_init();
    atomic_store(&core_refusals[core], virt_check());
    if (atomic_load(&core_refusals[core]) == 0)
        virt_cpu_on();
    if (!arch_apic_reset())
        atomic_store(&core_refusals[core], "CPU-1: the local APIC would not empty");
    atomic_store(&vcpus[core].alive, arch_ticks());
    atomic_fetch_add(&cores_ready, 1);
}

_Noreturn void core_main(unsigned core)
{
    core_prepare(core);
    while (!atomic_load_explicit(&go, memory_order_acquire))
        arch_pause();
    vcpu_loop();
}

static void cores_start(void)
{
    uint64_t end = arch_ticks() + 2000 * arch_tsc_khz();
    unsigned missing = smp_start(low_page_find());

    if (missing) {
        log_line("core %u (APIC id %u) does not start", missing, plan.cores[missing].apic_id);
        refuse("CPU-2: a core of the board did not come up; compare board.c with the machine and its firmware's settings");
    }
    while (atomic_load(&cores_ready) < plan.core_count && arch_ticks() < end)
        arch_pause();
    for (unsigned core = 0; core < plan.core_count; core++)
        refuse_if(atomic_load(&core_refusals[core]));
    if (atomic_load(&cores_ready) < plan.core_count)
        refuse("CPU-3: a core came up but did not get ready within 2 s");
}

/* --- 4. the end of the launch --------------------------------------------------------------------------------------------------------------- */

void console_audit(void)
{
    struct audit_result result;

    audit_run(&result);
    log_line("audit: %u partitions, %u cores, %lu leaves, %lu pages, %lu ports, %lu MSRs compared with the plan: %u findings",
             result.partitions, result.cores, result.leaves, result.pages, result.ports, result.msrs, result.findings);
    if (result.requesters != 0)
        log_line("audit: %lu PCI requesters, %lu leaves of DMA, %lu interrupts compared with the plan", result.requesters,
                 result.io_leaves, result.interrupts);
    if (result.findings > 0)
        console_flush(); /* what was found is said before the record says only that something was */
    INVARIANT(result.findings == 0, "isolation audit");
}

/* The slow tick and the UART come to the housekeeping core as NMI: named exceptions to SEP-3, and the only ones. The audit sees them. */
static void pins_route(void)
{
    uint32_t apic_id = plan.cores[plan.housekeeping].apic_id;

    ioapic_route_nmi(0, plan.board->pit.gsi, apic_id);
    if (plan.board->uart.port)
        ioapic_route_nmi(1, plan.board->uart.gsi, apic_id);
}

static void tick_start(void)
{
    arch_tick_start();
    if (plan.board->uart.port)
        uart_interrupts_on();
}

/* On the boot processor's own tables and stack. */
static void launch(void)
{
    screen_mapped();
    desc_load();
    cpu_init();
    refuse_if(ioapic_init());
    lapic_init();
    launch_phase("tables");
    refuse_if(clock_calibrate(boot_tsc));
    launch_phase("clocks");
    crash_report();
    record_begin();
    refuse_if(virt_check());
    devices_make();
    launch_phase("devices");
    partitions_build();
    core_prepare(0);
    launch_phase("partitions");
    if (!launch_verify_payloads())
        halt();
    launch_phase("hash"); /* before the other cores come and wait: an emulator pays for each that waits */
    cores_start();
    launch_phase("cores");
    refuse_if(watchdog_probe());
    pool_seal();
    log_line("memory: %u of %u pool pages used, sealed", pool_used(), plan.pool_pages);
    pins_route();
    console_audit();
    launch_phase("audit");
    launch_phases();
    console_live();
    arch_watchdog_start();
    launch_start_partitions();
    tick_start(); /* before the housekeeping core may want it, too */
    atomic_store_explicit(&go, true, memory_order_release);
    vcpu_loop();
}

_Noreturn void boot_main(uint64_t magic, uint64_t information);
_Noreturn void boot_main(uint64_t magic, uint64_t information)
{
    trap_init();
    uart_init();
    console_init();
    launch_begin();
    pci_quiet();
    facts_find(magic, information);
    launch_phase("facts");
    hostmap_build();
    write_cr3(hostmap_root(0));
    stack_switch(STACK_TOP(MAIN_STACK), launch);
}
