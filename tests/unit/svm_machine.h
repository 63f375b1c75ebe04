/* SPDX-License-Identifier: Apache-2.0 */
/* The machine of audit_machine.h as svm.c would make it: control blocks, permission maps. */
#ifndef BULKHEAD_SVM_MACHINE_H
#define BULKHEAD_SVM_MACHINE_H

#include "audit_machine.h"

#include "../../arch/x86/virt/vmcb.h"

static struct vmcb guest[4], idle[4];
static uint8_t *io_map, *msr_map;

const struct vmcb *svm_guest_block(unsigned core)
{
    return core == 3 ? NULL : &guest[core];
}

const struct vmcb *svm_idle_block(unsigned core)
{
    return &idle[core];
}

static void block_make(struct vmcb *v, uint64_t table, uint32_t asid)
{
    memset(v, 0, sizeof(*v));
    v->intercepts[3] = v->intercepts[4] = v->intercepts[5] = ~0u;
    v->intercepts[0] = 1u << (16 + 4); /* write of CR4 */
    v->intercepts[2] = 1u << VECTOR_DB | 1u << VECTOR_AC | 1u << VECTOR_MC;
    v->nested_control = VMCB_NESTED_ENABLE;
    v->nested_root = table;
    v->io_map = arch_hpa(io_map).v;
    v->msr_map = arch_hpa(msr_map).v;
    v->asid = asid;
    v->cr4 = 1u << 6; /* MCE */
}

static void msr_open(uint32_t bit)
{
    msr_map[bit / 8] = (uint8_t)(msr_map[bit / 8] & ~(1u << bit % 8));
}

static void maps_make(void)
{
    io_map = pool_take(3);
    memset(io_map, 0xff, 3 * PAGE_SIZE);
    msr_map = pool_take(2);
    memset(msr_map, 0xff, 2 * PAGE_SIZE);
    msr_open(2 * 0x10);
    for (uint32_t msr = 0x174; msr <= 0x176; msr++) {
        msr_open(2 * msr);
        msr_open(2 * msr + 1);
    }
    for (uint32_t msr = 0x81; msr <= 0x84; msr++) {
        msr_open(2048 * 8 + 2 * msr);
        msr_open(2048 * 8 + 2 * msr + 1);
    }
}

static int machine_make(void **state)
{
    (void)state;
    pool_next = 0;
    memset(plan_pool, 0, sizeof(plan_pool));
    memset(partitions, 0, sizeof(partitions[0]) * 2);
    maps_make();
    tables_make();
    for (unsigned p = 0; p < 2; p++)
        partitions[p].nested_root = arch_hpa(root[p]).v;
    for (unsigned core = 0; core < 4; core++) {
        unsigned owner = cores[core].partition;

        vcpus[core].partition = owner < 2 ? &partitions[owner] : NULL;
        block_make(&guest[core], owner < 2 ? partitions[owner].nested_root : 0, 2 + owner);
        block_make(&idle[core], arch_hpa(idle_root).v, 1);
    }
    return 0;
}

#endif
