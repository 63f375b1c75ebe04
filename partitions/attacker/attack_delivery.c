/* SPDX-License-Identifier: Apache-2.0 */
/* AC-14, AC-50: an event whose delivery faults in the nested tables, because IDT, stack or GDT lie outside RAM. It cannot be
 * delivered and cannot be repaired. Expected: this partition stops at once with its cause; no loop, no fault of the hypervisor. */
#include "attack.h"
#include "lib.h"

struct __attribute__((packed)) pointer {
    uint16_t limit;
    uint64_t base;
};

/* A page that is mapped by our tables and by nobody else's. */
static uint64_t outside(void)
{
    return (uintptr_t)bh_window(16, bh_start_info()->ram_size + 0x10000, BH_WRITE);
}

void attack_delivery_idt(void)
{
    struct pointer idt = {4095, outside()};

    __asm__ volatile("cli\n\tlidt %0\n\tint $0x40" ::"m"(idt));
}

/* A fault that pushes its frame where there is no memory. */
void attack_delivery_stack(void)
{
    __asm__ volatile("cli\n\tmov %0, %%rsp\n\tud2" ::"r"(outside() + 0x800));
}

/* The handler's code segment cannot be read. */
void attack_delivery_gdt(void)
{
    struct pointer gdt = {4095, outside()};

    __asm__ volatile("cli\n\tlgdt %0\n\tint $0x40" ::"m"(gdt));
}

/* An interrupt of our own timer finds the stack gone. */
void attack_delivery_irq(void)
{
    apic_timer(1000000, BH_VECTOR_TIMER, false);
    __asm__ volatile("mov %0, %%rsp\n\tsti\n1:\tpause\n\tjmp 1b" ::"r"(outside() + 0x800));
}
