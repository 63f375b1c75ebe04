/* SPDX-License-Identifier: Apache-2.0 */
/* AC-16, SEP-3: the interrupt command register with every delivery mode, shorthand, destination mode, and destination, and
 * legal and illegal vectors. Expected: at most this partition's own cores are reached; SMI, ExtINT, remote read and reserved modes
 * nowhere, no exception comes back and no NMI that was not sent, and reserved bits are #GP. QEMU resets a processor that gets an
 * INIT even inside a guest, so a leak kills the victim's core visibly. */
#include <string.h>

#include "attack.h"
#include "lib.h"

#define SHORTHAND_SELF 1u
#define SHORTHAND_ALL 2u
#define MODE_NMI 4u
#define MODE_INIT 5u
#define MODE_SIPI 6u

static volatile uint64_t nmis; /* of this core */
static uint64_t sent;
static unsigned surprises;

static void on_nmi(struct bh_frame *frame)
{
    (void)frame;
    if (bh_core() == 0)
        nmis++;
}

/* Legal as an interrupt, though the number is an exception's. */
static void on_sixteen(struct bh_frame *frame)
{
    (void)frame;
    apic_eoi();
}

static void send(void *argument)
{
    uint64_t icr = *(uint64_t *)argument;

    if (apic_is_x2()) {
        cpu_wrmsr(MSR_X2APIC + 0x30, icr);
    } else {
        volatile uint32_t *page = bh_window(8, 0xfee00000, BH_WRITE | BH_UNCACHED);
        __asm__ volatile("movl %1, %0" : "=m"(page[0x310 / 4]) : "r"((uint32_t)(icr >> 32) << 24));
        __asm__ volatile("movl %1, %0" : "=m"(page[0x300 / 4]) : "r"((uint32_t)icr));
    }
}

static void try_send(uint64_t icr)
{
    uint64_t before = nmis;
    const char *came = 0;

    sent++;
    if (bh_try(send, &icr, &attack_fault) && attack_fault.vector != VECTOR_GP)
        came = bh_vector_name((unsigned)attack_fault.vector);
    else if (nmis != before && (icr >> 8 & 7) != MODE_NMI)
        came = "NMI";
    if (came) {
        surprises++;
        detail("command %#" PRIx64 " came back as %s", icr, came);
    }
}

/* xAPIC mode ignores these bits. */
static void reserved_bits(void)
{
    for (unsigned bit = 13; bit < 32; bit++) {
        uint64_t icr = 1ull << bit | SHORTHAND_SELF << 18 | 254;

        if (!apic_is_x2() || bit == 14 || bit == 15 || bit == 18 || bit == 19)
            continue;
        if (!bh_try(send, &icr, &attack_fault)) {
            surprises++;
            detail("command %#" PRIx64 " was not refused", icr);
        }
    }
}

/* INIT or start-up to oneself would end this core's part in the attack. */
static bool hits_self(unsigned mode, unsigned shorthand, bool logical, uint32_t destination)
{
    if (mode != MODE_INIT && mode != MODE_SIPI)
        return false;
    if (!apic_is_x2())
        destination &= 0xff; /* the rest has no place in the register */
    if (shorthand != 0)
        return shorthand == SHORTHAND_SELF || shorthand == SHORTHAND_ALL;
    return logical ? destination & 1 || destination == 0xffffffff : destination == 0 || (destination & 0xff) == 0xff;
}

/* A core that is started finds `cli; hlt; jmp` where its vector points. */
static void prepare_start_pages(void)
{
    static const uint8_t code[] = {0xfa, 0xf4, 0xeb, 0xfc};
    uint32_t pages[] = {0, 0xf000, 0x10000, 0xfe000};

    for (unsigned i = 0; i < 4; i++)
        memcpy(bh_window(9, pages[i], BH_WRITE), code, sizeof(code));
}

#define INIT_LOOP_NS 20000000000ull

/* AC-50: a life cycle begins as often as a partition can have it, while the console asks for the audit of the isolation. */
void attack_init_loop(void)
{
    const uint64_t init = 1ull << 32 | 0x4500, start = 1ull << 32 | 0x4610, until = bh_now_ns() + INIT_LOOP_NS;
    unsigned rounds = 0;

    sent = surprises = 0;
    prepare_start_pages();
    do {
        try_send(init);
        try_send(start);
        bh_watchdog_pet();
        if (++rounds == 1000)
            printf("attack init-loop: 1000 rounds\n");
    } while (bh_now_ns() < until);
    verdict(surprises == 0 && rounds > 1000, "alive, %u rounds, %u surprises", rounds, surprises);
}

static void one_destination(uint32_t destination)
{
    static const uint8_t vectors[] = {0, 15, 16, 254};

    for (unsigned mode = 0; mode < 8; mode++)
        for (unsigned shorthand = 0; shorthand < 4; shorthand++)
            for (unsigned logical = 0; logical < 2; logical++)
                for (unsigned v = 0; v < sizeof(vectors); v++) {
                    if (hits_self(mode, shorthand, logical, destination))
                        continue;
                    uint64_t icr = (uint64_t)destination << 32 | shorthand << 18 | 0x4000u | logical << 11 | mode << 8 | vectors[v];
                    try_send(icr);
                    if (mode == MODE_INIT)
                        try_send((icr | 0x8000) & ~0x4000ull); /* level, de-assert */
                }
}

void attack_icr(void)
{
    static const uint32_t far[] = {0x100, 0x101, 0xff00, 0xffff, 0x10000, 0x10001, 0x80000000, 0xfffffffe, 0xffffffff};

    nmis = sent = surprises = 0;
    bh_irq_handler(2, on_nmi);
    bh_irq_handler(16, on_sixteen);
    prepare_start_pages();
    for (uint32_t destination = 0; destination < 256; destination++) {
        one_destination(destination);
        bh_watchdog_pet();
    }
    for (unsigned i = 0; i < sizeof(far) / sizeof(far[0]); i++)
        one_destination(far[i]);
    reserved_bits();
    bh_sleep_ns(100000000);
    bh_irq_handler(2, 0);
    bh_irq_handler(16, 0);
    verdict(surprises == 0, "alive, %" PRIu64 " commands, %" PRIu64 " interrupts and %" PRIu64 " NMIs came back, %u surprises",
            sent, bh_irq_unexpected_total(), nmis, surprises);
}
