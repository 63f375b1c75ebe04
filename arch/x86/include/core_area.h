/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual address space of a core, and the block that is its own.
 *
 *   0x200000..            the hypervisor, one to one, the same on all cores (text RX, rodata R, the rest RW)
 *   DIRECT_BASE + hpa     RAM of this core's own partition; the crash area; the image zone while it is open
 *   CORE_BASE             this core's block: struct core, then its stacks, each below a page that is not mapped
 *   MMIO_BASE             local APIC, IO-APIC, watchdog, devices' registers, by pages: the same on all cores
 *   ECAM_BASE             PCI configuration space, by 2 MiB pages: the same on all cores
 *   SCREEN_BASE           the framebuffer, if it is written to, the same way
 */
#ifndef BULKHEAD_CORE_AREA_H
#define BULKHEAD_CORE_AREA_H

#include "types.h"

#define DIRECT_BASE 0xffff800000000000ull
#define CORE_BASE 0xffffff8000000000ull
#define MMIO_BASE 0xffffff8000200000ull
#define MMIO_SLOTS 512u /* what one page table has */
#define ECAM_BASE (MMIO_BASE + LARGE_SIZE)
#define SCREEN_BASE (CORE_BASE + MIB(512)) /* behind the largest ECAM, below the same table of large pages */

/* Behind each stack, in pages from CORE_BASE; the page below each is a guard. The main stack has four, the others one. */
enum { MAIN_STACK_END = 7, NMI_STACK_END = 10, DF_STACK_END = 13, MC_STACK_END = 16 };
#define MAIN_STACK_PAGES 4u
#define STACK_TOP(name) (CORE_BASE + (uint64_t)name##_END * PAGE_SIZE)

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "TSS, SDM3 8.7");

struct core {
    uint32_t index;
    uint32_t apic_id;
    uint64_t gdt[6]; /* null, code, data, (unused), TSS low, high */
    struct tss tss;
    uint64_t stray_vectors; /* interrupts drained by arch_apic_reset */
};

#define THIS_CORE ((struct core *)CORE_BASE)

/* hostmap.c. Build the tables of all cores from the plan: before the seal, on the boot processor, with the boot tables on. */
void hostmap_build(void);
/* The top table of a core, for CR3. */
uint64_t hostmap_root(unsigned core);
/* desc.c. Load this core's GDT, IDT, TSS. */
void desc_load(void);

/* smp.c. Start every other core of the plan, one at a time; each runs core_main(). Returns 0 or the index of the core that did
 * not come. low_page: a free page below 1 MiB. */
unsigned smp_start(uint32_t low_page);
_Noreturn void core_main(unsigned core); /* boot.c: on its own tables and stack */
_Noreturn void stack_switch(uint64_t stack_top, void (*function)(void));

#endif
