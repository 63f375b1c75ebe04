/* SPDX-License-Identifier: Apache-2.0 */
/* What the Makefile must know of a product and its board, as make variables. Linked with both tables, like the planner; run
 * only after the planner's checks have passed, so that every name is plain. */
#include <stdio.h>
#include <string.h>

#include "board.h"
#include "product.h"

static const char *text(const char *string)
{
    return string ? string : "";
}

/* The card that the boards of QEMU have on its user network. */
static bool has_card(const struct partition_spec *spec)
{
    for (unsigned i = 0; i < PRODUCT_MAX_DEVICES && spec->devices[i].role; i++)
        if (strcmp(spec->devices[i].role, "nic0") == 0)
            return true;
    return false;
}

/* Of the WATCHDOG_FILES, the one that drives the board's. */
static const char *watchdog_file(void)
{
    switch (board.watchdog.kind) {
    case WATCHDOG_I6300ESB:
        return "i6300esb";
    case WATCHDOG_ITCO:
    case WATCHDOG_ITCO_SMBUS:
        return "itco";
    case WATCHDOG_SP5100:
    case WATCHDOG_SB800:
    case WATCHDOG_FCH:
        return "sp5100";
    default:
        return "none";
    }
}

/* Who brings updates. */
static const char *update_client(void)
{
    const struct update_spec *update = &product.update;

    for (unsigned i = 0; update->version && update->staging && i < PRODUCT_MAX_SLICES && product.slices[i].name; i++)
        if (strcmp(product.slices[i].name, update->staging) == 0)
            return text(product.slices[i].client);
    return "";
}

int main(void)
{
    printf("PARTITIONS :=\nSTARTED :=\nUNIKERNELS :=\nLINUXES :=\nSERVES :=\n");
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && product.partitions[i].name; i++) {
        const struct partition_spec *spec = &product.partitions[i];

        printf("PARTITIONS += %s\n", spec->name);
        if (!spec->stopped_at_boot)
            printf("STARTED += %s\n", spec->name);
        if (spec->serves != 0 && has_card(spec))
            printf("SERVES := %s %u\n", spec->name, spec->serves);
        if (spec->kind == IMAGE_UNIKERNEL)
            printf("UNIKERNELS += %s\nPROGRAM_%s := %s\nFILES_%s := %s\n", spec->name, spec->name,
                   text(spec->program ? spec->program : spec->name), spec->name, text(spec->files));
        if (spec->kind == IMAGE_LINUX)
            printf("LINUXES += %s\nKERNEL_%s := %s\nUNPACKED_%s := %s\nINITRD_%s := %s\n", spec->name, spec->name,
                   text(spec->kernel), spec->name, spec->unpacked ? "y" : "", spec->name, text(spec->initrd));
    }
    printf("PRODUCT_NAME := %s\nBOARD_NAME := %s\nDATA_SIZE := %llu\n", product.name, board.name,
           (unsigned long long)product.data_size);
    printf("WATCHDOG_FILE := %s\n", watchdog_file());
    const struct update_spec *update = &product.update;
    printf("UPDATE_VERSION := %.*u\nUPDATE_OWNER := %s\n", update->version ? 1 : 0, update->version,
           update->version ? text(update->owner) : "");
    printf("UPDATE_CLIENT := %s\n", update_client());
    printf("UPDATE_FACTS := --version %u --oldest %u --confirm %u --give-up %u --restarts %u --staging '%s'\n", update->version,
           update->oldest, update->confirm_seconds, update->give_up_seconds, update->restarts, text(update->staging));
    printf("ATTENTION := %u\n", board.attention ? board.attention : 0x1du);
    printf("NOT_FOR_RELEASE :=%s%s%s\n", board.test_only ? " test-board" : "", product.test_switches ? " test-switches" : "",
           board.untested || board.blanks[0].field ? " unknown-board" : "");
    return 0;
}
