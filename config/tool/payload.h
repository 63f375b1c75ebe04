/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads: one file per partition, made on the host from whatever image format it has, so that the hypervisor needs no
 * image parser: it copies segments. Host code. */
#ifndef BULKHEAD_PAYLOAD_H
#define BULKHEAD_PAYLOAD_H

#include <stddef.h>

#include "board.h"
#include "plan.h"
#include "product.h"

#define PAYLOAD_MAX_SEGMENTS 16

struct payload {
    uint8_t *bytes; /* malloc */
    size_t size;
    struct plan_segment segments[PAYLOAD_MAX_SEGMENTS];
    uint32_t segment_count;
    struct plan_entry entry;
    gpa_t tsc_khz_text;
    uint32_t tsc_khz_width;
    gpa_t files; /* 0: none */
    uint64_t files_size;
};

/* Each returns 0, or -1 with a one-line reason in `why` (file, what is wrong, what to do). `memory` is the partition's RAM size;
 * RAM starts at guest-physical 0 and continues from 4 GiB where it reaches board->pci_hole. */
/* A 64-bit or 32-bit x86 ELF, entered in 32-bit protected mode at e_entry; refuses W+X segments, segments outside RAM. */
int payload_unikernel(const char *elf, const struct partition_spec *spec, const struct board *board, struct payload *out, char *why,
                      size_t why_size);
/* A bzImage by the 32-bit boot protocol, or a vmlinux by its PVH entry, as the file is: memory map, command line (+ room for
 * tsc_early_khz), hardware-reduced ACPI tables at 0xe0000, initrd. */
int payload_linux(const char *kernel, const char *initrd, const struct product *product, const struct partition_spec *spec,
                  const struct board *board, struct payload *out, char *why, size_t why_size);

/* Add a unikernel's archive of files at the top of its RAM. */
int payload_files(const char *archive, const struct partition_spec *spec, const struct board *board, struct payload *payload,
                  char *why, size_t why_size);

void payload_free(struct payload *payload);

/* ACPI tables of a Linux partition into a buffer that will stand at guest-physical `base`; returns bytes used. */
size_t acpi_build(uint8_t *buffer, size_t size, uint32_t base, const struct product *product, const struct partition_spec *spec,
                  const struct board *board);

#endif
