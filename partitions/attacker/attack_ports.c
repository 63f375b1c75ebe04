/* SPDX-License-Identifier: Apache-2.0 */
/* AC-40, AC-20, AC-32, SEP-5: all 65,536 ports, in all widths, with the values that reset machines, switch A20 off, raise
 * SMIs or start QEMU's fw_cfg DMA. A unikernel has no port at all, but for the two of configuration space and those of its BARs if it has
 * functions, which are left alone here. Expected: reads give ones, writes are dropped, the machine and the neighbours do not notice. (With
 * A20 off this program, which lies in the second megabyte, would be gone at once.) */
#include "attack.h"

static unsigned answered;
static bool has_functions;
static struct bh_bar own; /* the one BAR of ports that its functions have */

static void functions_look(void)
{
    struct bh_pci pci[BH_PCI_MAX];
    unsigned count = bh_pci_list(pci, BH_PCI_MAX);

    has_functions = count > 0;
    own.size = 0;
    for (unsigned i = 0; i < count && own.size == 0; i++)
        for (unsigned n = 0; n < BH_PCI_BARS && own.size == 0; n++)
            if (!bh_pci_bar(&pci[i], n, &own) || !own.ports)
                own.size = 0;
}

static void read_all_widths(uint16_t port)
{
    uint32_t got[3] = {cpu_in8(port), cpu_in16(port), cpu_in32(port)};
    static const uint32_t ones[3] = {0xff, 0xffff, 0xffffffff};

    for (unsigned i = 0; i < 3; i++)
        if (got[i] != ones[i] && !(port == 0xcf8 && i == 2 && has_functions)) {
            answered++;
            detail("in %#x, %u bits, gave %#x", port, 8u << i, got[i]);
        }
}

/* 0x06 and 0xfe reset a PC through 0xcf9 and 0x64, 0 switches A20 off at 0x92, ones start most things. */
static void write_all_widths(uint16_t port)
{
    static const uint8_t values[] = {0x06, 0xfe, 0x00, 0xff, 0x0e, 0x02};
    bool known = port < 0x1000 || port == 0x5658 || (port >= 0xae00 && port < 0xb000);
    unsigned count = attack_full || known ? sizeof(values) : 1; /* the chipset's own in every way */

    for (unsigned i = 0; i < count; i++) {
        cpu_out8(port, values[i]);
        cpu_out16(port, (uint16_t)(values[i] * 0x101u));
        cpu_out32(port, values[i] * 0x1010101u);
    }
}

/* INS and OUTS, also repeated: no partition needs them. */
static void string_forms(uint16_t port)
{
    static uint8_t buffer[16];
    void *p = buffer;
    uint64_t count = sizeof(buffer);

    for (unsigned i = 0; i < sizeof(buffer); i++)
        buffer[i] = 0xff;
    __asm__ volatile("rep insb" : "+D"(p), "+c"(count) : "d"(port) : "memory");
    for (unsigned i = 0; i < sizeof(buffer); i++)
        if (buffer[i] != 0xff) {
            answered++;
            detail("rep insb %#x gave %#x", port, buffer[i]);
        }
    p = buffer;
    count = sizeof(buffer);
    __asm__ volatile("rep outsb" : "+S"(p), "+c"(count) : "d"(port) : "memory");
}

static void try_strings(void *argument)
{
    string_forms(*(uint16_t *)argument);
}

void attack_ports(void)
{
    uint16_t strings[] = {0x60, 0x64, 0x70, 0x92, 0xb2, 0x3f8, 0x510, 0x511, 0xcf8, 0xcfc};

    functions_look();
    answered = 0;
    for (unsigned port = 0; port < 0x10000; port++) {
        if (port - own.address < own.size)
            continue;
        read_all_widths((uint16_t)port);
        if (attack_full || port < 0x1000 || port % 4 == 0 || (port >= 0xae00 && port < 0xb000))
            write_all_widths((uint16_t)port);
        if (port % 1024 == 0)
            bh_watchdog_pet();
    }
    for (unsigned i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        bh_try(try_strings, &strings[i], &attack_fault); /* #GP is as good as ones */
    verdict(answered == 0, "%u answered", answered);
}
