/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of PCI share: pci.c (who asked for what), pci_config.c (configuration space), pci_msi.c (messages), pci_bars.c (what is
 * mapped), pci_life.c (start, stop, faults). For nobody else. */
#ifndef BULKHEAD_PCI_FUNCTION_H
#define BULKHEAD_PCI_FUNCTION_H

#include "pci.h"

#define CONFIG_SIZE 256u /* beyond it a function of a partition reads 0 */
#define CONFIG_WORDS (CONFIG_SIZE / 4)

/* Configuration space: PCI 3.0 6.1, 6.7, 6.8; PCIe 7.5 */
#define CONFIG_COMMAND 0x04u
#define CONFIG_STATUS 0x06u
#define CONFIG_REVISION 0x08u
#define CONFIG_BARS 0x10u
#define CONFIG_ROM 0x30u
#define CONFIG_CAPABILITIES 0x34u
#define COMMAND_PORTS 0x0001u
#define COMMAND_MEMORY 0x0002u
#define COMMAND_MASTER 0x0004u
#define COMMAND_INTX_OFF 0x0400u
#define STATUS_CAPABILITIES 0x0010u
#define CAP_PM 0x01u
#define CAP_MSI 0x05u
#define CAP_VENDOR 0x09u
#define CAP_PCIE 0x10u
#define CAP_MSIX 0x11u
#define MSI_CONTROL 2u /* offsets inside the capability */
#define MSI_ENABLE 0x0001u
#define MSI_64BIT 0x0080u
#define MSIX_ENABLE 0x8000u
#define MSIX_MASK_ALL 0x4000u
#define PCIE_DEVICE_STATUS 10u
#define PCIE_PENDING 0x0020u

/* One vector: the four words of an MSI-X entry as the owner wrote them. MSI uses the first three of entry 0. */
enum { ENTRY_ADDRESS, ENTRY_UPPER, ENTRY_DATA, ENTRY_CONTROL };
#define ENTRY_SIZE 16u
#define ENTRY_MASKED 1u
struct pci_entry {
    uint32_t word[4];
    bool set; /* the hardware has the message that belongs to them */
};

/* Field legend as in partition.h; (g): the owner's gate. */
struct pci_function {
    const struct plan_function *plan;           /* (i) 0: the host bridge */
    uint32_t initial[CONFIG_WORDS];             /* (i) image at the start of each life */
    uint32_t soft[CONFIG_WORDS];                /* (i) bits that a write changes in the image */
    uint32_t hard[CONFIG_WORDS];                /* (i) those of them that it changes in the hardware too */
    uint8_t pm, msi, pcie, msix;                /* (i) offsets of capabilities shown, and of PCIe; 0: none */
    uint32_t image[CONFIG_WORDS];               /* (g) what the owner reads */
    struct pci_entry entries[PLAN_MAX_VECTORS]; /* (g) */
    bool live;                                  /* (g) the owner's writes reach the hardware */
    bool lost;                                  /* (g) its last life left it in a state that no further one can start from */
    bool reset_due;                             /* its last life's reset failed; of its owner's first core */
    uint32_t faults;                            /* (g) in the present second and life */
};

extern struct pci_function *pci_functions[PLAN_MAX_FUNCTIONS]; /* by index in plan.functions */

#define FUNCTION_NAME "%s (%02x:%02x.%u)" /* takes FUNCTION_ARGS */
#define FUNCTION_ARGS(plan) (plan)->role, (plan)->requester >> 8, (plan)->requester >> 3 & 31u, (plan)->requester & 7u

static inline unsigned partition_function_first(const struct partition *partition)
{
    return partition->plan->first_function;
}

static inline unsigned partition_function_end(const struct partition *partition)
{
    return partition->plan->first_function + partition->plan->function_count;
}

/* --- pci_config.c: offset below CONFIG_SIZE, the access inside a doubleword. Gate held. --- */
void config_create(struct pci_function *function);
uint32_t config_read(const struct pci_function *function, unsigned offset, unsigned size);
/* False: some of it was dropped. */
bool config_write(struct partition *partition, struct pci_function *function, unsigned offset, unsigned size, uint32_t u_value);
/* The command register without bus mastering. */
uint32_t config_command(const struct pci_function *function);

/* --- pci_msi.c. Gate held, but for accesses to pages. --- */
/* What a message of the partition's says, the words of an entry. False: it is none that it may have. */
bool msi_target(const struct partition *partition, const uint32_t u_word[4], unsigned *vcpu, uint8_t *vector);
/* After a write to the MSI capability. False: what it asks for is nothing that its owner may have. */
bool msi_changed(struct partition *partition, struct pci_function *function);
/* An access to a page that pci_held() names. Takes the gate. False: denied. */
bool msix_page_read(struct partition *partition, const struct pci_function *function, gpa_t u_gpa, unsigned size, uint64_t *value);
bool msix_page_write(struct partition *partition, struct pci_function *function, gpa_t u_gpa, unsigned size, uint64_t u_value);
/* Entries and image as at power on; all vectors of the hardware masked. */
void msi_reset(struct pci_function *function);
/* MSI and MSI-X of the hardware off. */
void msi_off(const struct pci_function *function);

/* --- pci_bars.c --- */
/* What the hardware has, whatever the owner may use of it. */
const struct board_msix *pci_msix(const struct plan_function *function);
hpa_t pci_msix_table(const struct plan_function *function);
hpa_t pci_msix_pba(const struct plan_function *function);
/* Whole pages of MSI-X table (0) and pending bits (1); size 0: none. They may overlap. */
struct pci_range pci_held_range(const struct plan_function *function, unsigned which);
bool pci_held(const struct plan_function *function, uint64_t address);
/* [address, address + size) lies inside one of its BARs for memory. */
bool pci_bar_inside(const struct plan_function *function, uint64_t address, uint64_t size);

#endif
