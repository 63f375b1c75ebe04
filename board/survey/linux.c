/* SPDX-License-Identifier: Apache-2.0 */
/* The survey under any Linux, as root: from /sys, the processor itself, and the ports that root may read. Changes nothing, but with --vfs it
 * switches virtual functions on for a moment. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/klog.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "pci_parts.h"
#include "survey.h"

#define PCI "/sys/bus/pci/devices/"
#define TABLES "/sys/firmware/acpi/tables/"
#define ARENA MIB(8)
#define RSDP_AT 64u
#define XSDT_AT 4096u
#define TABLES_AT KIB(64)
#define ACPI_HEADER 36u
#define FADT_DSDT 40u
#define FADT_X_DSDT 140u
#define FUNCTIONS_MAX 512u
#define FLAG_PORTS 0x100ul /* of the kernel's file `resource` */
#define FLAG_MEMORY 0x200ul
#define FLAG_PREFETCH 0x2000ul
#define FLAG_64 0x100000ul
#define RESOURCE_VFS 7u /* its line of the first BAR of the virtual functions */

static uint8_t arena[ARENA]; /* tables, where boot_physical() finds them */
static struct {
    uint16_t requester;
    uint8_t space[4096];
} functions[FUNCTIONS_MAX];
static unsigned function_count;
static bool vfs_wanted;
static struct survey survey;

static __attribute__((noreturn)) void fail(const char *what)
{
    fprintf(stderr, "survey: %s: %s\n", what, strerror(errno));
    exit(1);
}

static long file_read(const char *path, void *out, size_t room)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    long count = -1;

    while (file >= 0 && used < room && (count = read(file, (char *)out + used, room - used)) > 0)
        used += (size_t)count;
    if (file >= 0)
        close(file);
    return file < 0 || count < 0 ? -1 : (long)used;
}

static bool file_write(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    bool good = file >= 0 && write(file, text, strlen(text)) == (long)strlen(text);

    if (file >= 0)
        close(file);
    return good;
}

void survey_put(char c)
{
    putchar(c);
}

/* --- tables: those of /sys behind a root table of ours ------------------------------------------------------------------------------ */

const void *boot_physical(uint64_t address, size_t size)
{
    return address != 0 && range_inside(address, size, 0, ARENA) ? arena + address : 0;
}

static void put(uint64_t at, uint64_t value, unsigned size)
{
    memcpy(arena + at, &value, size);
}

static void sum_set(uint64_t at, uint32_t size, uint32_t place)
{
    uint8_t sum = 0;

    arena[at + place] = 0;
    for (uint32_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + arena[at + i]);
    arena[at + place] = (uint8_t)-sum;
}

/* The FADT's pointers are those of the machine. */
static void fadt_change(uint64_t fadt, uint32_t size, uint64_t dsdt)
{
    put(fadt + FADT_DSDT, dsdt, 4);
    if (size >= FADT_X_DSDT + 8)
        put(fadt + FADT_X_DSDT, dsdt, 8);
    sum_set(fadt, size, 9);
}

static void tables_load(void)
{
    uint64_t at = TABLES_AT, fadt = 0, dsdt = 0;
    uint32_t count = 0, fadt_size = 0;
    struct dirent *entry;
    DIR *folder = opendir(TABLES);

    if (!folder)
        fail(TABLES);
    while ((entry = readdir(folder)) != 0 && count < 200 && at < ARENA - MIB(1)) {
        char path[512];
        long size;

        snprintf(path, sizeof(path), TABLES "%s", entry->d_name);
        if (entry->d_name[0] == '.' || entry->d_type == DT_DIR)
            continue;
        size = file_read(path, arena + at, MIB(1));
        if (size < 0)
            fail(path);
        if (size < (long)ACPI_HEADER || read32(arena + at + 4) != (uint32_t)size)
            continue; /* FACS */
        if (!memcmp(arena + at, "FACP", 4)) {
            fadt = at;
            fadt_size = (uint32_t)size;
        } else if (!memcmp(arena + at, "DSDT", 4))
            dsdt = at;
        put(XSDT_AT + ACPI_HEADER + 8 * count++, at, 8);
        at = (at + (uint64_t)size + 63) & ~63ull;
    }
    closedir(folder);
    if (fadt)
        fadt_change(fadt, fadt_size, dsdt);
    memcpy(arena + XSDT_AT, "XSDT", 4);
    put(XSDT_AT + 4, ACPI_HEADER + 8 * count, 4);
    sum_set(XSDT_AT, ACPI_HEADER + 8 * count, 9);
    memcpy(arena + RSDP_AT, "RSD PTR ", 8);
    arena[RSDP_AT + 15] = 2;
    put(RSDP_AT + 20, 36, 4);
    put(RSDP_AT + 24, XSDT_AT, 8);
    sum_set(RSDP_AT, 20, 8);
    sum_set(RSDP_AT, 36, 32);
}

