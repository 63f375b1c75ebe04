/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a board table: what no PC can be like. Whether this PC is like it, the target itself checks (CFG-9nn). */
#include "plan_layout.h"
#include "rules.h"

#define HEX(x) ((unsigned long long)(x))
#define PHYSICAL_END (1ull << 46)
#define ABI_AREA 0xf0000000u
#define PORT_PLATFORM_END 0x200u /* below: DMA, PIC, PIT, keyboard, RTC, IDE */
#define PORT_ACPI 0x400u         /* chipsets place ACPI registers here or above */

static bool port_is_pci_config(uint32_t port)
{
    return port >= 0xcf8 && port <= 0xcff;
}

void rule_board_name(struct check *check)
{
    const char *name = check->board->name;
    if (!text_name(name, 31, true))
        found(check, (struct place){"board", 0, "name"}, "the name becomes part of file names and of the boot log",
              "use 1 to 31 of a-z, 0-9, '-' and '_'", "%s", name ? name : "not set");
}

void rule_board_vendor(struct check *check)
{
    unsigned virt = (unsigned)check->board->virt;
    if (virt != VIRT_SVM && virt != VIRT_VMX)
        found(check, (struct place){"board", 0, "virt"}, "without hardware virtualisation nothing separates the partitions",
              "set VIRT_SVM (AMD) or VIRT_VMX (Intel)", "%u", virt);
}

void rule_board_core_count(struct check *check)
{
    uint32_t n = check->board->core_count;
    if (n < 1 || n > BOARD_MAX_CORES)
        found(check, (struct place){"board", 0, "core_count"}, "the table of cores holds 1 to 32", "count the entries of .cores",
              "%u", n);
}

void rule_board_apic_unique(struct check *check)
{
    const struct board_core *cores = check->board->cores;
    for (uint32_t i = 0; i < board_cores(check->board); i++)
        for (uint32_t j = 0; j < i; j++)
            if (cores[i].apic_id == cores[j].apic_id) {
                char field[40];
                snprintf(field, sizeof(field), "cores[%u].apic_id", i);
                found(check, (struct place){"board", 0, field},
                      "two cores cannot have the same APIC id: an interrupt would reach both",
                      "copy the ids from the MADT; is core_count larger than the list?", "%u, as cores[%u]", cores[i].apic_id, j);
                break;
            }
}

void rule_board_apic_range(struct check *check)
{
    for (uint32_t i = 0; i < board_cores(check->board); i++) {
        char field[40];
        snprintf(field, sizeof(field), "cores[%u].apic_id", i);
        if (check->board->cores[i].apic_id >= 255)
            found(check, (struct place){"board", 0, field}, "IO-APIC and xAPIC address 8 bits, and 255 means every core",
                  "leave this core out of the table", "%u", check->board->cores[i].apic_id);
    }
}

void rule_board_smt_package(struct check *check)
{
    const struct board_core *cores = check->board->cores;
    for (uint32_t i = 0; i < board_cores(check->board); i++)
        for (uint32_t j = 0; j < i; j++)
            if (cores[i].smt_group == cores[j].smt_group && cores[i].package != cores[j].package) {
                char field[40];
                snprintf(field, sizeof(field), "cores[%u].smt_group", i);
                found(check, (struct place){"board", 0, field},
                      "siblings are threads of one physical core, which is in one package",
                      "number physical cores uniquely over all packages", "%u, as cores[%u] of another package", cores[i].smt_group,
                      j);
                return;
            }
}

void rule_board_ram_count(struct check *check)
{
    uint32_t n = check->board->ram_count;
    if (n < 1 || n > BOARD_MAX_RAM)
        found(check, (struct place){"board", 0, "ram_count"}, "the table of RAM ranges holds 1 to 16",
              "count the entries of .ram; leave out the smallest", "%u", n);
}

static bool range_sound(const struct board_ram *ram)
{
    return ram->size != 0 && ram->base < PHYSICAL_END && ram->size <= PHYSICAL_END - ram->base;
}

static void found_range(struct check *check, uint32_t i, const char *reason, const char *hint)
{
    const struct board_ram *ram = &check->board->ram[i];
    char field[40];
    snprintf(field, sizeof(field), "ram[%u]", i);
    found(check, (struct place){"board", 0, field}, reason, hint, "base 0x%llx, size 0x%llx", HEX(ram->base), HEX(ram->size));
}

