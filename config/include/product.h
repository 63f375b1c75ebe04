/* SPDX-License-Identifier: Apache-2.0 */
/* What a product is: sizes and names, no addresses. config/<name>/product.c defines `const struct product product`.
 * A zero field has the meaning given beside it. docs/configuration.md is generated from this header. */
#ifndef BULKHEAD_PRODUCT_H
#define BULKHEAD_PRODUCT_H

#include <stdbool.h>
#include <stdint.h>

#include "types.h"

#define PRODUCT_ABI 1u
#define PRODUCT_MAX_PARTITIONS 16u
#define PRODUCT_MAX_DEVICES 8u
#define PRODUCT_MAX_CHANNELS 16u
#define PRODUCT_MAX_READERS 4u
#define PRODUCT_MAX_CABLES 8u
#define PRODUCT_MAX_SLICES 8u
#define PRODUCT_MAX_LABELS 4u
#define PRODUCT_MAX_CONFLICTS 16u

enum image_kind {
    IMAGE_NONE,      /* refused: every partition names its kind */
    IMAGE_UNIKERNEL, /* ELF built from partitions/<program>/ and the library */
    IMAGE_LINUX,     /* kernel with initrd and command line */
};

/* What happens after an event of a partition's life. */
enum action {
    ACTION_DEFAULT, /* stop, except: reboot -> restart (stop, if restart.limit is 0); denied, IOMMU fault, exit budget and lost peer
                           * -> log */
    ACTION_LOG,     /* record it and go on; legal for what it can go on after: denied, IOMMU fault, exit budget, lost peer */
    ACTION_STOP,    /* the partition stays stopped */
    ACTION_RESTART, /* scrub and start again, within restart.limit */
    ACTION_RESET,   /* reset the board */
    ACTION_INJECT, /* an NMI to its first core, and go on; legal where ACTION_LOG is, and for a watchdog and a hang, once in a life */
    ACTION_RESTART_GROUP, /* restart, and with it the partitions that `group` names */
};

enum apic_mode {
    APIC_X2APIC, /* default: the partition starts in x2APIC mode */
    APIC_XAPIC,  /* memory-mapped at 0xfee00000: every access exits and is decoded */
};

enum all_stopped {
    ALL_STOPPED_IDLE,     /* default: stay, so that the console can restart a partition */
    ALL_STOPPED_POWEROFF, /* power off, or halt where the board names no port for it */
    ALL_STOPPED_RESET,    /* reset the board */
};

struct watchdog_spec {
    uint32_t period_ms;     /* 0: no watchdog. A sign of life is due this often */
    uint32_t boot_grace_ms; /* from the start to the first sign of life; at least period_ms */
    enum action action;     /* when none came in time */
    bool may_stop;          /* the partition may switch it off (Linux: write to the stop port) */
};

struct restart_spec {
    uint32_t limit;          /* restarts allowed within window_ms; 0 where an event restarts is refused */
    uint32_t window_ms;      /* 0: 60,000 */
    uint32_t backoff_ms;     /* wait before each restart; 0: none */
    bool never;              /* nobody starts it again, the operator neither: one of its devices has no reset */
    uint32_t backoff_max_ms; /* the wait doubles with each restart in the window up to this; 0: it stays backoff_ms */
    enum action then;        /* at the limit, and where an NMI has not helped: stop, the default, restart the group, reset */
};

/* Exits to the hypervisor that a partition makes in its steady state: once its watchdog's boot grace is over, or, without a watchdog, 30
 * seconds after its start. Those of our own making, ticks and kicks, are not counted, nor are accesses to registers of its virtio ports. */
struct exits_spec {
    bool declared;             /* false: not watched */
    uint32_t per_second;       /* of all its cores; 0: none, as on hardware with x2APIC */
    uint32_t xapic_per_second; /* and so many more for its local APIC where that is memory-mapped, on cores without x2APIC */
    enum action action;        /* when there are more in each of ten seconds running */
};