/* --- memory --------------------------------------------------------------------------------------------------------------------------- */

static bool number_read(const char *path, uint64_t *value)
{
    char text[64] = {0};

    if (file_read(path, text, sizeof(text) - 1) <= 0)
        return false;
    *value = strtoull(text, 0, 0);
    return true;
}

static void map_load(void)
{
    for (unsigned i = 0; i < BOOT_MAX_RANGES; i++) {
        struct boot_range *range = &survey.map[survey.map_count];
        char path[128], type[64] = {0};
        uint64_t end;

        snprintf(path, sizeof(path), "/sys/firmware/memmap/%u/start", i);
        if (!number_read(path, &range->base))
            break;
        snprintf(path, sizeof(path), "/sys/firmware/memmap/%u/end", i);
        if (!number_read(path, &end))
            break;
        snprintf(path, sizeof(path), "/sys/firmware/memmap/%u/type", i);
        (void)file_read(path, type, sizeof(type) - 1);
        range->size = end - range->base + 1;
        range->type = strncmp(type, "System RAM", 10) ? 2 : 1;
        survey.map_count++;
    }
    if (survey.map_count == 0)
        fail("/sys/firmware/memmap (CONFIG_FIRMWARE_MEMMAP)");
}

/* --- PCI -------------------------------------------------------------------------------------------------------------------------------- */

static void function_load(uint16_t requester, const char *path)
{
    long size;

    if (function_count == FUNCTIONS_MAX)
        return;
    memset(functions[function_count].space, 0xff, 4096);
    size = file_read(path, functions[function_count].space, 4096);
    if (size < 0)
        fail(path);
    if (size < 256) {
        errno = EPERM;
        fail(path);
    }
    functions[function_count++].requester = requester;
}

static void functions_load(void)
{
    struct dirent *entry;
    DIR *folder = opendir(PCI);

    if (!folder)
        fail(PCI);
    while ((entry = readdir(folder)) != 0) {
        unsigned domain, bus, device, function;
        char path[512];

        if (sscanf(entry->d_name, "%x:%x:%x.%x", &domain, &bus, &device, &function) != 4 || domain != 0)
            continue;
        snprintf(path, sizeof(path), PCI "%s/physfn", entry->d_name);
        if (access(path, F_OK) == 0)
            continue; /* a virtual one that somebody has switched on */
        snprintf(path, sizeof(path), PCI "%s/config", entry->d_name);
        function_load(pci_requester(bus, device, function), path);
    }
    closedir(folder);
}

