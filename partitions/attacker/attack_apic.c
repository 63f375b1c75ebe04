/* SPDX-License-Identifier: Apache-2.0 */
/* AC-17, AC-18, AC-19: the local APIC's page and registers, the IO-APIC's page. Expected: in x2APIC mode the page does not exist
 * and unknown registers give #GP; in xAPIC mode only aligned 32-bit accesses do something, everything else is ignored or #GP; stores
 * to 0xfee01000 and above, which a PC takes for interrupt messages, are refused; no LVT gets the modes NMI, SMI, INIT or ExtINT in
 * hardware; the core still works afterwards. The host sees that nobody else was interrupted. */
#include "attack.h"
#include "lib.h"

#define PAGE_BASE 0xfee00000ull
#define ICR 0x30u
#define LVT_TIMER 0x32u

static unsigned surprises, tried;

static void refused(uint64_t gpa, unsigned bytes, uint64_t value)
{
    uint64_t got;

    tried += 2;
    if (try_write(gpa, bytes, value) || try_read(gpa, bytes, &got)) {
        surprises++;
        detail("%u bytes at %#" PRIx64 " were there", bytes, gpa);
    }
}

/* Messages that would interrupt processor 0..3, were they let through. */
static void forged_messages(void)
{
    for (uint64_t gpa = PAGE_BASE + 0x1000; gpa < PAGE_BASE + 0x100000; gpa += 0x1000)
        for (unsigned value = 0; value < 3; value++)
            refused(gpa, 4, (uint64_t[]){0x40, 0x400, 0x500}[value]);
}

/* The IO-APIC: every entry with every mode, destination 0 to 3. A unikernel has none: no word of it may be there. */
static void ioapic_sweep(void)
{
    unsigned before = surprises;

    for (unsigned index = 0; index < 256; index++)
        for (unsigned mode = 0; mode < 8; mode++) {
            refused(0xfec00000, 4, index);
            refused(0xfec00010, 4, index % 2 ? (uint32_t)(index / 2 % 4) << 24 : mode << 8 | 0x40);
        }
    for (unsigned index = 0x10; surprises != before && index < 0x40; index += 2) { /* masked again */
        try_write(0xfec00000, 4, index);
        try_write(0xfec00010, 4, 0x10000);
    }
}

static bool is_quiet(unsigned reg) /* not ICR, self-IPI or EOI, which have their own attack or effect */
{
    return reg != ICR && reg != ICR + 1 && reg != 0x3f && reg != 0x0b;
}

static void page_sweep(void)
{
    uint64_t value;

    for (unsigned offset = 0; offset < 0x1000; offset++)
        for (unsigned bytes = 1; bytes <= 8; bytes *= 2) {
            try_read(PAGE_BASE + offset, bytes, &value);
            if (is_quiet(offset / 16) && (bytes != 4 || offset % 16 != 0))
                try_write(PAGE_BASE + offset, bytes, random64());
            tried += 2;
        }
}

static void msr_sweep(void)
{
    for (unsigned reg = 0x40; reg < 0x100; reg++) {
        uint64_t value;
        tried += 2;
        if (try_rdmsr(MSR_X2APIC + reg, &value) || try_wrmsr(MSR_X2APIC + reg, 0)) {
            surprises++;
            detail("register %#x exists", reg);
        }
    }
    for (unsigned reg = 0; reg < 0x40; reg++) {
        uint64_t value;
        try_rdmsr(MSR_X2APIC + reg, &value);
        if (is_quiet(reg) && reg != 0x0f) {
            try_wrmsr(MSR_X2APIC + reg, ~0ull);
            try_wrmsr(MSR_X2APIC + reg, 1ull << 32);
        }
        tried += 3;
    }
}

/* Does this core's timer still interrupt? */
static bool timer_works(void)
{
    uint64_t start = bh_now_ns();

    apic_core_init();
    bool were_on = bh_irq_off();
    bh_wait(start + 20000000); /* returns only after an interrupt */
    bh_irq_restore(were_on);
    return bh_now_ns() - start < 5000000000ull;
}

void attack_apic(void)
{
    surprises = tried = 0;
    forged_messages();
    ioapic_sweep();
    if (apic_is_x2()) {
        for (unsigned offset = 0; offset < 0x1000; offset += 16)
            refused(PAGE_BASE + offset, 4, 0);
        msr_sweep();
    } else {
        page_sweep();
    }
    if (!timer_works()) {
        surprises++;
        detail("the timer no longer works");
    }
    verdict(surprises == 0, "%u surprises of %u", surprises, tried);
}

static void apic_store(unsigned reg, uint32_t value)
{
    if (apic_is_x2())
        try_wrmsr(MSR_X2APIC + reg, value);
    else
        try_write(PAGE_BASE + reg * 16, 4, value);
}

static volatile unsigned nmis;

static void on_nmi(struct bh_frame *frame)
{
    (void)frame;
    nmis++;
}

void attack_lvt(void)
{
    static const uint8_t vectors[] = {0, 2, 8, 15, 32, 48, 254}; /* 16 to 31 would look like exceptions of our own */
    static const uint8_t registers[] = {0x2f, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37};

    surprises = tried = nmis = 0;
    bh_irq_handler(2, on_nmi);
    for (unsigned r = 0; r < sizeof(registers); r++)
        for (unsigned mode = 0; mode < 8; mode++)
            for (unsigned v = 0; v < sizeof(vectors); v++) {
                apic_store(registers[r], mode << 8 | vectors[v]);
                if (registers[r] == LVT_TIMER) {
                    apic_store(0x38, 100); /* let it fire with that entry; a loaded emulator is late */
                    for (uint64_t start = bh_now_ns(); bh_now_ns() - start < 5000000;)
                        cpu_pause(); /* sleeping would use that very timer */
                }
                apic_store(0x28, 0); /* error status: a bad vector raises the error entry, if that is open */
                apic_store(registers[r], 0x10000);
                tried++;
            }
    bh_irq_handler(2, 0);
    if (!timer_works()) {
        surprises++;
        detail("the timer no longer works");
    }
    if (nmis) {
        surprises++;
        detail("%u NMIs out of the local APIC", nmis);
    }
    verdict(surprises == 0, "%u surprises of %u", surprises, tried);
}
