/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_staging.h"

#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "slice_client.h"

struct fake_staging staging;

bool slice_open(struct slice *slice, const volatile struct bh_channels *channels, const char *name)
{
    (void)channels;
    slice->sectors = staging.sectors;
    return strcmp(name, "staging") == 0;
}

bool slice_interrupt(struct slice *slice, unsigned core)
{
    (void)slice;
    return core == 0;
}

const char *slice_result_name(enum slice_result result)
{
    return result == SLICE_GOOD ? "done" : "not done";
}

static void flush(void)
{
    for (unsigned i = 0; i < FAKE_STAGING_SECTORS; i++)
        if (staging.dirty[i])
            memcpy(staging.stable[i], staging.cached[i], 512);
    memset(staging.dirty, 0, sizeof(staging.dirty));
}

uint8_t *fake_staging_sector(uint64_t sector)
{
    return staging.dirty[sector] ? staging.cached[sector] : staging.stable[sector];
}

static void power_look(void)
{
    if (staging.left-- == 0)
        longjmp(staging.power, 1);
}

enum slice_result slice_do(struct slice *slice, enum bh_slice_type type, uint64_t sector, void *buffer, uint32_t bytes,
                           uint64_t patience)
{
    (void)slice;
    (void)patience;
    assert_true(bytes % 512 == 0 && bytes <= BH_SLICE_MAX && sector + bytes / 512 <= staging.sectors);
    for (unsigned i = 0; i < bytes / 512; i++) {
        uint8_t *at = (uint8_t *)buffer + i * 512;
        if (type == BH_SLICE_READ) {
            memcpy(at, fake_staging_sector(sector + i), 512);
        } else {
            power_look();
            memcpy(staging.cached[sector + i], at, 512);
            staging.dirty[sector + i] = true;
            staging.written++;
        }
    }
    if (type == BH_SLICE_FLUSH) {
        power_look();
        flush();
    }
    if (staging.served)
        staging.served();
    return SLICE_GOOD;
}

void fake_staging_cut(unsigned kept)
{
    for (unsigned i = 0; i < FAKE_STAGING_SECTORS; i++)
        staging.dirty[i] = staging.dirty[i] && (unsigned)rand() % 100 < kept;
    flush();
}