void rule_board_ram_range(struct check *check)
{
    for (uint32_t i = 0; i < board_ranges(check->board); i++)
        if (!range_sound(&check->board->ram[i]))
            found_range(check, i, "a range is not empty, does not wrap and ends below 64 TiB",
                        "copy base and length from the firmware's memory map; is ram_count larger than the list?");
}

void rule_board_ram_order(struct check *check)
{
    const struct board_ram *ram = check->board->ram;
    for (uint32_t i = 1; i < board_ranges(check->board); i++)
        if (range_sound(&ram[i - 1]) && range_sound(&ram[i]) && ram[i].base < ram[i - 1].base + ram[i - 1].size)
            found_range(check, i, "it begins before the range in front of it ends: a page could be given away twice",
                        "sort the ranges and merge those that overlap");
}

void rule_board_pci_hole(struct check *check)
{
    uint64_t hole = check->board->pci_hole;
    if (hole < MIB(16) || hole > ABI_AREA || hole % LARGE_SIZE)
        found(check, (struct place){"board", 0, "pci_hole"},
              "guest RAM ends here and goes on at 4 GiB; the ABI area at 0xf0000000 and the APICs must stay above it",
              "use the start of the firmware's PCI window, rounded down to 2 MiB", "0x%llx", HEX(hole));
}

void rule_board_ram_hole(struct check *check)
{
    uint64_t hole = check->board->pci_hole;
    if (check_has(check, "CFG-613"))
        return;
    for (uint32_t i = 0; i < board_ranges(check->board); i++) {
        const struct board_ram *ram = &check->board->ram[i];
        if (range_sound(ram) && range_overlap(ram->base, ram->size, hole, GIB(4) - hole))
            found_range(check, i, "it reaches into the PCI hole, where devices answer instead of RAM",
                        "raise pci_hole to the end of the RAM below 4 GiB, or correct the range");
    }
}

void rule_board_load(struct check *check)
{
    uint64_t load = check->board->load;
    if (load % LARGE_SIZE != 0 || load >= GIB(2))
        found(check, (struct place){"board", 0, "load"}, "the code is linked for this address, and mapped by large pages",
              "use a multiple of 2 MiB below 2 GiB, or 0 for 1 MiB", "0x%llx", HEX(load));
}

void rule_board_hypervisor(struct check *check)
{
    static const char *const needed[] = {"CFG-102", "CFG-204", "CFG-603", "CFG-610", "CFG-611",
                                         "CFG-612", "CFG-613", "CFG-614", "CFG-616"};
    struct layout layout = {0};
    for (unsigned i = 0; i < ARRAY_SIZE(needed); i++)
        if (check_has(check, needed[i]))
            return;
    for (unsigned i = 0; i < check->partitions; i++)
        if (check->product->partitions[i].cores > BOARD_MAX_CORES || check->product->partitions[i].memory > PARTITION_MAX_MEMORY)
            return;
    if (!layout_hypervisor(check->product, check->board, 0, &layout))
        found(check, (struct place){"board", 0, "ram"},
              "the hypervisor, its image zone and the crash record lie in one range from its load address on",
              "check the ranges, and load", "no range holds 0x%llx .. 0x%llx", HEX(layout.hypervisor), HEX(layout.free - 1));
}

void rule_board_baud(struct check *check)
{
    uint32_t baud = check->board->uart.baud;
    if (check->board->uart.port && (baud < 1200 || baud > 115200 || 115200 % baud))
        found(check, (struct place){"board", 0, "uart.baud"}, "a 16550's divisor makes it from 115,200",
              "use 115200, 57600, 38400, 19200 or 9600", "%u", baud);
}

void rule_board_screen(struct check *check)
{
    const struct board *b = check->board;
    for (uint32_t i = 0; b->uart.port == 0 && i < b->function_count && i < BOARD_MAX_FUNCTIONS; i++)
        if (b->functions[i].class_code >> 16 == 3 && b->functions[i].role)
            found(check, (struct place){"board", 0, "functions[].role"},
                  "without a UART the console is on the screen, which a partition could take away or forge",
                  "give the display adapter no role, or name the UART", "%s", b->functions[i].role);
}

static bool uart_port_sound(const struct board *board)
{
    uint32_t port = board->uart.port;
    return port % 8 == 0 && port >= PORT_PLATFORM_END && !port_is_pci_config(port);
}

