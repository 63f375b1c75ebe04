/* SPDX-License-Identifier: Apache-2.0 */
/* The neighbour that must not notice anything: keeps pages full of a known pattern and a heartbeat in its own memory, looks at
 * them all the time, and says every two seconds whether they are untouched, how long its longest stall was, and whether
 * an interrupt came that is not its own. Argument: canary pages (default 256). */
#include <stdio.h>
#include <stdlib.h>

#include "bh.h"

#define LINE_NS 2000000000ul
#define LOOK_NS 10000000ul
#define PAGE_WORDS 512u

static volatile uint64_t heartbeat;
static uint64_t *pages;
static size_t words;

static uint64_t pattern(size_t i)
{
    return (i + 1) * 0x9e3779b97f4a7c15ul;
}

/* Sum of all words; *bad counts those that changed. */
static uint64_t check(size_t *bad)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < words; i++) {
        uint64_t word = ((volatile uint64_t *)pages)[i];
        sum = sum * 31 + word;
        *bad += word != pattern(i);
    }
    return sum;
}

/* Until the next line: wake every 10 ms, and see how late one is. */
static uint64_t longest_stall(uint64_t until)
{
    uint64_t longest = 0, last = bh_now_ns();

    while (last < until) {
        bh_sleep_ns(LOOK_NS);
        heartbeat++;
        bh_watchdog_pet();
        uint64_t now = bh_now_ns();
        if (now - last > LOOK_NS && now - last - LOOK_NS > longest)
            longest = now - last - LOOK_NS;
        last = now;
    }
    return longest;
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? (size_t)atol(argv[1]) : 256;
    uint64_t worst = 0;

    words = count * PAGE_WORDS;
    pages = malloc(words * 8);
    if (count == 0 || !pages) {
        printf("error: %zu canary pages do not fit\n", count);
        return 1;
    }
    for (size_t i = 0; i < words; i++)
        pages[i] = pattern(i);
    printf("%s: life %lu, %zu canary pages\n", argv[0], bh_start_info()->lives, count);
    for (uint64_t n = 1;; n++) {
        uint64_t stall = longest_stall(n * LINE_NS), strangers = bh_irq_unexpected_total();
        size_t bad = 0;
        uint64_t sum = check(&bad);

        if (stall > worst)
            worst = stall;
        printf("witness %s %lu sum=%016lx beats=%lu stall=%lu us worst=%lu us strangers=%lu bad=%zu\n",
               bad || strangers ? "BAD" : "ok", n, sum, heartbeat, stall / 1000, worst / 1000, strangers, bad);
    }
}