/* Memory that one partition writes and others read. */
struct channel_spec {
    const char *name;                         /* 1..15 of a-z, 0-9, '-', '.'; unique among channels; ends the list where it is 0 */
    const char *writer;                       /* the partition that writes */
    const char *readers[PRODUCT_MAX_READERS]; /* those that read; ends at the first 0 */
    uint32_t size;                            /* bytes of its ring, a power of 2 from 4 KiB to 1 MiB; 0: 16 KiB */
    uint32_t doorbells_per_second;            /* rung by its writer at most; 0: 10,000 */
    const char *labels[PRODUCT_MAX_LABELS];   /* for the conflicts below */
};

/* One end of a cable. */
struct cable_end {
    const char *partition; /* who has it */
    uint8_t mac[6];        /* zeros: made from the names of product, cable and partition */
};

/* A network cable between two partitions: two channels, "<name>.0" and "<name>.1", written by the first and the second end. A Linux has a
 * virtio network card at its end, a unikernel the channels. */
struct cable_spec {
    const char *name;                       /* 1..13 of a-z, 0-9, '-'; ends the list where it is 0 */
    struct cable_end ends[2];               /* two different partitions */
    uint32_t size;                          /* bytes of each ring, as a channel's; 0: 64 KiB */
    const char *labels[PRODUCT_MAX_LABELS]; /* of both channels */
};

/* A part of a disk that its owner serves to another partition: two channels, "<name>.q" for requests and "<name>.r" for answers. A Linux
 * has a virtio disk, a unikernel the channels. Slices of one server lie one after the other, in the order of this list. */
struct slice_spec {
    const char *name;                       /* 1..13 of a-z, 0-9, '-'; ends the list where it is 0 */
    const char *server, *client;            /* partitions: who owns the disk, who gets the slice */
    uint64_t size;                          /* bytes, a multiple of 1 MiB */
    bool read_only;                         /* the server refuses writes */
    uint32_t ring;                          /* bytes of each ring, as a channel's; 0: 256 KiB */
    const char *labels[PRODUCT_MAX_LABELS]; /* of both channels */
};

/* What two labels may not have in common. */
enum conflict_scope {
    CONFLICT_NONE,    /* refused */
    CONFLICT_CHANNEL, /* a channel, cable or slice: as writer and reader, or as two readers */
    CONFLICT_CACHE,   /* a last-level cache, says the board */
    CONFLICT_DEVICE,  /* a physical function, as owners of it and of its virtual ones */
    CONFLICT_ANY,     /* all of these */
};

struct conflict_spec {
    const char *a, *b;         /* labels; ends the list where a is 0. The same twice: no two partitions with it */
    enum conflict_scope scope; /* what they may not share */
};

/* A PCI function that a partition gets, by the role that the board gives it: "nic0", "disk0.vf1". */
struct device_spec {
    const char *role; /* ends the list where it is 0 */
    bool optional;    /* a board without it is no error: the partition sees no such function */
    uint32_t vectors; /* MSI-X vectors it may use; 0: all that the function has, at most 32 */
};

struct denied_spec {
    uint32_t per_second; /* denied accesses per second that are tolerated; 0: 1,000 */
    enum action action;  /* when there are more */
};

struct console_spec {
    uint32_t bytes_per_second; /* shown at most, beyond it is dropped and counted; 0: 64 KiB */
    bool hidden;               /* not in the view of all partitions; focus still shows it */
};