void rule_board_uart_port(struct check *check)
{
    if (check->board->uart.port && !uart_port_sound(check->board))
        found(check, (struct place){"board", 0, "uart.port"},
              "a 16550 has 8 ports at a multiple of 8, and below 0x200 and at 0xcf8 others live",
              "use 0x3f8 (COM1), 0x2f8 (COM2) or what the board's manual says", "0x%x", check->board->uart.port);
}

void rule_board_ioapic_base(struct check *check)
{
    uint64_t base = check->board->ioapic.base;
    if (base % PAGE_SIZE || base < 0xfec00000 || base >= 0xfee00000)
        found(check, (struct place){"board", 0, "ioapic.base"}, "IO-APICs of PCs are pages between 0xfec00000 and the local APIC",
              "copy it from the MADT; nearly always 0xfec00000", "0x%llx", HEX(base));
}

void rule_board_ioapic_pins(struct check *check)
{
    uint32_t pins = check->board->ioapic.pins, base = check->board->ioapic.gsi_base;
    if (pins < 1 || pins > 240 || base > 1024 - 240)
        found(check, (struct place){"board", 0, "ioapic.pins"},
              "its version register counts at most 240 pins, and interrupt numbers stay below 1024",
              "copy both from the MADT and the chipset's manual; most have 24 from 0", "%u from %u", pins, base);
}

static bool pin_known(const struct board *board, uint32_t gsi)
{
    return gsi >= board->ioapic.gsi_base && gsi - board->ioapic.gsi_base < board->ioapic.pins;
}

void rule_board_pin_range(struct check *check)
{
    const struct board *b = check->board;
    const char *reason = "it is not a pin of the board's IO-APIC",
               *hint = "copy it from the MADT's overrides; PIT: 2, COM1: 4 on most PCs";
    if (check_has(check, "CFG-623"))
        return;
    if (b->uart.port && !pin_known(b, b->uart.gsi))
        found(check, (struct place){"board", 0, "uart.gsi"}, reason, hint, "%u", b->uart.gsi);
    if (!pin_known(b, b->pit.gsi))
        found(check, (struct place){"board", 0, "pit.gsi"}, reason, hint, "%u", b->pit.gsi);
}

void rule_board_pin_distinct(struct check *check)
{
    const struct board *b = check->board;
    if (b->uart.port && b->uart.gsi == b->pit.gsi)
        found(check, (struct place){"board", 0, "uart.gsi"},
              "the UART and the PIT cannot share a pin: both are delivered as NMI without a status to ask",
              "copy them from the MADT; PIT: 2, COM1: 4 on most PCs", "%u, as pit.gsi", b->uart.gsi);
}

void rule_board_pm_timer(struct check *check)
{
    uint32_t port = check->board->pm_timer_port;
    if (port && (port % 4 || port < PORT_ACPI || port_is_pci_config(port)))
        found(check, (struct place){"board", 0, "pm_timer_port"}, "it is a 32-bit ACPI register",
              "copy PM_TMR_BLK from the FADT; 0 means none", "0x%x", port);
}

static bool acpi_port(uint32_t port)
{
    return port >= PORT_ACPI && !port_is_pci_config(port);
}

static bool reset_port_sound(const struct board *board)
{
    uint32_t port = board->reset.port;
    return port == 0 || port == 0xcf9 || port == 0x64 || port == 0x92 || acpi_port(port);
}

void rule_board_reset_port(struct check *check)
{
    if (!reset_port_sound(check->board))
        found(check, (struct place){"board", 0, "reset.port"},
              "no PC resets by a write to this port, and another device may take it for a command",
              "use 0xcf9, 0x64, the FADT's RESET_REG, or 0 for a triple fault", "0x%x", check->board->reset.port);
}

void rule_board_reset_value(struct check *check)
{
    uint32_t port = check->board->reset.port, value = check->board->reset.value;
    bool bad = (port == 0xcf9 && (value & 6) != 6) || (port == 0x64 && value != 0xfe) || (port == 0x92 && !(value & 1));
    if (bad)
        found(check, (struct place){"board", 0, "reset.value"}, "this value does not reset at this port",
              "use 0x06 or 0x0e at 0xcf9, 0xfe at 0x64, 0x01 at 0x92", "0x%02x at port 0x%x", value, port);
}

void rule_board_poweroff(struct check *check)
{
    uint32_t port = check->board->poweroff.port, value = check->board->poweroff.value;
    if (port && (port % 2 || !acpi_port(port) || !(value & 0x2000)))
        found(check, (struct place){"board", 0, "poweroff.port"},
              "power off is a 16-bit write to PM1a control with SLP_EN (bit 13) set",
              "copy PM1a_CNT_BLK from the FADT and SLP_TYP of _S5 into the value; 0 means halt", "0x%x, value 0x%x", port, value);
}

