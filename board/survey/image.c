/* SPDX-License-Identifier: Apache-2.0 */
/* The survey that boots by itself: no partition, no other core, the boot loader's page tables. Prints on every UART that it finds and on the
 * framebuffer, again and again. */
#include "arch.h"
#include "dev.h"
#include "memory.h"
#include "pci_parts.h"
#include "plan.h"
#include "screen_font.h"
#include "survey.h"
#include "x86.h"

#define MULTIBOOT2_MAGIC 0x36d76289u
#define INFO_MAX KIB(64)
#define ADDRESS_ENABLE 0x80000000u
#define SPARE_ROWS 3u /* a line may be broken twice */
#define PAGE_SECONDS 15u
#define AGAIN_SECONDS 30u
#define DELAY_PORT 0x80u /* a read takes about a microsecond */
#define KEYBOARD_STATUS 0x64u
#define KEYBOARD_DATA 0x60u

_Noreturn void boot_main(uint64_t magic, uint64_t information);
_Noreturn void ap_main(unsigned core);

/* The framebuffer's code asks for a board without a UART, and whether its time has come, which is always so here. */
static const struct board nowhere;
const struct plan plan = {.board = &nowhere};

static struct boot_info info;
static struct survey survey;
static uint16_t uarts[4];
static unsigned uart_count;
static uint32_t row, column; /* since the last pause; on the screen */
static const uint8_t *ecam;
static uint8_t ecam_last;

uint64_t arch_ticks(void)
{
    return rdtsc();
}

uint64_t arch_tsc_khz(void)
{
    return 0;
}

const void *boot_physical(uint64_t address, size_t size)
{
    return range_inside(address, size, 0, GIB(4)) ? (const void *)(uintptr_t)address : 0;
}

void *boot_memory(uint64_t address, size_t size)
{
    return range_inside(address, size, 0, GIB(4)) ? (void *)(uintptr_t)address : 0;
}

/* --- output --------------------------------------------------------------------------------------------------------------------------- */

/* True: a key was pressed, or input came on a UART. */
static bool key(void)
{
    uint8_t status = inb(KEYBOARD_STATUS);

    for (unsigned i = 0; i < uart_count; i++)
        if (inb((uint16_t)(uarts[i] + 5)) & 1) {
            (void)inb(uarts[i]);
            return true;
        }
    return status != 0xff && (status & 1) != 0 && inb(KEYBOARD_DATA) < 0x80;
}

static void wait(unsigned seconds)
{
    for (uint32_t us = 0; us < seconds * 1000000u; us++) {
        (void)inb(DELAY_PORT);
        if (us % 1024 == 0 && key())
            return;
    }
}

static void uarts_start(void)
{
    static const uint16_t usual[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};

    for (unsigned i = 0; i < ARRAY_SIZE(usual); i++) {
        uint16_t port = usual[i];

        if (inb((uint16_t)(port + 5)) == 0xff || (inb((uint16_t)(port + 1)) & 0xf0) != 0 || (inb((uint16_t)(port + 4)) & 0xe0) != 0)
            continue;
        uarts[uart_count++] = port;
        outb((uint16_t)(port + 1), 0);
        outb((uint16_t)(port + 3), 0x80); /* divisor 1: 115,200 baud; 8 bits, no parity; FIFO on */
        outb(port, 1);
        outb((uint16_t)(port + 1), 0);
        outb((uint16_t)(port + 3), 3);
        outb((uint16_t)(port + 2), 7);
        outb((uint16_t)(port + 4), 3);
    }
}

static void uart_put(uint16_t port, char c)
{
    for (unsigned tries = 0; tries < 100000 && !(inb((uint16_t)(port + 5)) & 0x20); tries++)
        ;
    outb(port, (uint8_t)c);
}

/* Rows of the screen that a character takes up, as screen.c breaks lines. */
static unsigned rows_taken(char c)
{
    bool full = c != '\n' && column != 0 && column == info.frame.width / FONT_WIDTH;

    column = c == '\n' ? 0 : full ? 1 : column + 1;
    return c == '\n' || full ? 1 : 0;
}

/* On a screen alone a page stays until a key is pressed or its time is over. */
void survey_put(char c)
{
    for (unsigned i = 0; i < uart_count; i++) {
        if (c == '\n')
            uart_put(uarts[i], '\r');
        uart_put(uarts[i], c);
    }
    row += rows_taken(c);
    if (c == '\n')
        screen_put('\r');
    screen_put(c);
    if (c == '\n' && uart_count == 0 && info.frame.height != 0 && row + SPARE_ROWS >= info.frame.height / FONT_HEIGHT) {
        wait(PAGE_SECONDS);
        row = 0;
    }
}

/* --- the machine ------------------------------------------------------------------------------------------------------------------------ */

uint8_t survey_port(uint16_t port)
{
    return inb(port);
}

bool survey_msr(uint32_t msr, uint64_t *value)
{
    *value = rdmsr(msr);
    return true;
}

uint32_t survey_ioapic_pins(uint64_t base)
{
    volatile uint32_t *ioapic = (volatile uint32_t *)(uintptr_t)base;

    if (base == 0 || base >= GIB(4))
        return 0;
    ioapic[0] = 1;
    return (ioapic[4] >> 16 & 0xff) + 1;
}

