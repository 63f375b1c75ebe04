/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot loader and the firmware's tables say, reduced once to two checked structs. Everything read is untrusted. */
#ifndef BULKHEAD_BOOTINFO_H
#define BULKHEAD_BOOTINFO_H

#include "types.h"

#define BOOT_MAX_RANGES 64u
#define BOOT_MAX_MODULES 20u
#define BOOT_MODULE_NAME 64u

struct boot_range {
    uint64_t base, size;
    uint32_t type; /* 1: usable RAM; others as E820 */
};

struct boot_module {
    uint64_t base, size;
    char name[BOOT_MODULE_NAME]; /* its command line, NUL-terminated */
};

/* Where the firmware shows pixels; bits 0: nowhere, or not as we can. */
struct boot_frame {
    uint64_t address;
    uint32_t pitch, width, height; /* bytes, pixels, lines */
    uint8_t bits;                  /* of a pixel */
};

struct boot_info {
    struct boot_range ranges[BOOT_MAX_RANGES];
    uint32_t range_count;
    struct boot_module modules[BOOT_MAX_MODULES];
    uint32_t module_count;
    uint8_t rsdp[36]; /* copy of the RSDP from the tag, zeroed if there was none */
    uint32_t rsdp_size;
    struct boot_frame frame;
};

/* Little-endian words at any address. */
static inline uint32_t read32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline uint64_t read64(const uint8_t *p)
{
    return read32(p) | (uint64_t)read32(p + 4) << 32;
}

/* Parse the multiboot2 information of `size` bytes at `info` (Multiboot2 3.6). Returns 0, or why it was refused. */
const char *bootinfo_parse(const void *info, size_t size, struct boot_info *out);

struct acpi_info {
    uint32_t apic_ids[64]; /* enabled local APICs and x2APICs of the MADT, in its order */
    uint32_t core_count;
    uint64_t lapic_base;
    uint64_t ioapic_base;
    uint32_t ioapic_gsi_base, ioapic_count;
    uint32_t irq0_gsi;      /* after interrupt source overrides */
    uint32_t pm_timer_port; /* 0: none */
    uint8_t iommu[4096];    /* copy of the DMAR or IVRS */
    uint32_t iommu_size;    /* 0: neither */
};

/* Walk RSDP -> RSDT/XSDT -> MADT, FADT, DMAR or IVRS. Checks signatures, lengths, checksums; every length and count is bounded. Physical
 * memory is read through boot_physical() only. rsdp may be zeroed: then the legacy BIOS area is searched. Returns 0, or why not. */
const char *acpi_parse(const uint8_t *rsdp, size_t rsdp_size, struct acpi_info *out);

/* Boot time only: `size` bytes at physical `address`, or 0 if that is not reachable (above 4 GiB, or wraps). */
const void *boot_physical(uint64_t address, size_t size);

/* The same for writing: usable memory that nothing has been put in. */
void *boot_memory(uint64_t address, size_t size);

/* Move modules that lie outside the image zone to free places in it, and note where they are then. What finds no place stays. The zone is
 * usable memory: facts_zone_usable(). */
void modules_gather(struct boot_info *boot, uint64_t zone, uint64_t zone_size);

/* The whole image zone of the plan is usable memory of this machine. */
bool facts_zone_usable(const struct boot_info *boot);

/* Show on this framebuffer what a UART is not there for. Nothing is shown on a board with a UART, or where the framebuffer is in the way of
 * memory or of devices. After bootinfo_parse(), the boot tables on. */
void screen_init(const struct boot_info *boot);

/* Compare what was found with the plan and its board: prints one line per difference, with its CFG-9nn id, what was expected,
 * what was found and a hint. Returns the number of differences. */
unsigned facts_compare(const struct boot_info *boot, const struct acpi_info *acpi);

#endif