void rule_board_port_overlap(struct check *check)
{
    const struct board *b = check->board;
    const struct {
        const char *field;
        uint32_t port, size;
    } ports[] = {{"uart.port", b->uart.port, 8},
                 {"pm_timer_port", b->pm_timer_port, 4},
                 {"reset.port", b->reset.port, 1},
                 {"poweroff.port", b->poweroff.port, 2}};
    for (unsigned i = 0; i < ARRAY_SIZE(ports); i++)
        for (unsigned j = 0; j < i; j++)
            if (ports[i].port && ports[j].port && range_overlap(ports[i].port, ports[i].size, ports[j].port, ports[j].size))
                found(check, (struct place){"board", 0, ports[i].field}, "two devices cannot answer at the same port",
                      "copy the ports from the FADT and the board's manual", "0x%x, %s is 0x%x", ports[i].port, ports[j].field,
                      ports[j].port);
}

void rule_board_watchdog_kind(struct check *check)
{
    if ((unsigned)check->board->watchdog.kind > WATCHDOG_FCH)
        found(check, (struct place){"board", 0, "watchdog.kind"}, "not a value of enum board_watchdog",
              "use one of those, or WATCHDOG_NONE", "%u", (unsigned)check->board->watchdog.kind);
}

static bool watchdog_named(const struct board *board)
{
    return board->watchdog.kind != WATCHDOG_NONE;
}

void rule_board_watchdog_address(struct check *check)
{
    const struct board *b = check->board;
    if (watchdog_named(b) && (b->watchdog.device > 31 || b->watchdog.function > 7))
        found(check, (struct place){"board", 0, "watchdog.device"}, "PCI has 32 devices on a bus and 8 functions in a device",
              "copy it from lspci", "%02x:%02x.%x", b->watchdog.bus, b->watchdog.device, b->watchdog.function);
}

void rule_board_watchdog_timeout(struct check *check)
{
    uint32_t ms = check->board->watchdog.timeout_ms;
    if (watchdog_named(check->board) && (ms < 2000 || ms > 600000))
        found(
            check, (struct place){"board", 0, "watchdog.timeout_ms"},
            "the watchdog is fed once all cores have answered, which is looked for each second; its counter ends near ten minutes",
            "use 2,000 to 600,000", "%u", ms);
}

/* Its counter is loaded with at least 4 ticks of 0.6 s for each of two stages. */
void rule_board_watchdog_tco(struct check *check)
{
    const struct board *b = check->board;
    bool tco = b->watchdog.kind == WATCHDOG_ITCO || b->watchdog.kind == WATCHDOG_ITCO_SMBUS;
    if (tco && b->watchdog.timeout_ms < 4800 && !check_has(check, "CFG-642"))
        found(check, (struct place){"board", 0, "watchdog.timeout_ms"},
              "a TCO timer takes no fewer than 4 ticks of 600 ms for each of its two stages", "use 4,800 to 600,000", "%u",
              b->watchdog.timeout_ms);
}

void rule_board_speculation(struct check *check)
{
    if (check->board->no_speculation && !check->board->test_only)
        found(check, (struct place){"board", 0, "no_speculation"},
              "guests would leave their defences against speculation off on a processor that speculates",
              "say so of emulators only", "true, and test_only is false");
}

void rule_board_page_size(struct check *check)
{
    if (check->board->no_page_size_erratum && check->board->virt == VIRT_SVM)
        found(check, (struct place){"board", 0, "no_page_size_erratum"},
              "it is a bit that Intel's processors have; nobody on this board would compare the claim with the machine",
              "leave it out: AMD's have no such erratum", "true, and virt is VIRT_SVM");
}

/* In VMX operation the processors do not hear INIT: SDM3 24.8. */
void rule_board_vmx_reset(struct check *check)
{
    const struct board *b = check->board;
    if (b->virt == VIRT_VMX && !b->test_only && (b->reset.port == 0 || b->reset.port == 0x64 || b->reset.port == 0x92))
        found(check, (struct place){"board", 0, "reset.port"},
              "ports 0x64 and 0x92 and a triple fault may only send INIT, which Intel's processors ignore once VMX is on: a reset "
              "hangs",
              "use 0xcf9 with value 0x06 or 0x0e, or the FADT's RESET_REG", "0x%x", b->reset.port);
}
