/* SPDX-License-Identifier: Apache-2.0 */
/* A TPM counts up by one, and each time writes to memory that wears out: a step at each look, and no way of thousands of steps. */
#include "floor.h"

#include <inttypes.h>
#include <stdio.h>

#include "bh.h"
#include "bh_pci.h"
#include "tpm_counter.h"

#define STEPS_MAX 1000u
#define AGAIN_NS 10000000000ull

static struct tpm tpm;
static bool there;
static uint64_t next, told; /* when to try again; the version whose way is too long, once said */

void floor_read(struct update_floor *least)
{
    if (!there)
        return;
    least->unknown = tpm_open(&tpm, bh_device_map(bh_start_info()->tpm, TPM_FIFO_SIZE));
    if (!least->unknown)
        least->unknown = tpm_counter_read(&tpm, &least->oldest);
    if (least->unknown)
        printf("error: the oldest version that this box takes is not known: %s\n", least->unknown);
    else
        printf("update: the TPM remembers %" PRIu64 " as the oldest version\n", least->oldest);
}

void floor_open(struct update_floor *least)
{
    *least = (struct update_floor){0};
    there = bh_start_info()->tpm != 0;
    floor_read(least);
}

void floor_raise(struct update_floor *least, uint64_t oldest)
{
    if (!there || least->unknown || least->oldest >= oldest || bh_now_ns() < next)
        return;
    if (oldest - least->oldest > STEPS_MAX) {
        if (told != oldest)
            printf("error: from %" PRIu64 " to %" PRIu64 " is too far for the TPM to count: it remembers no newer version\n",
                   least->oldest, oldest);
        told = oldest;
        return;
    }
    const char *wrong = tpm_counter_step(&tpm);
    if (!wrong)
        wrong = tpm_counter_read(&tpm, &least->oldest);
    if (wrong)
        printf("error: the TPM does not remember version %" PRIu64 ": %s\n", oldest, wrong);
    else if (least->oldest >= oldest)
        printf("update: the TPM remembers %" PRIu64 " as the oldest version\n", least->oldest);
    next = wrong ? bh_now_ns() + AGAIN_NS : 0;
}
