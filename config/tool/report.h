/* SPDX-License-Identifier: Apache-2.0 */
/* What a reviewer reads and signs: who owns what, who can reach whom, what happens when something fails. */
#ifndef BULKHEAD_REPORT_H
#define BULKHEAD_REPORT_H

#include "plan_emit.h"
#include "plan_layout.h"

/* Everything the report shows. payloads is 0 when no images were given. */
struct report {
    const struct product *product;
    const struct board *board;
    const struct layout *layout;
    const struct planned_payload *payloads;
    bool release;
};

/* One piece of host-physical memory. */
#define OWNER_HYPERVISOR 0xffu
#define OWNER_NOBODY 0xfeu
struct report_range {
    uint64_t base, size;
    uint8_t owner; /* partition index or one of the above */
    const char *what;
};
#define REPORT_MAX_RANGES (PRODUCT_MAX_PARTITIONS * LAYOUT_MAX_RAM + BOARD_MAX_RAM + 8)

/* A table in text form: what the text and the HTML report show alike. */
#define TABLE_COLUMNS 8u
#define TABLE_ROWS 700u
#define TABLE_CELL 96u
struct table {
    const char *title, *note;
    unsigned columns, rows; /* row 0 is the heading */
    char cell[TABLE_ROWS][TABLE_COLUMNS][TABLE_CELL];
};

/* A table's heading, and a row whose texts are separated by a bar. Row 0 names the columns. */
void table_start(struct table *table, const char *title, const char *note);
void table_row(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* report_devices.c: tables, and rows of tables, of what is given away. */
void table_devices(const struct report *report, struct table *table);
void table_virtio(const struct report *report, struct table *table);
void table_addresses(const struct report *report, struct table *table);
void table_sriov(const struct report *report, struct table *table);
void table_groups(const struct report *report, struct table *table);
void table_device_ports(const struct report *report, struct table *table);
void table_device_interrupts(const struct report *report, struct table *table);
/* report_channels.c: the table; whom a partition writes to, as a list of names; lines of the picture. */
void table_channels(const struct report *report, struct table *table);
void report_reached(const struct report *report, unsigned partition, char *out, size_t size);
void report_channel_lines(FILE *out, const struct report *report);
/* report_slices.c */
void table_slices(const struct report *report, struct table *table);
/* report_labels.c */
void table_labels(const struct report *report, struct table *table);
void table_conflicts(const struct report *report, struct table *table);

/* Write report.txt, report.html, memory.svg and reach.svg into `folder`. Returns 0, or 1 with a message on stderr. */
int report_write(const char *folder, const struct report *report);

/* The ranges ascending, with what nobody owns between them. Returns their number. */
unsigned report_ranges(const struct report *report, struct report_range ranges[REPORT_MAX_RANGES]);
/* Build the next table: index from 0; false after the last. */
bool report_table(const struct report *report, unsigned index, struct table *table);
const char *report_owner(const struct report *report, uint8_t owner);
/* True if some event of the partition resets the whole board: the one power it has over others. */
bool report_resets_board(const struct partition_spec *spec);

void report_text(FILE *out, const struct report *report);
void report_html(FILE *out, const struct report *report);
void report_memory_svg(FILE *out, const struct report *report);
void report_reach_svg(FILE *out, const struct report *report);

#endif
