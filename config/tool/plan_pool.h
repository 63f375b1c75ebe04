/* SPDX-License-Identifier: Apache-2.0 */
/* How many pages the hypervisor takes before the seal. The constants are those of the modules named beside them: whoever makes one take more
 * changes its constant; a launch that needs more than was counted is refused ("pool: the planner counted too few pages"). */
#ifndef BULKHEAD_PLAN_POOL_H
#define BULKHEAD_PLAN_POOL_H

#include "plan_channels.h"
#include "plan_devices.h"

/* arch/x86/mm/hostmap.c, arch/x86/virt, core/partition.c */
#define POOL_COMMON 20u      /* tables that map all that is common (7), maps (5), the parking guest (5) */
#define POOL_BOARD_CORE 20u  /* a core of the board: block, stacks (8), tables (6), control blocks (3), a larger image zone (3) */
#define POOL_CORE 4u         /* a core of a partition: control block, CPUID answers, tables above those of its GiBs (2) */
#define POOL_PARTITION 22u   /* ABI (9), ring (9), nested tables of the ABI (2) and where memory goes on behind the PCI hole (1) */
#define POOL_TRACE 4u        /* a core of a partition that is traced or observed: its ring */
#define POOL_DUMP 1u         /* a partition that another may dump: a page of it */
#define POOL_TPM 1u          /* a partition that has the TPM: the table of its page */
#define POOL_NESTED_UPPER 2u /* nested tables above those of a GiB */
#define POOL_MAPPED_BY 512u  /* one page more for so many, that maps them */

/* core/channel.c: its head beside its ring; and nested tables, one for each 2 MiB in which a partition has channels */
#define POOL_CHANNEL 1u

/* core/pci.c, core/msix.c */
#define POOL_FUNCTION 1u     /* each function of the plan: its configuration space as its owner sees it, masks, MSI-X */
#define POOL_NESTED_BARS 3u  /* a partition with functions: nested tables of the GiBs below 4 GiB that have BARs and no RAM */
#define POOL_NESTED_BAR 1u   /* a BAR up to 2 MiB: its table of small pages */
#define POOL_NESTED_LARGE 4u /* a larger one: tables around those pages of MSI-X table and PBA that are not mapped */

/* arch/x86/iommu/amdvi.c */
#define POOL_AMDVI_DEVICES 512u /* device table of all 65,536 requester ids */
#define POOL_AMDVI_UNIT 2u      /* command buffer, event log */
#define POOL_AMDVI_FUNCTION 2u  /* interrupt table of a function, and of all that are not in the plan */

/* core/port.c */
#define POOL_PORT 1u

/* arch/x86/iommu/vtd.c */
#define POOL_VTD_COMMON 1u    /* root table */
#define POOL_VTD_BUS 1u       /* context table of a bus that has a function of the plan */
#define POOL_VTD_UNIT 1u      /* queue */
#define POOL_VTD_ENTRY 16u    /* bytes of an interrupt entry */
#define POOL_VTD_ENTRIES 256u /* the smallest table */

/* arch/x86/iommu/io_table.c: of a partition with functions */
#define POOL_IO_UPPER 5u /* the top, one each side of the PCI hole, two that begin in the middle of a GiB; and one for each GiB */

uint32_t pool_pages(const struct product *product, const struct board *board, const struct device_plan *devices,
                    const struct channel_plan *channels);

#endif
