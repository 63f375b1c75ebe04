/* SPDX-License-Identifier: Apache-2.0 */
/* Ports that a partition may touch, one row each with its reason (SEP-5); whatever is in no row is denied. */
#include "devices.h"
#include "arch.h"
#include "console.h"
#include "pci.h"
#include "watchdog.h"

struct device_row {
    uint8_t kinds; /* bit per enum image_kind */
    uint16_t first, last;
    uint8_t (*read)(struct partition *partition, unsigned offset);                /* gate held; 0: ones, counted as denied */
    void (*write)(struct partition *partition, unsigned offset, uint8_t u_value); /* gate held; 0: dropped, counted as denied */
    const char *why;
};

#define LINUX (1u << IMAGE_LINUX)

#define RTC_STATUS_A 0x26u /* 32,768 Hz, default rate; never "update in progress": each read computes */
#define RTC_STATUS_B 0x02u /* 24 hours, BCD, no interrupts; read-only, as the whole clock is */
#define RTC_STATUS_D 0x80u /* the battery is good */
#define PIT_OUT2_HIGH 0x20u
#define SLEEP_ENABLE 0x20u
#define SLEEP_TYPE(value) ((value) >> 2 & 7u)

struct date {
    unsigned year, month, day, weekday; /* month and day from 1; Sunday is 0 */
    unsigned hour, minute, second;
};

/* The year is counted from 1 March, so that the leap day is the last of a year, of 4, of 100 and of 400 years. */
static struct date date_of(uint64_t seconds)
{
    static const uint16_t month_start[12] = {0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337};
    uint64_t days = seconds / 86400;
    uint32_t rest = (uint32_t)(seconds % 86400), day = (uint32_t)((days + 135080) % 146097); /* from 1600-03-01 */
    uint32_t year = 1600 + 400 * (uint32_t)((days + 135080) / 146097);
    uint32_t centuries = day / 36524 < 3 ? day / 36524 : 3, fours, ones;
    unsigned month = 11;

    day -= centuries * 36524;
    fours = day / 1461;
    day -= fours * 1461;
    ones = day / 365 < 3 ? day / 365 : 3;
    day -= ones * 365;
    while (month_start[month] > day)
        month--;
    return (struct date){
        .year = year + 100 * centuries + 4 * fours + ones + (month >= 10),
        .month = (month + 2) % 12 + 1,
        .day = day - month_start[month] + 1,
        .weekday = (unsigned)((days + 4) % 7), /* 1970-01-01 was a Thursday */
        .hour = rest / 3600,
        .minute = rest / 60 % 60,
        .second = rest % 60,
    };
}

static uint8_t bcd(unsigned value)
{
    return (uint8_t)(value / 10 % 10 << 4 | value % 10);
}

static uint8_t rtc_value(uint8_t index)
{
    struct date date = date_of(arch_wall_base() + time_us(arch_ticks()) / 1000000);
    const uint8_t registers[] = {
        [0x00] = bcd(date.second), [0x02] = bcd(date.minute), [0x04] = bcd(date.hour),       [0x06] = bcd(date.weekday + 1),
        [0x07] = bcd(date.day),    [0x08] = bcd(date.month),  [0x09] = bcd(date.year % 100), [0x0a] = RTC_STATUS_A,
        [0x0b] = RTC_STATUS_B,     [0x0d] = RTC_STATUS_D,     [0x32] = bcd(date.year / 100),
    };

    return index < sizeof(registers) ? registers[index] : 0; /* alarms and battery-backed memory: none */
}

static void rtc_index_write(struct partition *partition, unsigned offset, uint8_t u_value)
{
    (void)offset;
    partition->rtc_index = u_value & 0x7f; /* bit 7 masks NMIs on a PC */
}

static uint8_t rtc_data_read(struct partition *partition, unsigned offset)
{
    (void)offset;
    return rtc_value(partition->rtc_index);
}

static uint8_t zero_read(struct partition *partition, unsigned offset)
{
    (void)partition, (void)offset;
    return 0;
}

static uint8_t out2_read(struct partition *partition, unsigned offset)
{
    (void)partition, (void)offset;
    return PIT_OUT2_HIGH;
}

static void ignored_write(struct partition *partition, unsigned offset, uint8_t u_value)
{
    (void)partition, (void)offset, (void)u_value;
}

static void ib700_stop_write(struct partition *partition, unsigned offset, uint8_t u_value)
{
    (void)offset, (void)u_value;
    watchdog_stop(partition);
}

