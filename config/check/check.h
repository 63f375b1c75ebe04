/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of a product and its board, on the host: one rule is one function, one id, one fixture under tests/fixtures/
 * that is refused with exactly that id. A rule looks at one thing and leaves alone what another rule refuses. */
#ifndef BULKHEAD_CHECK_H
#define BULKHEAD_CHECK_H

#include <stdio.h>

#include "board.h"
#include "plan.h"
#include "product.h"

/* Files of a partition's image. An absent path is 0. */
struct image_files {
    const char *elf;    /* unikernel */
    const char *kernel; /* Linux */
    const char *initrd;
    const char *files; /* unikernel: a folder, before the build has made an archive of it, or an archive */
};

#define FINDING_TEXT 320

struct finding {
    char id[8];     /* CFG-nnn */
    char file[200]; /* "product", "board", or the path of an image */
    char where[96]; /* "partition x", with its index where the name alone does not tell which; or empty */
    char field[40];
    char value[FINDING_TEXT];
    char reason[FINDING_TEXT];
    char hint[FINDING_TEXT];
};

#define MAX_FINDINGS 256u

/* What the rules look at, and what they found. */
struct check {
    const struct product *product;
    const struct board *board;
    const struct image_files *images; /* one per partition, or 0: images are not looked at */
    bool images_made;                 /* those that the build makes are among them */
    bool release;
    uint64_t payload_bytes;  /* sum of all payloads; 0 until they are made */
    const char *stray_image; /* an image named on the command line that no partition uses, or 0 */
    const char *iommu;       /* the IOMMU whose code is linked in: none, amdvi, vtd; 0: not looked at */
    const char *virt;        /* the CPU vendor whose code is linked in: svm, vmx; 0: not looked at */
    const char *programs;    /* names of all programs that have sources, with commas between; 0: not looked at */

    const char *rule;    /* id of the rule that runs */
    unsigned partitions; /* before the first nameless one */
    struct finding findings[MAX_FINDINGS];
    unsigned finding_count;
    unsigned dropped; /* findings beyond MAX_FINDINGS */
};

struct rule {
    const char *id;
    void (*run)(struct check *check);
    const char *meaning;
};

extern const struct rule rules[];
extern const unsigned rule_count;

/* Run every rule, references first; returns the number of findings. The caller has set the first group of fields. */
unsigned check_run(struct check *check);
/* True if this rule has found something: rules that build on what it checks then leave it alone. */
bool check_has(const struct check *check, const char *id);
/* What only making the payload can find out. */
void check_payload(struct check *check, const struct partition_spec *spec, const char *file, const char *why);
void check_print(const struct check *check, FILE *out, const char *product_file, const char *board_file);

/* Number of partitions before the first without a name. */
unsigned product_partitions(const struct product *product);
/* Index of the partition with this name, or -1. */
int product_find(const struct product *product, const char *name);
/* Fields whose 0 means something else, resolved. */
uint32_t product_tick_hz(const struct product *product);
uint32_t restart_window_ms(const struct partition_spec *spec);
uint32_t denied_per_second(const struct partition_spec *spec);
uint32_t console_bytes_per_second(const struct partition_spec *spec);
/* The action a field means, defaults resolved. `fallback` is the meaning of ACTION_DEFAULT. */
enum action action_resolve(enum action action, enum action fallback);
/* A reboot without an action restarts where the table allows restarts, else stops. */
enum action reboot_resolve(const struct partition_spec *spec);

/* An event of the health table: where its action stands in a product, and what it may be. */
struct event_row {
    const char *field;
    size_t offset; /* of it in struct partition_spec */
    const char *word;
    enum action fallback; /* what ACTION_DEFAULT means; of a reboot see reboot_resolve() */
    unsigned legal;       /* bit per action */
};
extern const struct event_row event_rows[EVENT_COUNT];
/* What a partition's table says of an event: as it is written, and with defaults resolved. */
enum action event_action(const struct partition_spec *spec, enum health_event event);
enum action event_resolve(const struct partition_spec *spec, enum health_event event);
bool action_restarts(enum action action);
uint32_t backoff_max_ms(const struct partition_spec *spec);
/* From its start to where exits are counted against its budget. */
uint32_t exits_grace_ms(const struct partition_spec *spec);

/* For rules: report one finding. Text in printf form: value, then reason and hint. */
struct place {
    const char *file;
    const struct partition_spec *partition; /* of the product that is checked, or 0 */
    const char *field;
};
/* "list[2].member" of the product; `field` holds the text. */
#define FIELD_ROOM 40
struct place list_place(char field[FIELD_ROOM], const char *list, unsigned index, const char *member);
void found(struct check *check, struct place place, const char *reason, const char *hint, const char *value, ...)
    __attribute__((format(printf, 5, 6)));

/* Texts that reach the console, plan.c and the boot menu: printable ASCII. */
bool text_printable(const char *text);
/* 1..max of a-z, 0-9, '-' and, if `wide`, '_'. */
bool text_name(const char *text, size_t max, bool wide);

/* The tables' lists, cut to what the arrays hold. */
uint32_t board_cores(const struct board *board);
uint32_t board_ranges(const struct board *board);

/* Bounds that rules and planner share: the smallest useful memory, the largest we plan for, and the loaders' limits. */
#define UNIKERNEL_MIN_MEMORY MIB(4)
#define UNIKERNEL_MIN_HEAP MIB(1)
#define LINUX_MIN_MEMORY MIB(128)
#define PARTITION_MAX_MEMORY GIB(256)
#define LINUX_COMMAND_MAX 2048u   /* boot protocol: COMMAND_LINE_SIZE of x86 */
#define LINUX_PROTOCOL_MIN 0x20cu /* boot protocol 2.12: Linux 3.8, of 2013 */
#define LINUX_TSC_ROOM 48u        /* " tsc=reliable tsc_early_khz=" and the number, appended at each start */
#define RESTART_MAX 16u

#define EACH_PARTITION(p, check)                                                                                                   \
    for (const struct partition_spec *p = (check)->product->partitions; p < (check)->product->partitions + (check)->partitions; p++)

#endif