uint32_t survey_pci_read(uint16_t requester, unsigned offset, unsigned size)
{
    uint32_t value = UINT32_MAX;

    for (unsigned i = 0; i < function_count; i++)
        if (functions[i].requester == requester)
            memcpy(&value, functions[i].space + offset, size);
    return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

static void path_of(char *path, size_t room, uint16_t requester, const char *file)
{
    snprintf(path, room, PCI "0000:" PCI_NAME "/%s", PCI_NAMED(requester), file);
}

/* The kernel has sized the BARs: a line for each, those of all virtual functions together. */
void survey_pci_bars(uint16_t requester, unsigned at, unsigned count, struct board_bar *bars)
{
    unsigned long long start, end, flags, share = 1;
    unsigned first = at == PCI_BARS ? 0 : RESOURCE_VFS, line = 0;
    char path[128];
    FILE *file;

    if (first != 0)
        share = survey_pci_read(requester, at - SRIOV_BARS + SRIOV_TOTAL, 2);
    path_of(path, sizeof(path), requester, "resource");
    file = fopen(path, "r");
    if (!file)
        fail(path);
    for (; line < first + count && fscanf(file, "%llx %llx %llx", &start, &end, &flags) == 3; line++) {
        bool ports = flags & FLAG_PORTS;

        if (line < first || !(flags & (FLAG_PORTS | FLAG_MEMORY)) || end <= start)
            continue;
        bars[line - first] = (struct board_bar){.kind = ports             ? BAR_PORTS
                                                        : flags & FLAG_64 ? BAR_MEMORY64
                                                                          : BAR_MEMORY32,
                                                .prefetchable = !ports && flags & FLAG_PREFETCH,
                                                .size = (end - start + 1) / share};
    }
    fclose(file);
}

/* By the driver that has the function; nobody else's is bound to the virtual ones. */
bool survey_vfs_on(uint16_t requester, unsigned capability, unsigned total)
{
    char path[160], count[16];
    unsigned at;
    uint16_t vf;

    if (!vfs_wanted)
        return false;
    path_of(path, sizeof(path), requester, "sriov_drivers_autoprobe");
    (void)file_write(path, "0");
    snprintf(count, sizeof(count), "%u", total);
    path_of(path, sizeof(path), requester, "sriov_numvfs");
    if (!file_write(path, count))
        return false;
    for (at = 0; functions[at].requester != requester; at++)
        ;
    path_of(path, sizeof(path), requester, "config");
    (void)file_read(path, functions[at].space, 4096);
    vf = (uint16_t)(requester + survey_pci_read(requester, capability + SRIOV_PLACES, 2));
    path_of(path, sizeof(path), requester, "virtfn0/config");
    function_load(vf, path);
    return true;
}

void survey_vfs_off(uint16_t requester, unsigned capability)
{
    char path[128];

    (void)capability;
    function_count--; /* the virtual one */
    path_of(path, sizeof(path), requester, "sriov_numvfs");
    (void)file_write(path, "0");
}

/* --- the rest ---------------------------------------------------------------------------------------------------------------------------- */

bool survey_msr(uint32_t msr, uint64_t *value)
{
    int file = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
    bool good = file >= 0 && pread(file, value, 8, msr) == 8;

    if (file >= 0)
        close(file);
    return good;
}

uint8_t survey_port(uint16_t port)
{
    return ioperm(port, 1, 1) == 0 ? inb(port) : 0xff;
}

/* The kernel has said how many there are, if it still remembers. */
uint32_t survey_ioapic_pins(uint64_t base)
{
    static char text[MIB(1)];
    char wanted[64];
    unsigned first, last;
    const char *line;

    if (klogctl(3, text, sizeof(text) - 1) < 0)
        return 0;
    snprintf(wanted, sizeof(wanted), "address 0x%llx, GSI ", (unsigned long long)base);
    line = strstr(text, wanted);
    return line && sscanf(line + strlen(wanted), "%u-%u", &first, &last) == 2 ? last - first + 1 : 0;
}

int main(int argc, char **argv)
{
    struct utsname name;
    char source[140];
    const char *why;
    cpu_set_t first;

    vfs_wanted = argc == 2 && !strcmp(argv[1], "--vfs");
    if (argc > 2 || (argc == 2 && !vfs_wanted)) {
        fprintf(stderr, "usage: %s [--vfs]   as root; --vfs: switch virtual functions on for a moment, to see what they have\n",
                argv[0]);
        return 2;
    }
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    if (sched_setaffinity(0, sizeof(first), &first) != 0)
        fail("processor 0");
    tables_load();
    map_load();
    functions_load();
    why = acpi_parse(arena + RSDP_AT, 36, &survey.acpi);
    if (why) {
        fprintf(stderr, "survey: %s\n", why);
        return 1;
    }
    survey_cpu(&survey);
    survey_tables(&survey, arena + RSDP_AT);
    survey_functions(&survey);
    survey_spaces(&survey);
    uname(&name);
    snprintf(source, sizeof(source), "%s %s", name.sysname, name.release);
    survey_print(&survey, source);
    return fflush(stdout) == 0 ? 0 : 1;
}