uint32_t survey_pci_read(uint16_t requester, unsigned offset, unsigned size)
{
    uint32_t value = UINT32_MAX;

    if (ecam != 0 && requester >> 8 <= ecam_last)
        value = ecam_read(ecam + ((size_t)requester << 12) + (offset & ~3u));
    else if (offset < 0x100) {
        outl(0xcf8, ADDRESS_ENABLE | (uint32_t)requester << 8 | (offset & ~3u));
        value = inl(0xcfc);
    }
    value >>= 8 * (offset & 3);
    return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

static void pci_write(uint16_t requester, unsigned offset, unsigned size, uint32_t value)
{
    if (ecam != 0 && requester >> 8 <= ecam_last) {
        ecam_write((uint8_t *)(uintptr_t)ecam + ((size_t)requester << 12) + offset, size, value);
        return;
    }
    if (offset >= 0x100)
        return;
    outl(0xcf8, ADDRESS_ENABLE | (uint32_t)requester << 8 | (offset & ~3u));
    if (size == 2)
        outw((uint16_t)(0xcfc + (offset & 2)), (uint16_t)value);
    else
        outl(0xcfc, value);
}

/* Which bits of a BAR can be written. PCI 3.0 6.2.5.1. */
static uint32_t bar_writable(uint16_t requester, unsigned offset)
{
    uint32_t kept = survey_pci_read(requester, offset, 4), found;

    pci_write(requester, offset, 4, UINT32_MAX);
    found = survey_pci_read(requester, offset, 4);
    pci_write(requester, offset, 4, kept);
    return found;
}

/* Nothing may answer at what is in the BARs meanwhile. */
void survey_pci_bars(uint16_t requester, unsigned at, unsigned count, struct board_bar *bars)
{
    uint32_t command = survey_pci_read(requester, PCI_COMMAND, 2);

    pci_write(requester, PCI_COMMAND, 2, command & ~COMMAND_DECODE);
    for (unsigned i = 0; i < count; i++) {
        uint32_t low = bar_writable(requester, at + 4 * i);
        bool ports = low & 1, wide = (low & 7) == 4 && i + 1 < count;
        uint64_t mask = ports ? low & 0xfffc : low & ~0xfu;

        if (wide)
            mask |= (uint64_t)bar_writable(requester, at + 4 * i + 4) << 32;
        if (mask != 0)
            bars[i] = (struct board_bar){.kind = ports  ? BAR_PORTS
                                                 : wide ? BAR_MEMORY64
                                                        : BAR_MEMORY32,
                                         .prefetchable = !ports && low & 8,
                                         .size = mask & (0 - mask)};
        i += wide;
    }
    pci_write(requester, PCI_COMMAND, 2, command);
}

/* The bridges above lead to as many buses as the firmware gave them; a VF beyond is not seen, and reads as ones. */
bool survey_vfs_on(uint16_t requester, unsigned capability, unsigned total)
{
    pci_write(requester, capability + SRIOV_COUNT, 2, total);
    pci_write(requester, capability + SRIOV_CONTROL, 2, SRIOV_ENABLE);
    wait(1); /* PCIe 9.3.3.3.1 */
    return survey_pci_read((uint16_t)(requester + survey_pci_read(requester, capability + SRIOV_PLACES, 2)), PCI_COMMAND, 4) !=
           UINT32_MAX;
}

void survey_vfs_off(uint16_t requester, unsigned capability)
{
    pci_write(requester, capability + SRIOV_CONTROL, 2, 0);
    wait(1);
}

/* --- from the boot loader ---------------------------------------------------------------------------------------------------------------- */

static _Noreturn void stop(const char *why)
{
    say("survey: %s\n", why);
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* Nothing masters the bus while it is looked at. */
static void quiet(void)
{
    for (uint32_t at = 0; at <= UINT16_MAX; at++)
        if (survey_pci_read((uint16_t)at, PCI_ID, 2) != 0xffff && survey_pci_read((uint16_t)at, PCI_CLASS + 2, 2) != 0x0806)
            pci_write((uint16_t)at, PCI_COMMAND, 2, survey_pci_read((uint16_t)at, PCI_COMMAND, 2) & ~COMMAND_MASTER);
}

static void look(void)
{
    const char *why = acpi_parse(info.rsdp, info.rsdp_size, &survey.acpi);

    if (why != 0)
        stop(why);
    if (info.rsdp_size == 0)
        stop("the boot loader names no ACPI tables; boot this image with GRUB 2");
    ecam = boot_physical(survey_ecam(info.rsdp, &ecam_last), MIB(1));
    quiet();
    memcpy(survey.map, info.ranges, sizeof(survey.map));
    survey.map_count = info.range_count;
    survey_cpu(&survey);
    survey_tables(&survey, info.rsdp);
    survey_functions(&survey);
    survey_spaces(&survey);
}

_Noreturn void boot_main(uint64_t magic, uint64_t information)
{
    const uint32_t *head = boot_physical(information, 8);
    const char *why = "not started by a multiboot2 loader";

    uarts_start();
    if ((uint32_t)magic == MULTIBOOT2_MAGIC && head != 0 && head[0] <= INFO_MAX)
        why = bootinfo_parse(head, head[0], &info);
    if (why == 0)
        screen_init(&info);
    if (why != 0)
        stop(why);
    say("survey: looking at this machine\n");
    look();
    for (;;) {
        row = 0;
        survey_print(&survey, "its image");
        say("survey: printed again after %u seconds, or at a key\n", AGAIN_SECONDS);
        wait(AGAIN_SECONDS);
    }
}

/* The start-up code names these for other cores, which stay where the firmware left them. */
_Noreturn void ap_main(unsigned core)
{
    (void)core;
    stop("a core that nobody started");
}
