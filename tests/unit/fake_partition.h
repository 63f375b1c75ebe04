/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions without a life cycle, for tests of what lies beside it: the objects of fake_plan, and what was asked of them. */
#ifndef BULKHEAD_FAKE_PARTITION_H
#define BULKHEAD_FAKE_PARTITION_H

#include "partition.h"

struct fake_order {
    unsigned partition;
    enum cause cause;
    enum action action;
};

struct fake_partition {
    struct fake_order orders[64]; /* partition_order() */
    unsigned order_count;
    unsigned starts[MAX_PARTITIONS]; /* partition_start() */
    enum cause stops[64];            /* partition_stop() */
    unsigned stop_count;
    unsigned interrupts[MAX_PARTITIONS]; /* partition_interrupt() and _locked() */
    uint8_t vector;                      /* of the last */
    unsigned vcpu;
    bool gate_was_held;     /* at the last _locked() */
    unsigned denied, wakes; /* partition_denied(), vcpu_housekeeping_wake() */
};
extern struct fake_partition fake_partition;

/* Call after fake_plan_reset(): all partitions of the plan running, rings empty, ABI pages zero. */
void fake_partitions_reset(void);
struct bh_shared *fake_shared(unsigned partition);
bool fake_gate_held(const struct partition *partition);

#endif
