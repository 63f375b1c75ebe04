/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks for what: the two ways to configuration space and the pages that are answered, each access brought to one function of the
 * partition, or to none (AC-32, AC-37). */
#include "arch.h"
#include "memory.h"
#include "pci_function.h"
#include "port.h"

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

/* Has it a bus at all? */
static bool has_bus(const struct partition *partition)
{
    return partition->plan->function_count != 0 || ports_any(partition);
}

static struct pci_function *function_at(const struct partition *partition, uint32_t u_address)
{
    uint32_t u_slot = u_address >> 15;

    if (!has_bus(partition) || (u_address & 0x7000) != 0)
        return 0;
    if (u_slot == 0)
        return &host_bridge;
    for (unsigned i = partition_function_first(partition); i < partition_function_end(partition); i++)
        if (plan.functions[i].slot == u_slot)
            return pci_functions[i];
    return port_function(partition, u_slot);
}

static bool is_register(uint32_t u_address, unsigned size)
{
    return (size == 1 || size == 2 || size == 4) && (u_address & 3) + size <= 4;
}

/* Nobody there: ones, as a scan of the bus expects. What a write does not change is counted, and not fatal. */
static void address_access(struct vcpu *vcpu, uint32_t u_address, unsigned size, uint32_t *value, bool write)
{
    struct pci_function *function = function_at(vcpu->partition, u_address);
    unsigned offset = ECAM_OFFSET(u_address);
    bool known = function != 0 && offset < CONFIG_SIZE, done = true;

    lock_take(&vcpu->partition->gate);
    if (write) {
        done = known && config_write(vcpu->partition, function, offset, size, *value);
        port_changed(vcpu->partition, function);
    } else {
        *value = known ? config_read(function, offset, size) : function != 0 ? 0 : 0xffffffff >> (32 - 8 * size);
    }
    lock_drop(&vcpu->partition->gate);
    if (!done)
        partition_denied(vcpu, DENIED_PCI, u_address);
}

/* --- ports -------------------------------------------------------------------------------------------------------------------------- */

/* Only who has a function can set the latch, without which the data port leads nowhere. Narrower accesses are none to it: PCI 3.0 3.2.2.3.2. */
static bool is_address_port(const struct partition *partition, uint16_t u_port, unsigned size)
{
    return u_port == PORT_PCI_ADDRESS && size == 4 && has_bus(partition);
}

static bool port_access(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t *value, bool write)
{
    struct partition *partition = vcpu->partition;
    bool to_latch = is_address_port(partition, u_port, size);
    uint32_t latch;

    if (port_register(vcpu, u_port, size, value, write))
        return true;
    if (pci_port_owned(partition->plan, u_port, size)) {
        if (write)
            arch_port_write(u_port, size, *value);
        else
            *value = arch_port_read(u_port, size);
        return true;
    }

    lock_take(&partition->gate);
    if (to_latch && write)
        partition->pci_latch = *value & ADDRESS_KEPT;
    latch = partition->pci_latch;
    lock_drop(&partition->gate);
    if (to_latch) {
        *value = latch;
        return true;
    }
    if ((u_port & ~3u) != PORT_PCI_DATA || !is_register(u_port, size) || !(latch & ADDRESS_ENABLE))
        return false;
    address_access(vcpu, (latch & 0x00ffff00) << 4 | (latch & 0xfc) | (u_port & 3u), size, value, write);
    return true;
}

bool pci_port_read(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t *value)
{
    return port_access(vcpu, u_port, size, value, false);
}

bool pci_port_write(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t u_value)
{
    return port_access(vcpu, u_port, size, &u_value, true);
}

/* --- pages -------------------------------------------------------------------------------------------------------------------------- */

static bool is_ecam(const struct partition *partition, gpa_t u_gpa)
{
    return range_inside(u_gpa.v, 1, plan.ecam.v, PLAN_ECAM_SIZE) && has_bus(partition);
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
    return is_ecam(vcpu->partition, u_gpa) || function_holding(vcpu->partition, u_gpa) != 0 || port_page(vcpu->partition, u_gpa);
}

/* False only where there is no page: what one does not have reads ones and is counted. */
static bool page_access(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t *value, bool write)
{
    bool ecam = is_ecam(vcpu->partition, u_gpa);
    struct pci_function *function = ecam ? 0 : function_holding(vcpu->partition, u_gpa);
    uint32_t u_address = (uint32_t)(u_gpa.v - plan.ecam.v), word = (uint32_t)*value;
    bool done = false;

    if (!ecam && function == 0 && !port_page(vcpu->partition, u_gpa))
        return false;
    if (ecam && is_register(u_address, size)) {
        address_access(vcpu, u_address, size, &word, write);
        *value = word;
        return true;
    }
    if (function != 0)
        done = write ? msix_page_write(vcpu->partition, function, u_gpa, size, *value)
                     : msix_page_read(vcpu->partition, function, u_gpa, size, value);
    else if (!ecam)
        done = port_page_access(vcpu->partition, u_gpa, size, value, write);
    if (!done)
        partition_denied(vcpu, DENIED_PCI, u_gpa.v);
    return true;
}

bool pci_mmio_read(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t *value)
{
    *value = ~0ull;
    return page_access(vcpu, u_gpa, size, value, false);
}

bool pci_mmio_write(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t u_value)
{
    return page_access(vcpu, u_gpa, size, &u_value, true);
}
