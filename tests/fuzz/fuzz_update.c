/* SPDX-License-Identifier: Apache-2.0 */
/* A disk and a bundle that anybody may have written. The input: which check sums are made good, then bytes and where they go. Whatever is
 * there, nothing is read or written outside of the disk, and every walk and every update ends. */
#include <string.h>

#include "fake_slots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct update update;
    enum update_standing standing;

    if (size < 1)
        return 0;
    fake_disk_new();
    fake_bundle_new(2);
    for (size_t at = 1; at + 4 <= size; at += 4) {
        uint32_t place = data[at] | (uint32_t)data[at + 1] << 8 | (uint32_t)(data[at + 2] & 3) << 16;
        if (data[at + 2] & 0x80)
            fake_bundle.bytes[place % SECTOR] = data[at + 3];
        else
            fake.seen[SECTOR + place % ((CLUSTERS + 20) * SECTOR)] = data[at + 3];
    }
    if (data[0] & 1)
        fake_tables_sign();
    if (data[0] & 2)
        fake_bundle_sign();
    if (update_open(&update, &fake_update_disk, &fake_trust, &fake_floor, &standing) != 0)
        return 0;
    if (update_begin(&update, &fake_source) == 0)
        for (unsigned steps = 0; update_step(&update); steps++)
            if (steps > 10000)
                __builtin_trap();
    update_confirm(&update);
    return 0;
}
