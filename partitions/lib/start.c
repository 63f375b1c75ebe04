/* SPDX-License-Identifier: Apache-2.0 */
/* From the entry code to main() and from there to the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "lib.h"

#define MAX_ARGS 64

int main(int argc, char **argv);
void bh_start(void);

const struct bh_start_info *bh_start_info(void)
{
    return (const struct bh_start_info *)(uintptr_t)BH_ABI_GPA;
}

static void check_start_info(void)
{
    const struct bh_start_info *info = bh_start_info();

    if (info->magic != BH_START_MAGIC || info->version != BH_ABI_VERSION || info->size < sizeof(*info) ||
        info->ram_size < (uintptr_t)bh_image_end)
        bh_end(BH_END_ABORT, 0, 0);
}

/* Called by crt0.S on the first core, interrupts off, with the entry code's page tables. */
void bh_start(void)
{
    static char name[BH_NAME_MAX], args[BH_ARGS_MAX];
    static char *argv[MAX_ARGS + 2];

    check_start_info();
    trap_init();
    trap_load(&bh_cores[0]);
    paging_init();
    time_init();
    apic_init(bh_start_info()->x2apic);
    apic_core_init();
    console_init();
    cpu_sti();

    memcpy(name, bh_start_info()->name, sizeof(name) - 1);
    memcpy(args, bh_start_info()->args, sizeof(args) - 1);
    argv[0] = name;
    int argc = 1 + args_split(args, argv + 1, MAX_ARGS);
    exit(main(argc, argv));
}
