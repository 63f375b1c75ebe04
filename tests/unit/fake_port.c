/* SPDX-License-Identifier: Apache-2.0 */
/* A machine without virtio ports, for tests of what else a partition has. */
#include "fake_port.h"
#include "pci_function.h"

struct fake_port fake_port;

void ports_create(void)
{
}

bool ports_any(const struct partition *partition)
{
    (void)partition;
    return false;
}

void ports_start(struct partition *partition)
{
    (void)partition;
    fake_port.starts++;
}

void ports_serve(struct vcpu *vcpu)
{
    (void)vcpu;
    fake_port.serves++;
}

void ports_tick(void)
{
    fake_port.ticks++;
}

void port_wake(unsigned channel, struct partition *partition)
{
    (void)channel, (void)partition;
    fake_port.wakes++;
}

struct pci_function *port_function(const struct partition *partition, uint32_t u_slot)
{
    (void)partition, (void)u_slot;
    return 0;
}

void port_changed(struct partition *partition, struct pci_function *function)
{
    (void)partition, (void)function;
}

bool port_register(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t *value, bool write)
{
    (void)vcpu, (void)u_port, (void)size, (void)value, (void)write;
    return false;
}

bool port_page(const struct partition *partition, gpa_t u_gpa)
{
    (void)partition, (void)u_gpa;
    return false;
}

bool port_page_access(struct partition *partition, gpa_t u_gpa, unsigned size, uint64_t *value, bool write)
{
    (void)partition, (void)u_gpa, (void)size, (void)value, (void)write;
    return false;
}
