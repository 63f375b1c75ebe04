/* SPDX-License-Identifier: Apache-2.0 */
/* As little of a machine as it takes. */
#include <stdarg.h>

#include "rogue.h"

#define UART 0x3f8u
#define MSR_APIC_BASE 0x1bu
#define X2APIC (1u << 10)
enum { APIC_ID = 0x02, APIC_END = 0x0b, APIC_SPURIOUS = 0x0f, APIC_TIMER = 0x32, APIC_COUNT = 0x38, APIC_DIVIDE = 0x3e };

extern const uint8_t gates[];
volatile uint32_t interrupts[256];
static volatile uint32_t *const apic_page = (volatile uint32_t *)0xfee00000;
static bool x2;
static struct {
    uint16_t low, selector, type, high;
} __attribute__((packed)) idt[256];

void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

void out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

void out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

uint32_t in(uint16_t port, unsigned size)
{
    uint32_t value = 0;

    if (size == 1)
        __asm__ volatile("inb %1, %b0" : "+a"(value) : "Nd"(port) : "memory");
    else if (size == 2)
        __asm__ volatile("inw %1, %w0" : "+a"(value) : "Nd"(port) : "memory");
    else
        __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

uint32_t config_read(unsigned slot, unsigned at)
{
    out32(0xcf8, 0x80000000u | slot << 11 | (at & 0xfc));
    return in(0xcfc, 4);
}

void config_write(unsigned slot, unsigned at, uint32_t value)
{
    out32(0xcf8, 0x80000000u | slot << 11 | (at & 0xfc));
    out32(0xcfc, value);
}

uint32_t random32(void)
{
    static uint32_t x = 0x20261122;

    x ^= x << 13, x ^= x >> 17, x ^= x << 5;
    return x;
}

/* --- console ----------------------------------------------------------------------------------------------------------------------- */

static void put(char c)
{
    while (!(in(UART + 5, 1) & 0x20))
        ;
    out8(UART, (uint8_t)c);
}

static void number(uint32_t value, uint32_t base)
{
    if (value >= base)
        number(value / base, base);
    put("0123456789abcdef"[value % base]);
}

void say(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    for (; *format; format++) {
        if (*format != '%') {
            put(*format);
            continue;
        }
        switch (*++format) {
        case 's':
            for (const char *text = va_arg(list, const char *); *text; text++)
                put(*text);
            break;
        case 'c':
            put((char)va_arg(list, int));
            break;
        default:
            number(va_arg(list, uint32_t), *format == 'x' ? 16 : 10);
            break;
        }
    }
    va_end(list);
}

/* True: a whole line has come. */
bool line_read(char *line, unsigned size)
{
    static unsigned length;

    while (in(UART + 5, 1) & 1) {
        char c = (char)in(UART, 1);
        if (c == '\r' || c == '\n') {
            line[length] = 0;
            length = 0;
            return true;
        }
        if (length + 1 < size)
            line[length++] = c;
    }
    return false;
}

/* --- local APIC -------------------------------------------------------------------------------------------------------------------- */

static uint32_t msr_read(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return low;
}

static void apic_write(unsigned at, uint32_t value)
{
    if (x2)
        __asm__ volatile("wrmsr" ::"a"(value), "d"(0), "c"(0x800 + at));
    else
        apic_page[at * 4] = value;
}

uint32_t apic_id(void)
{
    return x2 ? msr_read(0x800 + APIC_ID) : apic_page[APIC_ID * 4] >> 24;
}

void interrupt_end(void);
void interrupt_end(void)
{
    apic_write(APIC_END, 0);
}

/* --- time, interrupts -------------------------------------------------------------------------------------------------------------- */

void died(void);
void died(void)
{
    for (unsigned i = 0; i < 32; i++)
        if (interrupts[i])
            say("rogue: died of exception %u\n", i);
    for (;;)
        __asm__ volatile("cli; hlt");
}

uint32_t ticks(void)
{
    return interrupts[VECTOR_TICK];
}

void wait_ticks(uint32_t count)
{
    for (uint32_t end = ticks() + count; (int32_t)(ticks() - end) < 0;)
        __asm__ volatile("hlt");
}

static void idt_fill(void)
{
    struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) pointer = {sizeof(idt) - 1, (uint32_t)idt};

    for (unsigned i = 0; i < 256; i++) {
        uint32_t at = (uint32_t)gates + 16 * i;
        idt[i].low = (uint16_t)at;
        idt[i].high = (uint16_t)(at >> 16);
        idt[i].selector = 8;
        idt[i].type = 0x8e00;
    }
    __asm__ volatile("lidt %0" ::"m"(pointer));
}

/* QEMU's timer counts nanoseconds. */
void machine_start(void)
{
    idt_fill();
    x2 = (msr_read(MSR_APIC_BASE) & X2APIC) != 0;
    apic_write(APIC_SPURIOUS, 0x1ff);
    apic_write(APIC_TIMER, 0x20000 | VECTOR_TICK);
    apic_write(APIC_DIVIDE, 3); /* by 16 */
    apic_write(APIC_COUNT, 1000000000u / 16 / TICKS_PER_SECOND);
    __asm__ volatile("sti");
}
