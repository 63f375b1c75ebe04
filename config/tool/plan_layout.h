/* SPDX-License-Identifier: Apache-2.0 */
/* Where everything goes: cores and memory of each partition, and the hypervisor's own ranges. Pure functions of the tables;
 * the same tables always give the same layout. */
#ifndef BULKHEAD_PLAN_LAYOUT_H
#define BULKHEAD_PLAN_LAYOUT_H

#include "board.h"
#include "plan.h"
#include "plan_channels.h"
#include "plan_devices.h"
#include "plan_ports.h"
#include "product.h"
#include "recorder_area.h"

#define HYPERVISOR_BASE MIB(1)    /* load address of bulkhead.elf */
#define HYPERVISOR_IMAGE KIB(512) /* text, data and bss of bulkhead.elf without plan_pool; the linker checks it */
#define ZONE_SLACK MIB(32)        /* the boot loader puts modules where it likes: room beyond twice their size */
#define CRASH_SIZE RECORD_AREA_SIZE
/* One host range more for each board range it spans, and one more where guest-physical space jumps over the PCI hole. */
#define LAYOUT_MAX_RAM (BOARD_MAX_RAM + 2u)

struct layout_partition {
    uint8_t cores[MAX_CORES];
    uint32_t core_count;
    struct plan_ram ram[LAYOUT_MAX_RAM];
    uint32_t ram_count;
};

struct layout {
    uint64_t hypervisor, room, zone, zone_size, crash, free; /* free: partitions start here */
    uint32_t pool_pages;
    struct plan_core cores[BOARD_MAX_CORES];
    uint32_t housekeeping;
    struct layout_partition partitions[PRODUCT_MAX_PARTITIONS];
    uint32_t partition_count;
    struct device_plan devices;
    struct channel_plan channels;
    struct ports_plan ports;
    bool unsafe_dma; /* of the board */
};

/* Give each partition its cores, in table order. A physical core's SMT siblings go to the partition that has the first of
 * them, or stay unused. False: the board has too few. */
bool layout_cores(const struct product *product, const struct board *board, struct layout *layout);

/* The devices, and the hypervisor's own ranges at HYPERVISOR_BASE for payloads of this size. False: the board has no RAM for them there. */
bool layout_hypervisor(const struct product *product, const struct board *board, uint64_t payload_bytes, struct layout *layout);

/* Give each partition its memory, in table order, from layout->free on. Returns the bytes that found no room. */
uint64_t layout_memory(const struct product *product, const struct board *board, struct layout *layout);

/* What is added to an address in this partition's RAM where its devices see the machine's own addresses: nothing with an IOMMU or without devices.
 * layout_dma_plain(): its RAM is in one piece, so that this holds for all of it. */
uint64_t layout_dma_offset(const struct layout *layout, unsigned partition);
bool layout_dma_plain(const struct layout *layout, unsigned partition);

/* Bytes of board RAM from `from` on that can be given in pieces of 2 MiB. */
uint64_t layout_available(const struct board *board, uint64_t from);

#endif
