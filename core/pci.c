/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks for what: the two ways to configuration space and the pages that are answered, each access brought to one function of the
 * partition, or to none (AC-32, AC-37). */
#include "arch.h"
#include "memory.h"
#include "pci_function.h"

#define ECAM_SIZE MIB(1)
#define ECAM_OFFSET(address) ((address)&0xfffu)
#define ADDRESS_ENABLE 0x80000000u
#define ADDRESS_KEPT 0x80fffffcu /* PCI 3.0 3.2.2.3.2: the others read 0 */

struct pci_function *pci_functions[PLAN_MAX_FUNCTIONS];

/* What Linux wants to find before it believes in port 0xcf8. The id is that of QEMU's generic bridge, which no driver asks for. Nothing of
 * it can be written, so that all partitions share it. */
static struct pci_function host_bridge = {.image = {[0] = 0x00081b36, [CONFIG_REVISION / 4] = 0x06000000}};

_Static_assert(sizeof(struct pci_function) <= PAGE_SIZE, "a page of the pool for each");

void pci_create(void)
{
    for (unsigned i = 0; i < plan.function_count; i++) {
        pci_functions[i] = pool_take(1);
        pci_functions[i]->plan = &plan.functions[i];
        config_create(pci_functions[i]);
        for (unsigned which = 0; which < 2; which++) {
            struct pci_range held = pci_held_range(&plan.functions[i], which);

            for (uint64_t at = 0; at < held.size; at += PAGE_SIZE)
                arch_device_map(HPA(held.base.v + at));
        }
    }
}

/* --- configuration space: addresses as in ECAM, bus << 20 | device << 15 | function << 12 | offset ------------------------------------ */

static struct pci_function *function_at(const struct partition *partition, uint32_t u_address)
{
    uint32_t u_slot = u_address >> 15;

    if (partition->plan->function_count == 0 || (u_address & 0x7000) != 0)
        return 0;
    if (u_slot == 0)
        return &host_bridge;
    for (unsigned i = partition_function_first(partition); i < partition_function_end(partition); i++)
        if (plan.functions[i].slot == u_slot)
            return pci_functions[i];
    return 0;
}

static bool is_register(uint32_t u_address, unsigned size)
{
    return (size == 1 || size == 2 || size == 4) && (u_address & 3) + size <= 4;
}

/* Gate held. Nobody there: ones, as a scan of the bus expects. */
static uint32_t address_read(const struct partition *partition, uint32_t u_address, unsigned size)
{
    const struct pci_function *function = function_at(partition, u_address);

    if (function == 0)
        return 0xffffffff >> (32 - 8 * size);
    return ECAM_OFFSET(u_address) < CONFIG_SIZE ? config_read(function, ECAM_OFFSET(u_address), size) : 0;
}

/* Takes the gate, and counts what was dropped: not fatal. */
static void address_write(struct vcpu *vcpu, uint32_t u_address, unsigned size, uint32_t u_value)
{
    struct pci_function *function = function_at(vcpu->partition, u_address);
    bool done = false;

    if (function != 0 && ECAM_OFFSET(u_address) < CONFIG_SIZE) {
        lock_take(&vcpu->partition->gate);
        done = config_write(vcpu->partition, function, ECAM_OFFSET(u_address), size, u_value);
        lock_drop(&vcpu->partition->gate);
    }
    if (!done)
        partition_denied(vcpu, DENIED_PCI, u_address);
}

/* --- ports -------------------------------------------------------------------------------------------------------------------------- */

/* What the latch makes of an access to the data port; false: nothing. */
static bool latch_address(struct partition *partition, uint16_t u_port, uint32_t *address)
{
    uint32_t latch;

    lock_take(&partition->gate);
    latch = partition->pci_latch;
    lock_drop(&partition->gate);
    *address = (latch & 0x00ffff00) << 4 | (latch & 0xfc) | (u_port & 3u);
    return (latch & ADDRESS_ENABLE) != 0;
}

