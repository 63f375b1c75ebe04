/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of cores. */
#include "plan_layout.h"
#include "rules.h"

void rule_cores_one(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->cores == 0)
        found(check, (struct place){"product", p, "cores"}, "a partition without a core never runs", "give it 1 or more", "0");
}

static uint32_t cores_to_give(const struct board *board)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < board_cores(board); i++)
        count += !board->cores[i].reserved;
    return count;
}

void rule_cores_sum(struct check *check)
{
    uint64_t sum = 0;
    EACH_PARTITION(p, check)
    sum += p->cores;
    if (sum > cores_to_give(check->board))
        found(check, (struct place){"product", 0, "cores"}, "cores are never shared, and the board has fewer",
              "take cores from a partition or choose a larger board", "%llu in all, the board has %u", (unsigned long long)sum,
              cores_to_give(check->board));
}

void rule_cores_smt(struct check *check)
{
    struct layout layout = {0};
    if (check_has(check, "CFG-102") || check_has(check, "CFG-603") || layout_cores(check->product, check->board, &layout))
        return;
    uint32_t failed = 0;
    while (layout.partitions[failed].core_count == check->product->partitions[failed].cores)
        failed++;
    const struct partition_spec *p = &check->product->partitions[failed];
    found(check, (struct place){"product", p, "cores"},
          "SMT siblings share caches and execution units, so they go to one partition or stay unused; then too few are left",
          "give partitions whole physical cores (both siblings), or fewer", "%u, of which %u found a place", p->cores,
          layout.partitions[failed].core_count);
}
