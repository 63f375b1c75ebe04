/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_plan.h. */
#include "fake_plan.h"

#include <string.h>

#define POOL_PAGES 64u

struct plan fake_plan;
extern const struct plan plan __attribute__((alias("fake_plan")));
struct plan_partition fake_plan_partitions[MAX_PARTITIONS];
struct plan_core fake_plan_cores[MAX_CORES];
struct board fake_board;
uint8_t plan_pool[POOL_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));

static const uint8_t core_numbers[MAX_CORES] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                                16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

void fake_plan_reset(void)
{
    static const struct plan_partition linux_guest = {.name = "linux", .kind = IMAGE_LINUX, .core_count = 2, .memory = MIB(512)};
    static const struct plan_partition control = {.name = "control", .kind = IMAGE_UNIKERNEL, .core_count = 1, .memory = MIB(8)};
    static const struct plan_partition hello = {.name = "hello", .kind = IMAGE_UNIKERNEL, .core_count = 1, .memory = MIB(8)};

    memset(fake_plan_partitions, 0, sizeof(fake_plan_partitions));
    memset(&fake_board, 0, sizeof(fake_board));
    fake_plan_partitions[0] = linux_guest;
    fake_plan_partitions[0].cores = core_numbers;
    fake_plan_partitions[1] = control;
    fake_plan_partitions[1].cores = core_numbers + 2;
    fake_plan_partitions[2] = hello;
    fake_plan_partitions[2].cores = core_numbers + 3;
    for (unsigned i = 0; i < MAX_PARTITIONS; i++)
        fake_plan_partitions[i].console.bytes_per_second = 65536;
    for (unsigned i = 0; i < MAX_CORES; i++)
        fake_plan_cores[i] = (struct plan_core){.apic_id = i, .partition = 0xff};
    fake_plan_cores[0].partition = 0;
    fake_plan_cores[1] = (struct plan_core){.apic_id = 1, .partition = 0, .vcpu = 1};
    fake_plan_cores[2].partition = 1;
    fake_plan_cores[3].partition = 2;
    fake_plan = (struct plan){
        .version = PLAN_VERSION,
        .product = "test",
        .board_name = "fake",
        .board = &fake_board,
        .partitions = fake_plan_partitions,
        .partition_count = 3,
        .cores = fake_plan_cores,
        .core_count = 4,
        .tick_hz = 50,
        .pool_pages = POOL_PAGES,
    };
}
