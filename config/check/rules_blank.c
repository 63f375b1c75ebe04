/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of what is not known of a board: a development image may be made without it, to look it up; a release image not. */
#include <stddef.h>
#include <string.h>

#include "rules.h"

/* What may be blank. A size of 0: what a first boot cannot do without, and lists, of which a part may be known; they may have a value. */
struct blank_row {
    const char *field;
    size_t offset, size;
};
#define ROW(name)                                                                                                                  \
    {                                                                                                                              \
#name, offsetof(struct board, name), sizeof(((struct board *)0)->name)                                                     \
    }
#define NEEDED(name)                                                                                                               \
    {                                                                                                                              \
#name, offsetof(struct board, name), 0                                                                                     \
    }
static const struct blank_row rows[] = {
    NEEDED(cores),
    NEEDED(ram),
    NEEDED(functions),
    ROW(load),
    NEEDED(pci_hole),
    NEEDED(uart),
    NEEDED(ioapic),
    ROW(pit.gsi),
    ROW(pm_timer_port),
    ROW(reset),
    ROW(poweroff),
    ROW(watchdog),
    ROW(pci.ecam),
    ROW(pci.last_bus),
    ROW(pci.window),
    ROW(pci.window_size),
    ROW(pci.ports),
    ROW(pci.ports_size),
    ROW(iommu.units),
    ROW(iommu.unit_functions),
    ROW(iommu.ioapic_function),
    ROW(iommu.hpet_function),
    ROW(invariant_tsc),
    ROW(arat),
    ROW(no_page_size_erratum),
};

#define EACH_BLANK(i, check) for (unsigned i = 0; i < BOARD_MAX_BLANKS && (check)->board->blanks[i].field; i++)

static const struct blank_row *row_of(const char *field)
{
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!strcmp(rows[i].field, field))
            return &rows[i];
    return 0;
}

void rule_blank_release(struct check *check)
{
    EACH_BLANK(i, check)
    {
        const struct board_blank *blank = &check->board->blanks[i];

        if (check->release && row_of(blank->field))
            found(check, (struct place){"board", 0, blank->field}, "a release image is made of what is known",
                  "look it up on the machine, fill it in, and take it from .blanks", "not known%s%.200s", blank->how ? ": " : "",
                  blank->how ? blank->how : "");
    }
}

void rule_blank_field(struct check *check)
{
    EACH_BLANK(i, check)
    if (!row_of(check->board->blanks[i].field))
        found(check, (struct place){"board", 0, "blanks"}, "no field of a board that may be left open has this name",
              "name it as in board.h, a list by its own name: \"pm_timer_port\", \"iommu.units\", \"functions\"", "%.200s",
              check->board->blanks[i].field);
}

void rule_blank_gap(struct check *check)
{
    bool ended = false;

    for (unsigned i = 0; i < BOARD_MAX_BLANKS; i++) {
        if (ended && check->board->blanks[i].field) {
            found(check, (struct place){"board", 0, "blanks"}, "the list ends at its first entry without a field",
                  "close the gap: what is behind it would count as known", "%.200s behind a gap", check->board->blanks[i].field);
            return;
        }
        ended = ended || !check->board->blanks[i].field;
    }
}

void rule_blank_value(struct check *check)
{
    EACH_BLANK(i, check)
    {
        const char *field = check->board->blanks[i].field;
        const struct blank_row *row = row_of(field);

        for (size_t byte = 0; row && byte < row->size; byte++)
            if (((const unsigned char *)check->board)[row->offset + byte] != 0) {
                found(check, (struct place){"board", 0, field}, "it cannot be known and not known",
                      "take it from .blanks if it has been looked up, else leave it out", "set, and in .blanks");
                break;
            }
    }
}

void rule_untested_release(struct check *check)
{
    if (check->release && check->board->untested)
        found(check, (struct place){"board", 0, "untested"}, "nothing of ours has ever run on this machine",
              "run `make hil BOARD=...` on it, or start a development image by hand, then remove this", "true");
}
