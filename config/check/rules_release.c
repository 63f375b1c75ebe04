/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of product and board together, and of release images. */
#include "rules.h"

void rule_release_board(struct check *check)
{
    if (check->release && check->board->test_only)
        found(check, (struct place){"board", 0, "test_only"}, "a release image is for a real machine",
              "name a real machine's table with BOARD=; docs/howto-board.md says how to write one", "true");
}

void rule_release_switches(struct check *check)
{
    if (check->release && check->product->test_switches)
        found(check, (struct place){"product", 0, "test_switches"}, "test switches weaken the product on purpose",
              "remove it for the release", "true");
}

void rule_linux_clock(struct check *check)
{
    if (check->board->invariant_tsc || check->board->pm_timer_port)
        return;
    EACH_PARTITION(p, check)
    if (p->kind == IMAGE_LINUX)
        found(check, (struct place){"board", p, "pm_timer_port"},
              "without an invariant TSC and without a PM timer this Linux has no clock that runs at one rate",
              "add the PM timer's port to the board table, or vouch for the TSC", "0, invariant_tsc is false");
}

void rule_data_size(struct check *check)
{
    uint64_t size = check->product->data_size;

    if (size && (size % MIB(1) || size < MIB(8) || size > GIB(1024)))
        found(check, (struct place){"product", 0, "data_size"},
              "the disk image is laid out in MiB, and its file system needs room for a journal",
              "give a multiple of MIB(1) from MIB(8) to GIB(1024), or 0 for none", "%llu", (unsigned long long)size);
}
