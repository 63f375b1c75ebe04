/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), of which every error of up to five bits in 5,243 bits is seen: the polynomial of iSCSI and SCTP. */
#ifndef CRC32C_H
#define CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Look whether the processor has an instruction for it. CPUID costs an exit: once, before the first crc32c(). */
void crc32c_init(void);
/* Goes on from an earlier result, or from 0. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);
/* The same without the instruction. */
uint32_t crc32c_table(uint32_t crc, const void *bytes, size_t size);

#endif
