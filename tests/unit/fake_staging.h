/* SPDX-License-Identifier: Apache-2.0 */
/* The slice "staging" for its client, on a disk with a cache: what has not been flushed is there or not after a loss of power. */
#ifndef FAKE_STAGING_H
#define FAKE_STAGING_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#define FAKE_STAGING_SECTORS 4096u

struct fake_staging {
    uint8_t stable[FAKE_STAGING_SECTORS][512], cached[FAKE_STAGING_SECTORS][512];
    bool dirty[FAKE_STAGING_SECTORS];
    unsigned sectors;      /* of the slice */
    unsigned left;         /* sectors and flushes until the power goes */
    void (*served)(void);  /* after each request, if not 0: the disk's owner does its work */
    unsigned long written; /* sectors */
    jmp_buf power;         /* where that goes on */
};

extern struct fake_staging staging;

/* The power has gone: of each hundred sectors that were not flushed about so many are there. */
void fake_staging_cut(unsigned kept);
/* One sector, as who reads the disk now sees it. */
uint8_t *fake_staging_sector(uint64_t sector);

#endif
