/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as multiboot2 information: no access outside them, and what is accepted keeps the promises of bootinfo.h. A libFuzzer
 * entry point; test_bootinfo.c calls it too. */
#include <stdlib.h>
#include <string.h>

#include "bootinfo.h"
#include "promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_promises(const struct boot_info *info)
{
    PROMISE(info->range_count >= 1 && info->range_count <= BOOT_MAX_RANGES);
    PROMISE(info->module_count <= BOOT_MAX_MODULES && info->rsdp_size <= sizeof(info->rsdp));
    for (uint32_t i = 0; i < info->range_count; i++)
        PROMISE(info->ranges[i].size != 0 && info->ranges[i].base + info->ranges[i].size >= info->ranges[i].base);
    for (uint32_t i = 0; i < info->module_count; i++) {
        const struct boot_module *m = &info->modules[i];

        PROMISE(m->size != 0 && m->base + m->size > m->base && m->base + m->size <= UINT32_MAX);
        PROMISE(memchr(m->name, 0, sizeof(m->name)) != NULL);
        for (uint32_t j = 0; j < i; j++)
            PROMISE(!range_overlap(m->base, m->size, info->modules[j].base, info->modules[j].size));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1); /* so that the sanitizer sees the first byte too many */
    struct boot_info info;

    if (exact == NULL)
        abort();
    if (size != 0)
        memcpy(exact, data, size);
    if (bootinfo_parse(exact, size, &info) == NULL)
        check_promises(&info);
    free(exact);
    return 0;
}
