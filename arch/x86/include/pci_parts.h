/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of arch/x86/pci/ share: registers by their offsets (PCI 3.0 chapter 6, PCI bridge 1.2 chapter 3, PCIe 5.0 chapters 7 and
 * 9) and small steps. A function is named by its requester id. */
#ifndef BULKHEAD_PCI_PARTS_H
#define BULKHEAD_PCI_PARTS_H

#include "plan.h"

#define PCI_ID 0x00u
#define PCI_COMMAND 0x04u
#define COMMAND_PORTS 0x1u
#define COMMAND_MEMORY 0x2u
#define COMMAND_DECODE 0x3u
#define COMMAND_MASTER 0x4u
#define COMMAND_NO_INTX 0x400u
#define PCI_STATUS 0x06u
#define STATUS_CAPABILITIES 0x10u
#define PCI_CLASS 0x08u /* 32 bits, the lowest 8 are the revision */
#define PCI_HEADER 0x0eu
#define HEADER_BRIDGE 1u
#define HEADER_MULTI 0x80u
#define PCI_BARS 0x10u
#define PCI_ROM 0x30u
#define PCI_CAPABILITIES 0x34u

#define BRIDGE_BARS 2u
#define BRIDGE_BUSES 0x18u
#define BRIDGE_PORTS 0x1cu
#define BRIDGE_MEMORY 0x20u
#define BRIDGE_PREFETCH 0x24u
#define BRIDGE_PREFETCH_BASE 0x28u
#define BRIDGE_PREFETCH_LIMIT 0x2cu
#define BRIDGE_PORTS_UPPER 0x30u
#define BRIDGE_ROM 0x38u
#define BRIDGE_CONTROL 0x3eu
#define BRIDGE_RESET 0x40u
#define BRIDGE_CONTROL_ALL 0x7fu

#define PCI_EXTENDED 0x10000u /* ids of another chain */
#define CAP_PM 0x01u
#define PM_SIZE 8u
#define PM_CONTROL 4u
#define PM_D3 3u
#define PM_NO_SOFT_RESET 8u
#define PM_EVENTS 0x100u
#define CAP_MSI 0x05u
#define MSI_SIZE 10u
#define CAP_MSIX 0x11u
#define MSIX_SIZE 12u
#define MSI_CONTROL 2u /* of MSI-X too */
#define MSI_ENABLE 1u
#define MSIX_ENABLE 0x8000u
#define MSIX_MASK_ALL 0x4000u

#define CAP_EXPRESS 0x10u
#define EXPRESS_SIZE 0x14u   /* version 1, what every function has of it */
#define EXPRESS_SIZE_2 0x3cu /* version 2 */
#define EXPRESS_FLAGS 0x02u
#define EXPRESS_ROOT_PORT 4u
#define DEVICE_CAPS 0x04u
#define DEVICE_CAPS_FLR (1u << 28)
#define DEVICE_CONTROL 0x08u
#define DEVICE_CONTROL_FLR 0x8000u
#define DEVICE_STATUS 0x0au
#define STATUS_PENDING 0x20u
#define ROOT_CONTROL 0x1cu
#define DEVICE_CAPS_2 0x24u
#define DEVICE_CONTROL_2 0x28u
#define ARI_FORWARDING 0x20u

#define EXT_ACS (PCI_EXTENDED | 0x0du)
#define ACS_CAPS 4u
#define ACS_CONTROL 6u
#define ACS_ON 0x1fu
#define ACS_ALL 0x7fu
#define ACS_NEEDED 0x1du /* source validation, redirection of requests and completions, upstream forwarding */
#define EXT_ARI (PCI_EXTENDED | 0x0eu)
#define EXT_ATS (PCI_EXTENDED | 0x0fu)
#define EXT_PRI (PCI_EXTENDED | 0x13u)
#define EXT_PASID (PCI_EXTENDED | 0x1bu)
#define EXT_SIZE 8u /* of each of these four */

#define EXT_SRIOV (PCI_EXTENDED | 0x10u)
#define SRIOV_SIZE 0x40u
#define SRIOV_CONTROL 0x08u
#define SRIOV_ENABLE 0x01u
#define SRIOV_MEMORY 0x08u
#define SRIOV_ARI 0x10u
#define SRIOV_TOTAL 0x0eu
#define SRIOV_COUNT 0x10u
#define SRIOV_PLACES 0x14u /* offset of the first VF, stride */
#define SRIOV_ID 0x1au
#define SRIOV_PAGE_SIZE 0x20u
#define SRIOV_BARS 0x24u

/* A function in a line of the log. */
#define PCI_NAME "%02x:%02x.%x"
#define PCI_NAMED(requester) (unsigned)(requester) >> 8, (unsigned)(requester) >> 3 & 31u, (unsigned)(requester)&7u

static inline uint16_t pci_requester(unsigned bus, unsigned device, unsigned function)
{
    return (uint16_t)(bus << 8 | device << 3 | function);
}

static inline uint16_t pci_requester_of(const struct board_function *function)
{
    return pci_requester(function->bus, function->device, function->function);
}

/* --- config.c ------------------------------------------------------------------------------------------------------------- */

/* Offset of the first capability `id` of which `size` bytes lie in the space that its chain is in: an extended one's in that beyond 256 bytes.
 * 0: there is none, or its chain is broken before it. At most 48 steps. */
unsigned pci_capability(uint16_t requester, unsigned id, unsigned size);
/* Both chains end within 48 steps and stay where they may be. */
bool pci_chains_sound(uint16_t requester);
/* Go on from *at to the first function that answers, to be used as `for (uint32_t at = 0; pci_next(&at); at++)`. VFs do not: their ids
 * read as ones (PCIe 9.3.4.1). */
bool pci_next(uint32_t *at);
/* Write and read back: the bits of `mask` must be as written. If not, says so. */
bool pci_set(uint16_t requester, unsigned offset, unsigned size, uint32_t value, uint32_t mask);
/* Let this time pass, breathing. */
void pci_wait(unsigned ms);

/* --- enumerate.c ---------------------------------------------------------------------------------------------------------- */

/* Bus mastering and INTx of one function off; with MSI and MSI-X. */
void pci_master_off(uint16_t requester);
void pci_function_quiet(uint16_t requester);
const struct board_function *pci_listed(uint16_t requester);
/* The bridge to the function's bus, of the board table; 0: it is on a root bus. */
const struct board_function *pci_bridge_above(uint16_t requester);
/* An IOMMU: nothing of it is changed here. */
bool pci_is_iommu(uint16_t requester);
/* Goes on decoding what the firmware gave it: chipset, board watchdog, IOMMU. */
bool pci_stays(uint16_t requester);
bool pci_is_bridge(uint16_t requester);
/* A line with what was expected and found if they differ; returns the number of differences. */
unsigned pci_value_compare(const char *id, uint16_t requester, const char *what, uint64_t expected, uint64_t found);
/* A VF that is switched on, against its PF's table. */
unsigned pci_vf_compare(uint16_t requester, const struct board_function *pf);

/* --- program.c ------------------------------------------------------------------------------------------------------------ */

/* All on which the place of VFs may depend, VFs being off. `at`: the capability. */
bool pci_sriov_prepare(uint16_t requester, unsigned at, uint16_t count);
/* Bring what the plan names of these functions to where the plan has it: bridges, BARs, VFs. Decoding on, bus mastering off. */
bool pci_place(uint16_t first, uint16_t last);
/* False: no answer within a second. */
bool pci_answers(uint16_t requester);

#endif