struct partition_spec {
    const char *name;     /* 1..15 of a-z, 0-9, '-'; unique; not "bulkhead" */
    enum image_kind kind; /* unikernel or Linux */
    const char *program;  /* unikernel: folder under partitions/ of the product or of the tree. 0: same as name */
    const char *args;     /* unikernel: words for main(); Linux: kernel command line */
    const char *kernel;   /* Linux: path to a bzImage, or to a vmlinux with PVH entry; 0: Debian's own */
    bool unpacked;        /* Linux: the bzImage is unpacked when the image is built, and entered by PVH */
    const char *initrd;   /* Linux: path; 0: the one made from partitions/linux/ */
    const char *files;    /* unikernel: path to a folder, or to a cpio archive (newc), of files for bh_file_open() */
    uint32_t cores;       /* 1 or more */
    uint64_t memory;      /* bytes, multiple of 2 MiB */
    enum apic_mode apic;  /* how the partition meets its local APIC */
    struct device_spec devices[PRODUCT_MAX_DEVICES]; /* on its PCI bus 0 as device 1, 2, ... in this order */
    bool tpm;        /* unikernel: it has the board's TPM, the registers of its locality 0; one partition at most */
    uint16_t serves; /* TCP port at which it answers on its network card: `make run` makes one of this host's of it. 0: none */
    const char *observes[PRODUCT_MAX_PARTITIONS]; /* names of partitions whose state, counters, output, stops and trace it may see,
                                                   * but no registers or memory; ends at the first 0 */
    const char *controls[PRODUCT_MAX_PARTITIONS]; /* of these, those that it may start, stop, pause, type to and trace */
    const char *dumps[PRODUCT_MAX_PARTITIONS];    /* of these, those whose memory and registers it may read once they are stopped */
    bool reads_log;                               /* it reads our log and records of the boot before: registers, output of anyone */
    bool audits;                                  /* it may ask for an isolation audit */
    const char *labels[PRODUCT_MAX_LABELS];       /* for the conflicts below */
    const char *group[PRODUCT_MAX_PARTITIONS];    /* who restarts along with ACTION_RESTART_GROUP; ends at the first 0 */
    struct watchdog_spec watchdog;                /* signs of life it promises */
    struct restart_spec restart;                  /* how often it may start again */
    struct denied_spec denied;                    /* how many forbidden accesses are tolerated */
    struct console_spec console;                  /* how its output is shown */
    enum action on_crash;                         /* trap, abort, triple fault, forbidden state */
    enum action on_exit;                          /* main() returned */
    enum action on_reboot;                        /* it asked for a reboot */
    enum action on_poweroff;                      /* it asked for power off */
    uint32_t hang_ms;             /* all its cores stay where they are, interrupts off, for so long: a hang. 0: not looked for */
    enum action on_hang;          /* after a hang */
    enum action on_iommu_fault;   /* one of its devices has been cut off: more than ten forbidden accesses in a second */
    enum action on_machine_check; /* the processor found its state or memory corrupt */
    enum action on_peer_lost;     /* a partition at the other end of one of its channels has stopped */
    struct exits_spec exits;      /* its budget of exits */
    bool trace;                   /* its exits are traced from the start */
    bool stopped_at_boot;         /* not started until the console says so */
};

/* Updates of the disk that the box starts from. */
struct update_spec {
    uint32_t version;    /* of this product, 1..999999999: a box takes only what is newer than what runs. 0: it has no updates */
    uint32_t oldest;     /* once this version is confirmed, the box runs none older than that one any more; 0: it may run any */
    const char *owner;   /* who owns the disk: a unikernel of the program storage, or a Linux, which calls bhupdate */
    const char *staging; /* name of the slice, served by the owner, that bundles come in; 0: none, nothing applies them */
    uint32_t confirm_seconds; /* so long all partitions must run, without one starting again, until a version is confirmed */
    uint32_t give_up_seconds; /* if it is not confirmed so long after its start, the box starts again; 0: never */
    bool restarts;            /* the box starts again at once when a new version stands in its slot */
};

struct product {
    uint32_t abi;                                             /* PRODUCT_ABI */
    const char *name;                                         /* 1..31 of a-z, 0-9, '-', '_' */
    const char *description;                                  /* one line for people */
    const char *housekeeping;                                 /* partition whose first core drives console, tick and watchdogs */
    uint32_t tick_hz;                                         /* slow NMI tick, 20..1000; 0: 50 */
    bool tick_off;                                            /* none in the steady state: no watchdogs and no back-off then */
    enum all_stopped all_stopped;                             /* when no partition runs any more */
    bool test_switches;                                       /* may be used only by development images */
    uint64_t data_size;                                       /* bytes of the data partition of its disk image; 0: none */
    struct update_spec update;                                /* of its disk image */
    struct partition_spec partitions[PRODUCT_MAX_PARTITIONS]; /* ends at the first without name */
    struct channel_spec channels[PRODUCT_MAX_CHANNELS];       /* shared memory; ends at the first without name */
    struct cable_spec cables[PRODUCT_MAX_CABLES];             /* networks between two; ends at the first without name */
    struct slice_spec slices[PRODUCT_MAX_SLICES];             /* parts of disks; ends at the first without name */
    struct conflict_spec conflicts[PRODUCT_MAX_CONFLICTS];    /* what may not come together; ends at the first without label */
};

extern const struct product product;

#endif
