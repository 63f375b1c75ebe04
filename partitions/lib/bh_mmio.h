/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of a passed device, one plain MOV each: where a page is answered by the hypervisor (MSI-X tables) that is what it decodes.
 * And the order between memory that a device reads or writes and its registers. Host tests have another file of this name. */
#ifndef BH_MMIO_H
#define BH_MMIO_H

#include <stdint.h>

static inline uint8_t bh_mmio_read8(const volatile void *address)
{
    uint8_t value;
    __asm__ volatile("movb %1, %0" : "=q"(value) : "m"(*(const volatile uint8_t *)address) : "memory");
    return value;
}

static inline void bh_mmio_write8(volatile void *address, uint8_t value)
{
    __asm__ volatile("movb %1, %0" : "=m"(*(volatile uint8_t *)address) : "q"(value) : "memory");
}

static inline uint32_t bh_mmio_read32(const volatile void *address)
{
    uint32_t value;
    __asm__ volatile("movl %1, %0" : "=r"(value) : "m"(*(const volatile uint32_t *)address) : "memory");
    return value;
}

static inline void bh_mmio_write32(volatile void *address, uint32_t value)
{
    __asm__ volatile("movl %1, %0" : "=m"(*(volatile uint32_t *)address) : "r"(value) : "memory");
}

static inline uint64_t bh_mmio_read64(const volatile void *address)
{
    uint64_t value;
    __asm__ volatile("movq %1, %0" : "=r"(value) : "m"(*(const volatile uint64_t *)address) : "memory");
    return value;
}

static inline void bh_mmio_write64(volatile void *address, uint64_t value)
{
    __asm__ volatile("movq %1, %0" : "=m"(*(volatile uint64_t *)address) : "r"(value) : "memory");
}

/* size 1, 2 or 4. */
static inline uint32_t bh_port_in(uint16_t port, unsigned size)
{
    uint8_t byte;
    uint16_t word;
    uint32_t value;

    if (size == 1)
        __asm__ volatile("inb %1, %0" : "=a"(byte) : "Nd"(port));
    else if (size == 2)
        __asm__ volatile("inw %1, %0" : "=a"(word) : "Nd"(port));
    else
        __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return size == 1 ? byte : size == 2 ? word : value;
}

static inline void bh_port_out(uint16_t port, unsigned size, uint32_t value)
{
    if (size == 1)
        __asm__ volatile("outb %0, %1" ::"a"((uint8_t)value), "Nd"(port));
    else if (size == 2)
        __asm__ volatile("outw %0, %1" ::"a"((uint16_t)value), "Nd"(port));
    else
        __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}

/* What has been stored before is seen by a device that sees a store after it (a descriptor, then its doorbell). */
static inline void bh_dma_release(void)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

/* What is loaded after is not older than what was loaded before (a completion flag, then what it stands for). */
static inline void bh_dma_acquire(void)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

#endif
