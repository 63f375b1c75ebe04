/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor tables of a core: flat code and data, one TSS with separate stacks for NMI, #DF and #MC, so that none of them
 * runs on a stack whose state is unknown. SDM3 3.4, 6.14.5, 8.7. */
#include "core_area.h"
#include "memory.h"
#include "trap.h"

static void tss_fill(struct core *core)
{
    uint64_t base = CORE_BASE + offsetof(struct core, tss);

    memset(&core->tss, 0, sizeof(core->tss));
    core->tss.ist[IST_NMI - 1] = STACK_TOP(NMI_STACK);
    core->tss.ist[IST_DF - 1] = STACK_TOP(DF_STACK);
    core->tss.ist[IST_MC - 1] = STACK_TOP(MC_STACK);
    core->tss.io_map = sizeof(core->tss);
    core->gdt[0] = 0;
    core->gdt[1] = 0x00af9b000000ffffull; /* 64-bit code, level 0 */
    core->gdt[2] = 0x00cf93000000ffffull; /* data */
    core->gdt[3] = 0;
    core->gdt[4] = (sizeof(core->tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    core->gdt[5] = base >> 32;
}

void desc_load(void)
{
    struct descriptor_pointer gdt = {sizeof(THIS_CORE->gdt) - 1, (uintptr_t)THIS_CORE->gdt};

    tss_fill(THIS_CORE);
    __asm__ volatile("lgdt %0\n\t"
                     "pushq $8\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl $16, %%eax\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es\n\t"
                     "movl %%eax, %%ss\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "movl %%eax, %%fs\n\t"
                     "movl %%eax, %%gs\n\t"
                     "lldt %%ax\n\t"
                     "movl $32, %%eax\n\t"
                     "ltr %%ax"
                     :
                     : "m"(gdt)
                     : "rax", "memory");
    trap_load();
}
