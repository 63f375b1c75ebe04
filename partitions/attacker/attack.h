/* SPDX-License-Identifier: Apache-2.0 */
/* What the attacks share. Each attack is a function that prints one verdict, or ends this life when that is what is expected:
 * then it says so before, and the hypervisor's stop record has the verdict. */
#ifndef ATTACK_H
#define ATTACK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bh.h"
#include "bh_pci.h"
#include "cpu.h"

#define VECTOR_UD 6u
#define VECTOR_BP 3u
#define VECTOR_GP 13u
#define VECTOR_PF 14u

struct attack {
    const char *name;
    void (*run)(void);
    bool ends; /* expected to end this life: not part of `all` */
    const char *expected;
};
extern const struct attack *attack_now; /* the one that runs */
extern bool attack_full;                /* the word `full` was given: no strides */
/* Given as words `at=HEX`: physical addresses of what the attacker cannot know by itself. */
#define ATTACK_PLACES 16u
extern uint64_t attack_places[ATTACK_PLACES];
extern unsigned attack_place_count;

/* Print `attack NAME: expected X got ...: PASS`. */
void verdict(bool pass, const char *got_format, ...) __attribute__((format(printf, 2, 3)));
/* Print a detail of a failure: at most a few per attack. */
void detail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Guest-physical memory through the window. False: it faulted, see attack_fault. */
extern struct bh_fault attack_fault;
bool try_read(uint64_t gpa, unsigned bytes, uint64_t *value);
bool try_write(uint64_t gpa, unsigned bytes, uint64_t value);
bool try_rdmsr(uint32_t msr, uint64_t *value);
bool try_wrmsr(uint32_t msr, uint64_t value);
/* Run code bytes at privilege level 0 or 3. True: they came to their end. RAX has `rax` before. */
bool try_code(const uint8_t *code, unsigned length, uint64_t rax, bool user);

bool is_own_memory(uint64_t gpa); /* RAM, ABI area, emulated IO-APIC page, local APIC page in xAPIC mode */
bool apic_is_x2(void);
uint64_t random64(void); /* repeatable */
/* Bits of a guest-physical address that the processor accepts in a page table. */
unsigned address_bits(void);

void attack_rights(void);
void attack_rights_flood(void);
void attack_npt(void);
void attack_npt_unpaged(void);
void attack_pages(void);
void attack_paged_32(void);
void attack_paged_pae(void);
void attack_walk_32(void);
void attack_walk_pae(void);
void attack_decode_32(void);
void attack_decode_pae(void);
void attack_fetch(void);
void attack_walk(void);
void attack_ports(void);
void attack_msrs(void);
void attack_icr(void);
void attack_init_loop(void);
void attack_kick(void);
void attack_triple_long(void);
void attack_triple_protected(void);
void attack_triple_real(void);
void attack_cr(void);
void attack_cr3(void);
void attack_xcr(void);
void attack_svm(void);
void attack_shadow(void);
void attack_shadow_kept(void);
void attack_stale(void);
void attack_residue_fill(void);
void attack_residue_look(void); /* first thing in main() */
void attack_flood(void);
void attack_ring(void);
void attack_calls(void);
void attack_end_garbage(void);
void attack_apic(void);
void attack_lvt(void);
void attack_delivery_idt(void);
void attack_delivery_stack(void);
void attack_delivery_gdt(void);
void attack_delivery_irq(void);
void attack_watchdog_pets(void);
void attack_halt(void);
void attack_spin(void);
void attack_nmi_stay(void);
void attack_pci_scan(void);
void attack_pci_foreign(void);
void attack_pci_lanes(void);
void attack_pci_race(void);
void attack_pci_own(void);
void attack_pci_bars(void);
void attack_pci_command(void);
void attack_msi(void);
void attack_msix(void);
void attack_msi_forge(void);
void attack_msi_handles(void);
void attack_irq_storm(void);
void attack_dma(void);
void attack_dma_loop(void);
void attack_ring_scribble(void);
void attack_ring_lies(void);
void attack_doorbells(void);
void attack_hear(void);
void attack_echo(void);
void attack_disk_admin(void);
void attack_disk_steal(void);
void attack_disk_dma(void);
void attack_disk_flood(void);
void attack_disk_storm(void);
void attack_disk_reboot(void);

/* attack_pci.c: what is at guest-physical `gpa`, which the hypervisor answers, by one plain MOV of 1, 2, 4 or 8 bytes. */
uint64_t page_read(uint64_t gpa, unsigned bytes);
void page_write(uint64_t gpa, unsigned bytes, uint64_t value);
bool function_own(struct bh_pci *pci); /* the first one. False, and a verdict: there is none */

/* attack_sweep.S: read, or write, one word at each of count addresses. Interrupts must be off. */
struct sweep_job {
    uint64_t address, stride, count, write;
    uint64_t reached; /* accesses that did not fault */
    uint64_t first;   /* address of the first of them */
};
void sweep_touch(struct sweep_job *job);

/* attack_unpaged.S: in 32-bit protected mode with paging off, read and write back one word at each of count addresses from
 * `from`, `stride` apart. Interrupts must be off. */
struct unpaged_job {
    uint32_t from, stride, count;
    uint32_t reached; /* accesses that did not fault */
    uint32_t first;   /* address of the first of them */
};
void unpaged_touch(struct unpaged_job *job);
/* The same way down, then a fault with an empty IDT. */
void unpaged_triple_fault(void);

/* attack_paged_run.S: on page tables of the attack's own, in 32-bit paged or PAE mode, call selector:offset with these
 * registers; EBP is the job. It ends with a far return, or with a fault. Interrupts must be off. */
struct paged_job {
    uint32_t cr3, cr4;         /* PAE, PSE; the other bits are left as they are */
    uint32_t offset, selector; /* selector: one of PAGED_* */
    uint32_t eax, ecx, edx, ebx, esi, edi;
    uint32_t vector, error, eip, cr2; /* of the fault that ended it; vector 0: none, then EAX is what it returned */
    uint32_t cr0_after, cr4_after;    /* before the way back */
    uint32_t gp, pf, other;           /* paged_touch: faults; gp: with error code 0 */
    uint32_t cr3_back;                /* tables to leave the mode on */
};
#define PAGED_FLAT 0x18u
#define PAGED_BASED 0x20u /* 32-bit code with a base */
#define PAGED_BASE 0x3f123000u
#define PAGED_16 0x28u /* 16-bit code with a base */
#define PAGED_BASE_16 0x40240000u
void paged_run(struct paged_job *job);
/* To be called by it, flat: read one word and write PAGED_WORD at each of ECX linear addresses at ESI. EDX: accesses that did not
 * fault; EBX: address of the last of them. */
#define PAGED_WORD 0xa77ac4edu
void paged_touch(void);

#endif
