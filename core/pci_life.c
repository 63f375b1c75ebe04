/* SPDX-License-Identifier: Apache-2.0 */
/* A function's lives: quiet, drained, cut off and reset when its owner stops, attached again when it starts (AC-28, AC-33, AC-49); and what
 * is done about its faults (AC-31). */
#include "arch.h"
#include "console.h"
#include "iommu.h"
#include "pci_function.h"
#include "vcpu.h"

#define DRAIN_MS 100u
#define FAULTS_PER_SECOND 10u /* no driver makes one: these are a mistake's, more are an attack or a broken device */

static void master_off(const struct pci_function *function)
{
    arch_pci_write(function->plan->requester, CONFIG_COMMAND, 2, config_command(function));
}

void pci_functions_quiet(struct partition *partition)
{
    for (unsigned i = partition_function_first(partition); i < partition_function_end(partition); i++) {
        pci_functions[i]->live = false;
        master_off(pci_functions[i]);
    }
}

/* --- stop --------------------------------------------------------------------------------------------------------------------------- */

/* Until what it has asked for has come back (PCIe 7.5.3.5); an older device does not say. */
static bool drain(const struct pci_function *function)
{
    uint64_t start = arch_ticks();

    while (function->pcie != 0 &&
           (arch_pci_read(function->plan->requester, function->pcie + PCIE_DEVICE_STATUS, 2) & PCIE_PENDING)) {
        if (arch_ticks() - start > DRAIN_MS * arch_tsc_khz())
            return false;
        vcpu_breathe();
    }
    return true;
}

static bool cut_off(struct partition *partition, struct pci_function *function)
{
    bool done;

    lock_take(&partition->gate); /* against pci_faults() */
    msi_off(function);
    done = iommu_detach(function->plan);
    lock_drop(&partition->gate);
    return done;
}

static void function_lost(const struct partition *partition, struct pci_function *function, const char *why)
{
    function->lost = true;
    log_line("partition %s: function " FUNCTION_NAME ": %s; the partition cannot start again", partition->plan->name,
             FUNCTION_ARGS(function->plan), why);
}

static bool is_vf(const struct plan_function *function)
{
    return function->physical != PLAN_NO_FUNCTION;
}

static bool function_has_reset(const struct plan_function *function)
{
    return (is_vf(function) ? function->board->vf.reset : function->board->reset.kind) != RESET_NONE;
}

/* A virtual one cannot answer while its physical one is broken: what fails now is tried again at the next start. */
static void function_reset(const struct partition *partition, struct pci_function *function)
{
    const char *why = arch_pci_reset(function->plan);

    function->reset_due = why != 0;
    if (why)
        log_line("partition %s: function " FUNCTION_NAME ": %s; the partition starts again once it can be reset",
                 partition->plan->name, FUNCTION_ARGS(function->plan), why);
}

static void function_stop(struct partition *partition, struct pci_function *function)
{
    if (!drain(function))
        log_line("partition %s: function " FUNCTION_NAME ": requests still pending after %u ms", partition->plan->name,
                 FUNCTION_ARGS(function->plan), DRAIN_MS);
    if (!cut_off(partition, function))
        function_lost(partition, function, "the IOMMU did not confirm that it is cut off");
    if (function_has_reset(function->plan))
        function_reset(partition, function);
    else
        function_lost(partition, function, "it has no reset");
}

/* A PF before VFs of its own: they go with it. */
bool pci_functions_stop(struct partition *partition)
{
    unsigned first = partition_function_first(partition), end = partition_function_end(partition);
    bool good = true;

    lock_take(&partition->gate);
    pci_functions_quiet(partition);
    lock_drop(&partition->gate);
    for (unsigned vfs = 0; vfs < 2; vfs++)
        for (unsigned i = first; i < end; i++)
            if (is_vf(pci_functions[i]->plan) == vfs)
                function_stop(partition, pci_functions[i]);
    for (unsigned i = first; i < end; i++)
        good = good && !pci_functions[i]->lost && !pci_functions[i]->reset_due;
    return good;
}

/* --- start -------------------------------------------------------------------------------------------------------------------------- */

/* Gate held. */
static bool function_start(struct pci_function *function)
{
    if (function->lost || function->reset_due)
        return false;
    for (unsigned i = 0; i < CONFIG_WORDS; i++)
        function->image[i] = function->initial[i];
    msi_off(function);
    master_off(function);
    msi_reset(function);
    function->faults = 0; /* those of the life before */
    function->live = iommu_attach(function->plan);
    return function->live;
}

