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

enum image_kind {
    IMAGE_NONE,      /* refused: every partition names its kind */
    IMAGE_UNIKERNEL, /* ELF built from partitions/<program>/ and the library */
    IMAGE_LINUX,     /* kernel with initrd and command line */
};

/* What happens after an event of a partition's life. */
enum action {
    ACTION_DEFAULT, /* stop, except: exit -> stop, reboot -> restart (stop, if restart.limit is 0), poweroff ->
                     * stop, denied -> log */
    ACTION_LOG,     /* record it and go on; legal for `denied` only */
    ACTION_STOP,    /* the partition stays stopped */
    ACTION_RESTART, /* scrub and start again, within restart.limit */
    ACTION_RESET,   /* reset the board */
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
    uint32_t limit;      /* restarts allowed within window_ms; 0 with any ACTION_RESTART is refused */
    uint32_t window_ms;  /* 0: 60,000 */
    uint32_t backoff_ms; /* wait before each restart; 0: none */
    bool never;          /* nobody starts it again, the operator neither: one of its devices has no reset */
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
    const char *observes[PRODUCT_MAX_PARTITIONS]; /* names of partitions whose state and starts it may see; ends at the first 0 */
    struct watchdog_spec watchdog;                /* signs of life it promises */
    struct restart_spec restart;                  /* how often it may start again */
    struct denied_spec denied;                    /* how many forbidden accesses are tolerated */
    struct console_spec console;                  /* how its output is shown */
    enum action on_crash;                         /* trap, abort, triple fault, forbidden state */
    enum action on_exit;                          /* main() returned */
    enum action on_reboot;                        /* it asked for a reboot */
    enum action on_poweroff;                      /* it asked for power off */
    bool stopped_at_boot;                         /* not started until the console says so */
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
    struct partition_spec partitions[PRODUCT_MAX_PARTITIONS]; /* ends at the first without name */
};

extern const struct product product;

#endif
