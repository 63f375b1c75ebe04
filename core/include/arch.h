/* SPDX-License-Identifier: Apache-2.0 */
/* All that core asks of the machine besides guest execution (virt.h). Plain prototypes, resolved at link time; the unit
 * tests link a fake (tests/unit/fake_arch.c). Unless said otherwise a function may be called on any core at any time
 * outside the NMI handler, and returns within a few microseconds. */
#ifndef BULKHEAD_ARCH_H
#define BULKHEAD_ARCH_H

#include "plan.h"
#include "types.h"

struct vcpu;
struct partition;

/* --- time: the TSC, the same on all cores ------------------------------------------------------------------------- */
uint64_t arch_ticks(void);
uint64_t arch_tsc_khz(void);        /* measured once at boot */
uint64_t arch_apic_timer_khz(void); /* local APIC timer input clock, measured once at boot */
uint64_t arch_boot_ticks(void);     /* arch_ticks() at the hypervisor's entry */
uint64_t arch_wall_base(void);      /* seconds since 1970 UTC at arch_boot_ticks(), read from the RTC once */

/* --- this core ------------------------------------------------------------------------------------------------------ */
unsigned arch_core(void); /* index into plan.cores */
void arch_pause(void);

/* --- other cores ---------------------------------------------------------------------------------------------------- */
/* Make `core` leave its guest soon and look at its requests: an NMI. Costs the sender one or two APIC writes. */
void arch_kick(unsigned core);
/* Raise `vector` (16..255) on `core`, which must belong to the partition on whose behalf this is done and whose gate lock
 * the caller holds (partition_interrupt does). */
void arch_ipi(unsigned core, uint8_t vector);

/* The PIT's next tick on the housekeeping core is a period away; where the table has the tick off it is a single one. Once at boot,
 * then on that core alone. */
void arch_tick_start(void);

/* --- memory --------------------------------------------------------------------------------------------------------- */
/* Where this core can touch host-physical memory: hypervisor memory on every core; a partition's RAM only on its own
 * cores; the image zone only between arch_zone_open() and arch_zone_close(). */
void *arch_ptr(hpa_t hpa);
hpa_t arch_hpa(const void *hypervisor_memory);
/* Map the image zone read-only on this core, and unmap it again. */
void arch_zone_open(void);
void arch_zone_close(void);

/* --- the board's UART, housekeeping core only once partitions run, but for a crash --------------------------------------- */
enum uart_writer { UART_LOG = 1, UART_SCREEN, UART_CRASH };
bool arch_uart_ready(void); /* can take 16 bytes now */
/* Send of `size` bytes what it takes now, at most 16; returns how many. 0: not ready, or another writer is at it, or there has been
 * UART_CRASH, after which nobody else sends: a crash line comes out whole. It waits some milliseconds for the writer before it, no more. */
size_t arch_uart_write(enum uart_writer writer, const char *bytes, size_t size);
int arch_uart_receive(void); /* a byte, or -1: none */

/* --- the board ------------------------------------------------------------------------------------------------------ */
_Noreturn void arch_reset(void);
_Noreturn void arch_poweroff(void);
/* Hardware watchdog: both do nothing on a board without one. Fed only by the housekeeping core. */
void arch_watchdog_start(void);
void arch_watchdog_feed(void);

/* --- PCI ------------------------------------------------------------------------------------------------------------ */
/* Configuration space of the machine. size 1, 2 or 4, offset a multiple of it, below 4096 (256 on a board without ECAM, beyond which a read
 * gives ones and a write is dropped). One register at a time on all cores. */
uint32_t arch_pci_read(uint16_t requester, unsigned offset, unsigned size);
void arch_pci_write(uint16_t requester, unsigned offset, unsigned size, uint32_t value);
/* A register of a device, in a page that arch_device_map() mapped before the seal: MSI-X tables and what shares their pages, registers that
 * reset a function. size 1, 2, 4 or 8, address a multiple of it. */
