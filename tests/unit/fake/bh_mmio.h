/* SPDX-License-Identifier: Apache-2.0 */
/* In place of partitions/lib/bh_mmio.h: every register and port of a driver under test leads to the model in its test. */
#ifndef BH_MMIO_H
#define BH_MMIO_H

#include <stdint.h>

uint8_t bh_mmio_read8(const volatile void *address);
void bh_mmio_write8(volatile void *address, uint8_t value);
uint32_t bh_mmio_read32(const volatile void *address);
void bh_mmio_write32(volatile void *address, uint32_t value);
uint64_t bh_mmio_read64(const volatile void *address);
void bh_mmio_write64(volatile void *address, uint64_t value);
uint32_t bh_port_in(uint16_t port, unsigned size);
void bh_port_out(uint16_t port, unsigned size, uint32_t value);

static inline void bh_dma_release(void)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void bh_dma_acquire(void)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

#endif
