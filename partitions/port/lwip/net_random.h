/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that a peer cannot guess: a keyed hash (SipHash-2-4) of a counter, or of a connection's ends. */
#ifndef BH_NET_RANDOM_H
#define BH_NET_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-2-4 of Aumasson and Bernstein. */
uint64_t net_hash(const uint64_t key[2], const void *bytes, size_t count);
void net_random_init(void);
uint32_t net_random(void);
/* Grows by one in each 4 microseconds, from a place of its own for each pair of ends. */
uint32_t net_random_sequence(const void *local, size_t local_size, uint16_t local_port, const void *remote, size_t remote_size,
                             uint16_t remote_port);

/* Two words from the processor's generator or, without one, from clocks. */
void net_entropy(uint64_t words[2]);

#endif
