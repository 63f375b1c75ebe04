/* SPDX-License-Identifier: Apache-2.0 */
/* Which PCI functions go to whom, and where their BARs, bridges' windows and interrupts are. Pure functions of the tables; the same tables
 * always give the same plan. Everything here also bears tables that no rule has accepted yet: what makes no sense is then left out. */
#ifndef BULKHEAD_PLAN_DEVICES_H
#define BULKHEAD_PLAN_DEVICES_H

#include "board.h"
#include "plan.h"
#include "product.h"
#include "roles.h"

#define DEVICE_VECTORS 32u       /* of a function whose product names no number; also PLAN_MAX_VECTORS */
#define WINDOW_STEP MIB(1)       /* of a bridge's memory window */
#define PORT_WINDOW_STEP 0x1000u /* of a bridge's port window */
#define PAGE_BAR_MIN PAGE_SIZE   /* memory BARs that are given away fill whole pages */
#define IOAPIC_ENTRIES 2u        /* of the remapping table, the last: tick and UART */
#define PRODUCT_DEVICES_MAX (PRODUCT_MAX_PARTITIONS * PRODUCT_MAX_DEVICES)

/* A function of the board that a partition asks for and gets. */
struct device {
    const struct device_spec *spec;
    const struct board_function *function; /* a VF: its PF */
    uint16_t vf;                           /* from 1; 0: the function itself */
    uint8_t partition, slot;
};
/* All of a product that the board has, partition by partition. A VF beyond the PF's total is not there. */
unsigned devices_given(const struct product *product, const struct board *board, struct device devices[PRODUCT_DEVICES_MAX]);

uint16_t function_requester(const struct board_function *function);
/* Of the function or its VF n. In 32 bits: a wild table's VF may lie beyond the last bus there can be. */
uint32_t device_requester(const struct board_function *function, unsigned vf);
/* The bridge that leads to this bus; 0: bus 0, or no bridge does. */
const struct board_function *bridge_to(const struct board *board, unsigned bus);
bool is_bridge(const struct board_function *function);
/* True if the function is somewhere behind the bridge. */
bool behind(const struct board_function *function, const struct board_function *bridge);
/* MSI-X or MSI vectors that the device gets. */
unsigned device_vectors(const struct device *device);

struct device_plan {
    struct plan_function functions[PLAN_MAX_FUNCTIONS];
    struct plan_bridge bridges[BOARD_MAX_FUNCTIONS];
    struct plan_sriov sriov[BOARD_MAX_FUNCTIONS];
    uint32_t function_count, bridge_count, sriov_count;
    uint16_t first[PRODUCT_MAX_PARTITIONS], count[PRODUCT_MAX_PARTITIONS], restart_group[PRODUCT_MAX_PARTITIONS];
    uint64_t ecam;                       /* guest-physical; 0: no partition has a function */
    uint32_t interrupts;                 /* entries of the remapping table, with the IO-APIC's two */
    uint64_t memory_needed, memory_room; /* bytes of board.pci.window; needed > room: they did not fit, and BARs have no address */
    uint64_t ports_needed, ports_room;   /* the same of board.pci.ports */
};

void devices_plan(const struct product *product, const struct board *board, struct device_plan *plan);

#endif
