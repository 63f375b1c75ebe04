/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: everything the hypervisor acts on, resolved to addresses by the planner on the host, constant, readable.
 * build/<board>/<product>/plan.c defines `const struct plan plan` and `plan_pool`. */
#ifndef BULKHEAD_PLAN_H
#define BULKHEAD_PLAN_H

#include "board.h"
#include "bulkhead_abi.h"
#include "product.h"
#include "types.h"

#define PLAN_VERSION 1u

/* RAM of a partition: [gpa, gpa + size) is [hpa, hpa + size); all multiples of 2 MiB. */
struct plan_ram {
    hpa_t hpa;
    gpa_t gpa;
    uint64_t size;
};

/* Part of the payload: payload bytes [offset, offset + size) go to gpa. What no segment covers is zero. */
struct plan_segment {
    uint64_t offset;
    gpa_t gpa;
    uint64_t size;
};

/* State of the first core at entry: 32-bit protected mode, flat, paging off. */
struct plan_entry {
    uint32_t eip, eax, ebx, esi;
};

struct plan_payload {
    const char *module; /* the multiboot module's command line */
    uint64_t size;
    uint8_t sha256[32];
    const struct plan_segment *segments;
    uint32_t segment_count;
    struct plan_entry entry;
    gpa_t tsc_khz_text;     /* 0: none. Where to write the TSC's kHz as decimal text, left-aligned, */
    uint32_t tsc_khz_width; /* padded with spaces to this width */
    gpa_t files;            /* unikernel: where its archive of files is after loading; 0: none */
    uint64_t files_size;
};

/* Where a partition with functions sees configuration space, its bus 0, beside the ABI area: a rule keeps BARs away, RAM never comes here. */
#define PLAN_ECAM 0xf1000000u
#define PLAN_ECAM_SIZE MIB(1)
#define PLAN_NO_FUNCTION 0xffffu
#define PLAN_MAX_FUNCTIONS 64u /* given away, of all partitions */
#define PLAN_MAX_VECTORS 32u   /* of one function */

struct plan_bar {
    enum board_bar_kind kind;
    bool prefetchable;
    hpa_t base;    /* guest-physical = host-physical; of BAR_PORTS: the port */
    uint64_t size; /* 0: none */
};

/* A function that a partition owns. A VF is one like any other, but for `physical`. */
struct plan_function {
    const char *role;
    uint16_t requester; /* bus << 8 | device << 3 | function, as the hardware has it */
    uint8_t partition;  /* index of its owner */
    uint8_t slot;       /* the owner sees it as 00:<slot>.0 */
    uint16_t vendor, id;
    uint32_t class_code;
    struct plan_bar bars[BOARD_BARS];
    struct board_msix msix; /* vectors: what the owner may use, at most what there is */
    bool msi;               /* one vector, where msix.vectors is 0 */
    bool vendor_caps;
    uint16_t interrupt;                 /* first of its block of `vectors` entries in the interrupt remapping table */
    uint16_t vectors;                   /* entries of that block: msix.vectors, or 1 with msi, or 0 */
    uint16_t physical;                  /* VF: requester id of its PF; else PLAN_NO_FUNCTION */
    const struct board_function *board; /* the function itself; a VF: its PF */
};

/* A bridge on the way to a function that somebody owns, and what its windows let through. */
struct plan_bridge {
    uint16_t requester;
    hpa_t memory; /* multiples of 1 MiB; size 0: closed */
    uint64_t memory_size;
    uint16_t ports; /* multiples of 4 KiB; size 0: closed */
    uint16_t ports_size;
};

/* A PF whose VFs are switched on at boot, whether it is owned itself or not. */
struct plan_sriov {
    uint16_t requester;
    uint16_t count;                   /* NumVFs */
    struct plan_bar bars[BOARD_BARS]; /* of all VFs together: VF n has [base + n * size of one, ...) */
    const struct board_function *board;
};

/* Memory that one partition writes and others read: a page for its head, then its ring. They lie one behind the other from BH_CHANNELS_GPA on;
 * a rule keeps BARs away, RAM never comes here. */
#define PLAN_CHANNELS_SIZE MIB(64)
struct plan_channel {
    const char *name;
    enum bh_channel_kind kind;
    uint8_t writer;   /* index of a partition */
    uint16_t readers; /* bit per partition */
    uint16_t mapped;  /* bit per partition that has it in its memory: all but those that meet it through a port */
    uint8_t back;     /* index of the channel that leads back; BH_MAX_CHANNELS: none */
    gpa_t gpa;        /* of the head, in all partitions alike */
    uint32_t size;    /* of the ring, a power of 2 */
    uint32_t doorbells_per_second;
    uint64_t info[2][3]; /* struct bh_channel's, for the writer and for the readers */
};

