/* SPDX-License-Identifier: Apache-2.0 */
/* What a cable and a slice carry for their instructions. Both ends poll. */
#ifndef BENCH_CARRY_H
#define BENCH_CARRY_H

#include "ring.h"

enum task { TASK_NONE, TASK_CABLE, TASK_SLICE };

/* The caller's: a line of JSON for each figure. `ask` tells the answerer of a task, `answered` waits for the answer to that. */
struct carry_peer {
    void (*ask)(enum task task);
    void (*answered)(void);
};
void carry_cable(const struct carry_peer *peer);
void carry_slice(const struct carry_peer *peer);

/* The answerer's part of them; returns when what the task carries has come, and of slices when `ring` has something. */
void carry_answer(enum task task, struct ring *ring);

/* At the other end of the cable "lan" from a Linux, which is the one that this partition observes: what the hypervisor does on its core for its
 * port, while nothing comes, while it is rung as often as the table allows, and while frames come. */
void carry_port(void);
/* The measure of all: as many bytes with memcpy, on this core. */
void carry_memcpy(uint8_t *to, const uint8_t *from, uint32_t block);

#endif