/* The time-out it asks for is not taken: the period is the table's. */
static void ib700_start_write(struct partition *partition, unsigned offset, uint8_t u_value)
{
    (void)offset, (void)u_value;
    watchdog_pet(partition);
}

/* Values of the ACPI registers that end the partition; CAUSE_NONE for all others. */
static enum cause end_of(uint16_t port, uint8_t u_value)
{
    if (port == PORT_SLEEP_CONTROL && (u_value & SLEEP_ENABLE) != 0 && SLEEP_TYPE(u_value) == SLEEP_TYPE_S5)
        return CAUSE_POWEROFF;
    return port == PORT_RESET && u_value == RESET_VALUE ? CAUSE_REBOOT : CAUSE_NONE;
}

/* Not among them: PCI configuration space (0xcf8) and BARs of ports, which are there for who has a function, whatever its kind: pci.c. */
static const struct device_row rows[] = {
    {LINUX, UART_PORT, UART_PORT + 7, uart16550_read, uart16550_write, "COM1: the console"},
    {LINUX, PORT_RTC_INDEX, PORT_RTC_INDEX, 0, rtc_index_write, "RTC index"},
    {LINUX, PORT_RTC_DATA, PORT_RTC_DATA, rtc_data_read, ignored_write, "RTC: wall time, read-only; drivers write status bits"},
    {LINUX, PORT_PIT2, PORT_PIT2, zero_read, ignored_write, "PIT counter 2: standing still, so that calibration gives up at once"},
    {LINUX, 0x43, 0x43, 0, ignored_write, "PIT mode: part of the same calibration"},
    {LINUX, 0x61, 0x61, out2_read, ignored_write, "PIT gate and output 2: expired, which ends the loop that waits for it"},
    {LINUX, 0x80, 0x80, 0, ignored_write, "POST code: written as a delay"},
    {LINUX, PORT_IB700_STOP, PORT_IB700_STOP, 0, ib700_stop_write, "watchdog: stop"},
    {LINUX, PORT_IB700_START, PORT_IB700_START, 0, ib700_start_write, "watchdog: start and pet"},
    {LINUX, PORT_SLEEP_CONTROL, PORT_SLEEP_CONTROL, zero_read, ignored_write, "ACPI sleep control: power off"},
    {LINUX, PORT_SLEEP_STATUS, PORT_SLEEP_STATUS, zero_read, ignored_write, "ACPI sleep status: never woken"},
    {LINUX, PORT_RESET, PORT_RESET, 0, ignored_write, "ACPI reset register: reboot"},
};

static const struct device_row *row_of(enum image_kind kind, uint16_t port, unsigned size)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        if ((rows[i].kinds >> kind & 1u) != 0 && range_overlap(port, size, rows[i].first, rows[i].last - rows[i].first + 1u))
            return &rows[i];
    return 0;
}

bool device_present(enum image_kind kind, uint16_t port, unsigned size)
{
    return row_of(kind, port, size) != 0;
}

/* All registers here are one byte wide; wider accesses are PCI's or denied. */
bool device_read(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t *value)
{
    const struct device_row *row = size == 1 ? row_of(vcpu->partition->plan->kind, u_port, 1) : 0;

    if (row == 0)
        return pci_port_read(vcpu, u_port, size, value);
    if (row->read == 0)
        return false;
    lock_take(&vcpu->partition->gate);
    *value = row->read(vcpu->partition, u_port - row->first);
    lock_drop(&vcpu->partition->gate);
    return true;
}

bool device_write(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t u_value)
{
    const struct device_row *row = size == 1 ? row_of(vcpu->partition->plan->kind, u_port, 1) : 0;
    enum cause end = end_of(u_port, (uint8_t)u_value);

    if (row == 0)
        return pci_port_write(vcpu, u_port, size, u_value);
    if (row->write == 0)
        return false;
    lock_take(&vcpu->partition->gate);
    row->write(vcpu->partition, u_port - row->first, (uint8_t)u_value);
    lock_drop(&vcpu->partition->gate);
    if (end != CAUSE_NONE)
        partition_stop(vcpu, end, 0, 0, 0);
    return true;
}

void devices_reset(struct partition *partition)
{
    lock_take(&partition->gate);
    uart16550_reset(&partition->uart);
    partition->rtc_index = 0;
    lock_drop(&partition->gate);
}