/* A virtio function that is not there: queues that we copy to and from two channels. */
#define PLAN_PORT_CONFIG 60u
#define PLAN_PORT_REGISTERS 0x80u  /* its BAR of ports */
#define PLAN_PORT_MSIX 0xf1100000u /* guest-physical: their MSI-X tables, a page each */
struct plan_port {
    const char *name;
    uint8_t partition;                /* its owner */
    uint8_t slot;                     /* the owner sees it as 00:<slot>.0 */
    uint8_t out, in;                  /* channels: that its owner writes through it, and reads */
    enum bh_channel_kind kind;        /* BH_CHANNEL_CABLE or BH_CHANNEL_REQUEST */
    uint16_t ports;                   /* where its registers are: the base of its BAR 0 */
    gpa_t msix;                       /* where its MSI-X table is: its BAR 1 */
    uint64_t features;                /* offered beside those of the transport */
    uint8_t config[PLAN_PORT_CONFIG]; /* what its driver reads as the device's own configuration */
    uint32_t config_size;
};

/* Registers of a TPM: a page for each of its localities, of which one partition may have the first. Guest-physical = host-physical. */
#define PLAN_TPM 0xfed40000u
#define PLAN_TPM_LOCALITIES 5u

/* What can befall a partition. Each has an action in its table. */
enum health_event {
    EVENT_CRASH,
    EVENT_HANG,
    EVENT_WATCHDOG,
    EVENT_EXIT,
    EVENT_REBOOT,
    EVENT_POWEROFF,
    EVENT_DENIED,
    EVENT_IOMMU_FAULT,
    EVENT_MACHINE_CHECK,
    EVENT_EXIT_BUDGET,
    EVENT_PEER_LOST,
    EVENT_COUNT
};

struct plan_partition {
    const char *name;
    enum image_kind kind;
    const char *args;
    const uint8_t *cores; /* indices into plan.cores; the first is the one that loads and starts it */
    uint32_t core_count;
    const struct plan_ram *ram; /* ascending by gpa, the first at gpa 0 */
    uint32_t ram_count;
    uint64_t memory;     /* sum of ram sizes */
    uint64_t dma_offset; /* what its devices call guest-physical 0 */
    hpa_t tpm;           /* PLAN_TPM; 0: the TPM is not its own */
    struct plan_payload payload;
    enum apic_mode apic;
    struct watchdog_spec watchdog;
    struct restart_spec restart;
    struct denied_spec denied;
    struct console_spec console;
    uint16_t first_function, function_count; /* its functions in plan.functions, by slot */
    uint16_t observes;                       /* bit per partition whose state it may see */
    uint16_t controls, dumps;                /* bit per partition: a part of these */
    bool reads_log, audits, trace;
    uint16_t restart_group;           /* bit per partition that restarts when this one does: owners of VFs of its PFs; without
                                              * itself */
    uint16_t group;                   /* bit per partition that ACTION_RESTART_GROUP restarts along; without itself */
    enum action actions[EVENT_COUNT]; /* never ACTION_DEFAULT; those in the structures above are not looked at */
    uint32_t hang_ms;
    struct exits_spec exits;
    uint32_t exits_grace_ms; /* from its start, before exits are counted */
    bool stopped_at_boot;
};

struct plan_core {
    uint32_t apic_id;
    uint8_t partition; /* index, or 0xff: not used by the product */
    uint8_t vcpu;      /* index inside the partition = its virtual APIC id */
};

struct plan {
    uint32_t version;
    const char *product, *board_name;
    const struct board *board;
    hpa_t hypervisor;         /* load address of bulkhead.elf */
    uint64_t hypervisor_room; /* bytes reserved for it; the linker map must fit */
    hpa_t zone;               /* image zone: modules must lie inside */
    uint64_t zone_size;
    hpa_t crash; /* crash record, survives a warm reset */
    uint64_t crash_size;
    const struct plan_partition *partitions;
    uint32_t partition_count;
    const struct plan_core *cores; /* the boot processor first, then partition by partition */
    uint32_t core_count;
    uint32_t housekeeping; /* core index */
    uint32_t tick_hz;      /* never 0 */
    bool tick_off;         /* single ticks, on demand */
    enum all_stopped all_stopped;
    bool release;
    uint32_t refused_reset_s;              /* so long after a refused launch the board is reset; 0: it halts */
    const struct plan_function *functions; /* partition by partition, ascending slots */
    uint32_t function_count;
    const struct plan_bridge *bridges; /* in the order of their bus numbers: the upper before the lower */
    uint32_t bridge_count;
    const struct plan_sriov *sriov;
    uint32_t sriov_count;
    const struct plan_channel *channels;
    uint32_t channel_count;
    const struct plan_port *ports; /* partition by partition */
    uint32_t port_count;
    gpa_t ecam;          /* PLAN_ECAM, or 0 where nobody has functions */
    uint32_t interrupts; /* entries of the remapping table that are used, from 0; those of the IO-APIC's two pins come last */
    uint32_t pool_pages; /* pages in plan_pool */
};

extern const struct plan plan;

/* Page-aligned memory for page tables, permission maps, stacks, rings: all that the hypervisor takes before the seal. */
extern uint8_t plan_pool[];

#endif
