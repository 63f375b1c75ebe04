/* SPDX-License-Identifier: Apache-2.0 */
/* Two channels, there and back, in a test's memory, with a border behind each. */
#ifndef TWO_ENDS_H
#define TWO_ENDS_H

#include "record.h"

#define RING 4096u

static struct {
    struct bh_ring_head head;
    uint8_t rest[RECORD_RING_AT - sizeof(struct bh_ring_head)], ring[RING];
    uint8_t behind[64]; /* nobody's */
} memory[2];
static uint32_t epoch[2];

static struct record_side side(unsigned i)
{
    return (struct record_side){&memory[i].head, RING, &epoch[i]};
}

/* What the hypervisor does when a writer starts. */
static void wipe(unsigned i)
{
    memset(&memory[i], 0, RECORD_RING_AT + RING);
    epoch[i]++;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++)
        for (size_t k = 0; k < sizeof(memory[i].behind); k++)
            assert_int_equal(memory[i].behind[k], 0x5a);
    return 0;
}

#endif