void arch_device_map(hpa_t page);
uint64_t arch_device_read(hpa_t address, unsigned size);
void arch_device_write(hpa_t address, unsigned size, uint64_t value);
/* A port of a device: size 1, 2 or 4. */
uint32_t arch_port_read(uint16_t port, unsigned size);
void arch_port_write(uint16_t port, unsigned size, uint32_t value);
/* Bring a function to its state at power on by the way its board names, and its BARs, bus mastering off, decoding on, back to the plan; of a PF
 * the VFs too, and with a bus reset all that is behind that bridge. Waits 100 ms as a rule and three seconds at most, breathing
 * (vcpu_breathe) meanwhile: on a core of its owner, parked. 0, or what did not happen in time. */
const char *arch_pci_reset(const struct plan_function *function);

/* --- policy that speaks x86, answered in arch/x86/virt and arch/x86/irq ----------------------------------------------- */
/* What this vcpu's CPUID says: EAX, EBX, ECX, EDX. The first answers from a table, in one look-up, or 0 where the answer depends on
 * what the guest has switched on; the second always. */
const uint32_t *guest_cpuid_constant(const struct vcpu *vcpu, uint32_t u_leaf, uint32_t u_subleaf);
void guest_cpuid(const struct vcpu *vcpu, uint32_t u_leaf, uint32_t u_subleaf, uint32_t out[4]);
/* RDMSR and WRMSR that exited. False: not in the allow-list or a value that the architecture refuses; #GP is due. */
bool guest_msr_read(struct vcpu *vcpu, uint32_t u_msr, uint64_t *value);
bool guest_msr_write(struct vcpu *vcpu, uint32_t u_msr, uint64_t u_value);
/* Is there a page that answers for this address: local APIC, IO-APIC? */
bool guest_mmio_present(const struct vcpu *vcpu, gpa_t u_gpa);
/* MMIO of the local APIC page and of the emulated IO-APIC page. False: nothing is there. size 1, 2, 4 or 8. */
bool guest_mmio_read(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t *value);
bool guest_mmio_write(struct vcpu *vcpu, gpa_t u_gpa, unsigned size, uint64_t u_value);
/* Edge on pin `pin` of the partition's emulated IO-APIC: sends the IPI that its entry names, if it is unmasked. Gate held. */
void guest_pin_pulse(struct partition *partition, unsigned pin);
/* XSETBV: false if #GP is due; else it has been done. */
bool guest_xsetbv(struct vcpu *vcpu, uint32_t u_index, uint64_t u_value);
/* MOV to CR0/CR4, LMSW, CLTS that exited: decode, check, act. False: #GP is due. *length: of the instruction. */
bool guest_cr_write(struct vcpu *vcpu, unsigned cr, unsigned *length);

/* The MOV instruction that exited with a nested fault. */
struct mmio_insn {
    uint8_t length;
    uint8_t size; /* of the memory operand: 1, 2, 4, 8 */
    bool write;
    bool immediate;   /* write: value below instead of a register */
    uint8_t reg;      /* 0..15 in encoding order; see high_byte */
    uint8_t reg_size; /* read: width of the destination register, >= size */
    bool high_byte;   /* AH, CH, DH, BH: bits 15..8 of reg, which is then 0..3 */
    bool sign_extend; /* read: MOVSX */
    uint64_t value;   /* immediate */
};
/* Fetch the code bytes once and decode them. False: not a MOV we accept, or its bytes cannot be read. */
bool guest_mmio_decode(struct vcpu *vcpu, struct mmio_insn *insn);

/* Local APIC of this core back to its state after reset: LVTs masked, timer stopped, IRR and ISR empty, TPR 0, enabled.
 * Own core only, interrupts off. False: it could not be emptied. Bounded by 256 rounds. */
bool arch_apic_reset(void);
/* The vcpu's local APIC shadow to its state at power on, in the mode its table names. Own core, or parked. */
void guest_apic_reset(struct vcpu *vcpu);
/* The partition's emulated IO-APIC: all pins masked. Gate held. */
void guest_ioapic_reset(struct partition *partition);
/* A machine check was taken here: this core's banks say that the hypervisor may go on. `guest`: it hit a guest, which is lost anyway, so
 * that only a corrupt processor context counts. Clears the banks. Callable from the #MC handler. */
bool arch_machine_check(bool guest);
/* MSRs that the partition has to itself without exits, back to reset values (SEP-9). Own core. */
void msr_policy_reset(struct vcpu *vcpu);
/* FPU, vector and debug registers and XCR0 of this core to their architectural reset state. */
void arch_fpu_reset(void);

#endif
