/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the TPM: it has no owner, or one. */
#include "rules.h"

static const struct partition_spec *tpm_owner(const struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->tpm)
        return p;
    return 0;
}

void rule_tpm_board(struct check *check)
{
    const struct partition_spec *owner = tpm_owner(check);

    if (owner && !check->board->tpm)
        found(check, (struct place){"product", owner, "tpm"},
              "this board's table names no TPM: other registers may answer in its place",
              "set .tpm in the board's table, if it has one with registers of its own and a FIFO, or leave it out", "true");
}

void rule_tpm_one(struct check *check)
{
    const struct partition_spec *owner = tpm_owner(check);

    EACH_PARTITION(p, check)
    if (p->tpm && p != owner)
        found(check, (struct place){"product", p, "tpm"},
              "a TPM takes one command at a time: one partition would read the other's answers, and spoil them (SEP-3)",
              "give it to one partition", "true, as of partition %.15s", owner->name);
}

void rule_tpm_unikernel(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->tpm && p->kind != IMAGE_UNIKERNEL)
        found(check, (struct place){"product", p, "tpm"}, "only the start information says where it is, and Linux has none",
              "give it to a unikernel", "true");
}