/* Only who has a function can set the latch, without which the data port leads nowhere. Narrower accesses are none to it: PCI 3.0 3.2.2.3.2. */
static bool is_address_port(const struct partition *partition, uint16_t u_port, unsigned size)
{
    return partition->plan->function_count != 0 && u_port == PORT_PCI_ADDRESS && size == 4;
}

static bool is_data_port(uint16_t u_port, unsigned size)
{
    return (u_port & ~3u) == PORT_PCI_DATA && is_register(u_port, size);
}

bool pci_port_read(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t *value)
{
    struct partition *partition = vcpu->partition;
    uint32_t address;

    if (is_address_port(partition, u_port, size)) {
        lock_take(&partition->gate);
        *value = partition->pci_latch;
        lock_drop(&partition->gate);
        return true;
    }
    if (!is_data_port(u_port, size) || !latch_address(partition, u_port, &address))
        return false;
    lock_take(&partition->gate);
    *value = address_read(partition, address, size);
    lock_drop(&partition->gate);
    return true;
}

bool pci_port_write(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t u_value)
{
    struct partition *partition = vcpu->partition;
    uint32_t address;

    if (is_address_port(partition, u_port, size)) {
        lock_take(&partition->gate);
        partition->pci_latch = u_value & ADDRESS_KEPT;
        lock_drop(&partition->gate);
        return true;
    }
    if (!is_data_port(u_port, size) || !latch_address(partition, u_port, &address))
        return false;
    address_write(vcpu, address, size, u_value);
    return true;
}

/* --- pages -------------------------------------------------------------------------------------------------------------------------- */

static bool is_ecam(const struct partition *partition, gpa_t u_gpa)
{
    return partition->plan->function_count != 0 && range_inside(u_gpa.v, 1, plan.ecam.v, ECAM_SIZE);
}

/* Whose MSI-X table or pending bits are in this page? */
static struct pci_function *function_holding(const struct partition *partition, gpa_t u_gpa)
{
    for (unsigned i = partition_function_first(partition); i < partition_function_end(partition); i++)
        if (pci_held(&plan.functions[i], u_gpa.v))
            return pci_functions[i];
    return 0;
}

bool pci_mmio_present(const struct vcpu *vcpu, gpa_t u_gpa)
{
    return is_ecam(vcpu->partition, u_gpa) || function_holding(vcpu->partition, u_gpa) != 0;
}

/* False only where there is no page: what it does not have reads ones and is counted. */
bool pci_mmio_read(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t *value)
{
    struct partition *partition = vcpu->partition;
    bool ecam = is_ecam(partition, u_gpa), done = false;
    const struct pci_function *function = ecam ? 0 : function_holding(partition, u_gpa);

    if (!ecam && function == 0)
        return false;
    *value = ~0ull;
    lock_take(&partition->gate);
    if (function != 0) {
        done = msix_page_read(function, u_gpa, size, value);
    } else if (is_register((uint32_t)(u_gpa.v - plan.ecam.v), size)) {
        *value = address_read(partition, (uint32_t)(u_gpa.v - plan.ecam.v), size);
        done = true;
    }
    lock_drop(&partition->gate);
    if (!done)
        partition_denied(vcpu, DENIED_PCI, u_gpa.v);
    return true;
}

bool pci_mmio_write(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t u_value)
{
    struct partition *partition = vcpu->partition;
    struct pci_function *function = is_ecam(partition, u_gpa) ? 0 : function_holding(partition, u_gpa);
    bool done = false;

    if (function == 0 && !is_ecam(partition, u_gpa))
        return false;
    if (function == 0 && is_register((uint32_t)(u_gpa.v - plan.ecam.v), size)) {
        address_write(vcpu, (uint32_t)(u_gpa.v - plan.ecam.v), size, (uint32_t)u_value);
        return true;
    }
    if (function != 0) {
        lock_take(&partition->gate);
        done = msix_page_write(partition, function, u_gpa, size, u_value);
        lock_drop(&partition->gate);
    }
    if (!done)
        partition_denied(vcpu, DENIED_PCI, u_gpa.v);
    return true;
}
