/* SPDX-License-Identifier: Apache-2.0 */
/* AC-51, AC-46: rights over others that the table does not give. Expected: who may not be seen is as one that is not there; what may only be
 * seen takes no order, nor is it traced; answers are of those that may be seen alone; a flood of calls costs nobody else. */
#include <string.h>

#include "attack.h"

#define FLOOD_NS 5000000000ull
#define MANY 40u

static unsigned surprises, tried, seen;

static void expect(const char *what, uint64_t n, uint64_t a, uint64_t got, bool good)
{
    tried++;
    if (good)
        return;
    surprises++;
    detail("%s %#" PRIx64 " of %#" PRIx64 " gave %#" PRIx64, what, a, n, got);
}

/* Its table lets nobody order anything: one that can be observed gives BH_EPERM, all others are not there. */
static void orders(uint64_t n)
{
    for (uint64_t order = 0; order < 24; order++) {
        bool known = order < BH_CONTROL_COUNT, there = n < seen;
        uint64_t got = bh_control((unsigned)n, (enum bh_control)order, order == BH_CONTROL_INPUT ? 1ull << 56 | 'x' : 2);
        uint64_t want = order == BH_CONTROL_AUDIT ? BH_EPERM : !there || !known ? BH_EINVAL : BH_EPERM;
        expect("order", n, order, got, got == want);
    }
}

static void reads(uint64_t n)
{
    static const uint64_t wheres[] = {0, 1, 4095, 4096, 1ull << 31, 1ull << 32, 7ull << 32, 1ull << 63, ~0ull};

    for (uint64_t what = 0; what < 256; what += what < 12 ? 1 : 61)
        for (unsigned i = 0; i < sizeof(wheres) / sizeof(wheres[0]); i++) {
            uint64_t got = bh_call(BH_CALL_READ, what | n << 8, wheres[i], 0);
            bool there =
                n < seen && (what == BH_READ_STATUS || what == BH_READ_OUTPUT || what == BH_READ_STOPS || what == BH_READ_TRACE);
            bool error = got == BH_EINVAL || got == BH_EPERM;
            expect("read", n, what, got, there ? error || got == BH_AGAIN || got <= BH_ANSWER_SIZE : error);
        }
}

/* The page for answers is ours to read only. */
static void page_is_read_only(void)
{
    uint64_t value;

    expect("page", 0, 0, 0, try_read(BH_ANSWER_GPA, 8, &value) && !try_write(BH_ANSWER_GPA, 8, 1));
}

/* Nobody among those that it sees but those of its table: no name twice, not its own. */
static void names_are_few(void)
{
    struct bh_status s;

    for (seen = 0; bh_status(seen, &s); seen++)
        expect("name", seen, 0, 0, strcmp(s.name, bh_start_info()->name) != 0 && s.rights == 0);
}

void attack_rights(void)
{
    surprises = tried = 0;
    names_are_few();
    for (uint64_t n = 0; n < MANY; n++) {
        orders(n);
        reads(n);
    }
    for (unsigned bit = 16; bit < 56; bit++)
        reads(1ull << bit);
    page_is_read_only();
    verdict(surprises == 0, "%u surprises in %u calls, %u seen", surprises, tried, seen);
}

/* Everything that is answered, as fast as it goes, from both cores. */
static volatile bool flooding;

static void flood(void *calls)
{
    uint64_t *count = calls;

    for (unsigned i = 0; flooding; i++) {
        bh_call(BH_CALL_READ, BH_READ_STATUS | (uint64_t)(i % 4) << 8, 0, 0);
        bh_call(BH_CALL_READ, BH_READ_OUTPUT | (uint64_t)(i % 4) << 8, 0, 0);
        bh_call(BH_CALL_READ, BH_READ_TRACE | (uint64_t)(i % 4) << 8, 0, 0);
        bh_control(i % 4, BH_CONTROL_TRACE, i / 4 % 2);
        bh_control(i % 4, (enum bh_control)(i % BH_CONTROL_TRACE), 1ull << 56);
        bh_control(0, BH_CONTROL_AUDIT, 0);
        *count += 6;
    }
}

void attack_rights_flood(void)
{
    static uint64_t counts[2];
    uint64_t end = bh_now_ns() + FLOOD_NS;

    flooding = true;
    bh_cpu_start(1, flood, &counts[1]);
    for (flooding = true; bh_now_ns() < end;) {
        for (unsigned i = 0; i < 100; i++) {
            bh_call(BH_CALL_READ, BH_READ_STATUS, 0, 0);
            bh_call(BH_CALL_READ, BH_READ_OUTPUT | 1u << 8, 0, 0);
            counts[0] += 2;
        }
        bh_watchdog_pet();
    }
    flooding = false;
    verdict(counts[0] > 0, "%" PRIu64 " calls on one core and %" PRIu64 " on the other", counts[0], counts[1]);
}