bool pci_functions_start(struct partition *partition)
{
    unsigned first = partition_function_first(partition), end = partition_function_end(partition), i;

    for (unsigned vfs = 0; vfs < 2; vfs++)
        for (i = first; i < end; i++)
            if (pci_functions[i]->reset_due && is_vf(pci_functions[i]->plan) == vfs)
                function_reset(partition, pci_functions[i]);
    lock_take(&partition->gate);
    partition->pci_latch = 0;
    for (i = first; i < end && function_start(pci_functions[i]); i++)
        ;
    if (i < end)
        pci_functions_quiet(partition);
    lock_drop(&partition->gate);
    if (i == end)
        return true;
    log_line("partition %s: not started: its function " FUNCTION_NAME " %s", partition->plan->name,
             FUNCTION_ARGS(pci_functions[i]->plan),
             pci_functions[i]->lost || pci_functions[i]->reset_due ? "could not be brought back from the life before"
                                                                   : "could not be attached to its memory");
    for (i = first; i < end; i++)
        (void)cut_off(partition, pci_functions[i]);
    return false;
}

/* --- faults ------------------------------------------------------------------------------------------------------------------------- */

static struct {
    uint64_t second; /* when the present one began */
    uint32_t strays; /* of functions that nobody has */
    bool lost;       /* the units had more than they could record */
} faults;

static unsigned index_of(uint16_t requester)
{
    unsigned i = 0;

    while (i < plan.function_count && plan.functions[i].requester != requester)
        i++;
    return i;
}

static const char *fault_kind(const struct iommu_fault *fault)
{
    return fault->interrupt ? "an interrupt" : fault->write ? "a write" : "a read";
}

/* It has had its share: nothing of it gets through any more. Gate held, so that it is this life of it. */
static bool function_cut(struct pci_function *function)
{
    function->live = false;
    master_off(function);
    msi_off(function);
    return iommu_detach(function->plan);
}

/* Its owner's table decides what becomes of that one. */
static void cut_report(struct partition *partition, const struct pci_function *function, bool done)
{
    log_line("partition %s: function " FUNCTION_NAME " is cut off: more than %u IOMMU faults in a second%s", partition->plan->name,
             FUNCTION_ARGS(function->plan), FAULTS_PER_SECOND, done ? "" : "; the IOMMU did not confirm");
    partition_order(partition, CAUSE_DMA, ACTION_DEFAULT);
}

static void fault_count(const struct iommu_fault *fault)
{
    unsigned index = index_of(fault->requester);
    struct pci_function *function;
    struct partition *partition;
    bool first, over, done;

    if (index == plan.function_count) {
        if (faults.strays++ == 0)
            log_line("IOMMU: %s of %02x:%02x.%u, which nobody has, refused: address 0x%lx, reason %u", fault_kind(fault),
                     fault->requester >> 8, fault->requester >> 3 & 31u, fault->requester & 7u, fault->address, fault->reason);
        return;
    }
    function = pci_functions[index];
    partition = &partitions[function->plan->partition];
    lock_take(&partition->gate);
    first = function->faults++ == 0;
    over = function->live && function->faults > FAULTS_PER_SECOND; /* not live: left over, and its core may be resetting it */
    done = over && function_cut(function);
    lock_drop(&partition->gate);
    if (first)
        log_line("partition %s: function " FUNCTION_NAME ": %s refused: address 0x%lx, reason %u", partition->plan->name,
                 FUNCTION_ARGS(function->plan), fault_kind(fault), fault->address, fault->reason);
    if (over)
        cut_report(partition, function, done);
}

static void second_end(uint64_t now)
{
    faults.second = now;
    for (unsigned i = 0; i < plan.function_count; i++) {
        struct lock *gate = &partitions[plan.functions[i].partition].gate;
        uint32_t count;

        lock_take(gate);
        count = pci_functions[i]->faults;
        pci_functions[i]->faults = 0;
        lock_drop(gate);
        if (count > 1)
            log_line("function " FUNCTION_NAME ": %u IOMMU faults in the last second", FUNCTION_ARGS(&plan.functions[i]), count);
    }
    if (faults.strays > 1)
        log_line("IOMMU: %u faults of functions that nobody has in the last second", faults.strays);
    if (faults.lost)
        log_line("IOMMU: there were more faults than its units can record");
    faults.strays = 0;
    faults.lost = false;
}

/* At each tick: IOMMU_FAULTS of them at most, and a few lines per second. Also where nobody has a function: others may misbehave. */
void pci_faults(uint64_t now)
{
    struct iommu_fault fault;

    if (now - faults.second >= 1000 * arch_tsc_khz())
        second_end(now);
    for (unsigned i = 0; i < IOMMU_FAULTS && iommu_fault_next(&fault); i++)
        fault_count(&fault);
    faults.lost = iommu_faults_lost() || faults.lost;
}
