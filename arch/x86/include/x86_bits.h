/* SPDX-License-Identifier: Apache-2.0 */
/* Architectural constants, no code. SDM3 2.5, 4; APM2 3. */
#ifndef BULKHEAD_X86_BITS_H
#define BULKHEAD_X86_BITS_H

#define CR0_PE (1ull << 0)
#define CR0_MP (1ull << 1)
#define CR0_EM (1ull << 2)
#define CR0_TS (1ull << 3)
#define CR0_ET (1ull << 4)
#define CR0_NE (1ull << 5)
#define CR0_WP (1ull << 16)
#define CR0_AM (1ull << 18)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)

#define CR4_VME (1ull << 0)
#define CR4_PVI (1ull << 1)
#define CR4_TSD (1ull << 2)
#define CR4_DE (1ull << 3)
#define CR4_PSE (1ull << 4)
#define CR4_PAE (1ull << 5)
#define CR4_MCE (1ull << 6)
#define CR4_PGE (1ull << 7)
#define CR4_OSFXSR (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP (1ull << 11)
#define CR4_FSGSBASE (1ull << 16)
#define CR4_PCIDE (1ull << 17)
#define CR4_OSXSAVE (1ull << 18)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)
#define CR4_PKE (1ull << 22)

#define EFER_SCE (1ull << 0)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)
#define EFER_SVME (1ull << 12)
#define EFER_FFXSR (1ull << 14)

#define RFLAGS_TF (1ull << 8)

#define MSR_TSC 0x10u
#define MSR_APIC_BASE 0x1bu
#define MSR_PAT 0x277u
#define MSR_X2APIC 0x800u
#define MSR_EFER 0xc0000080u
#define MSR_VM_CR 0xc0010114u
#define MSR_VM_HSAVE_PA 0xc0010117u
#define APIC_BASE_BSP (1ull << 8)
#define APIC_BASE_X2 (1ull << 10)
#define APIC_BASE_ENABLE (1ull << 11)
#define APIC_PAGE 0xfee00000ull
#define IOAPIC_PAGE 0xfec00000ull

#define PTE_P (1ull << 0)
#define PTE_W (1ull << 1)
#define PTE_U (1ull << 2)
#define PTE_PWT (1ull << 3)
#define PTE_PCD (1ull << 4)
#define PTE_A (1ull << 5)
#define PTE_D (1ull << 6)
#define PTE_PS (1ull << 7)
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

enum { VECTOR_DB = 1, VECTOR_NMI = 2, VECTOR_UD = 6, VECTOR_DF = 8, VECTOR_GP = 13, VECTOR_AC = 17, VECTOR_MC = 18 };

#endif
