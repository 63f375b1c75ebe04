/* SPDX-License-Identifier: Apache-2.0 */
/* The table of ports: which exist, for whom, in what width; the clock's dates; sleep, reset and watchdog ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "console.h"
#include "devices.h"
#include "fake_arch.h"
#include "fake_partition.h"
#include "fake_plan.h"
#include "pci.h"

static struct {
    unsigned offset;
    uint8_t value;
    unsigned reads, writes, pets, stops;
    bool gate_held;
} uart;

void uart16550_reset(struct uart16550 *u)
{
    memset(u, 0, sizeof(*u));
    u->dll = 1;
}

uint8_t uart16550_read(struct partition *partition, unsigned offset)
{
    uart.offset = offset;
    uart.reads++;
    uart.gate_held = fake_gate_held(partition);
    return 0x5a;
}

void uart16550_write(struct partition *partition, unsigned offset, uint8_t u_value)
{
    uart.offset = offset;
    uart.value = u_value;
    uart.writes++;
    uart.gate_held = fake_gate_held(partition);
}

void watchdog_pet(struct partition *partition)
{
    (void)partition;
    uart.pets++;
}

void watchdog_stop(struct partition *partition)
{
    uart.stops++;
    uart.gate_held = fake_gate_held(partition);
}

static unsigned pci_asked;

bool pci_port_read(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t *value)
{
    (void)size;
    if (u_port < PORT_PCI_ADDRESS || u_port > PORT_PCI_DATA + 3)
        return false;
    pci_asked++;
    if (vcpu->partition->plan->function_count != 0)
        *value = u_port;
    return vcpu->partition->plan->function_count != 0;
}

bool pci_port_write(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t u_value)
{
    (void)size, (void)u_value;
    if (u_port < PORT_PCI_ADDRESS || u_port > PORT_PCI_DATA + 3)
        return false;
    pci_asked++;
    return vcpu->partition->plan->function_count != 0;
}

static struct vcpu *linux_vcpu, *unikernel_vcpu;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_plan_reset();
    fake_partitions_reset();
    memset(&uart, 0, sizeof(uart));
    linux_vcpu = &vcpus[1];
    unikernel_vcpu = &vcpus[2];
    return 0;
}

static uint8_t in(uint16_t port)
{
    uint32_t value = 0xdeadbeef;

    assert_true(device_read(linux_vcpu, port, 1, &value));
    assert_true(value <= 0xff);
    assert_false(fake_gate_held(linux_vcpu->partition));
    return (uint8_t)value;
}

static void out(uint16_t port, uint32_t value)
{
    assert_true(device_write(linux_vcpu, port, 1, value));
    assert_false(fake_gate_held(linux_vcpu->partition));
}

/* SEP-5: the whole port space against a list made by hand. PCI configuration space is not in it: no device for anybody (SEP-6). */
static void test_sep5_only_named_ports(void **state)
{
    static const char readable[] = "\x71\x42\x61";

    (void)state;
    for (unsigned port = 0; port < 65536; port++) {
        bool com = port >= 0x3f8 && port <= 0x3ff;
        bool two_way = com || port == 0x600 || port == 0x601 || (port < 0x80 && port != 0 && strchr(readable, (int)port) != 0);
        bool write_only = port == 0x70 || port == 0x43 || port == 0x80 || port == 0x441 || port == 0x443 || port == 0x602;
        uint32_t value = 0x12345678;

        assert_int_equal(device_present(IMAGE_LINUX, (uint16_t)port, 1), two_way || write_only);
        assert_false(device_present(IMAGE_UNIKERNEL, (uint16_t)port, 1));
        assert_int_equal(device_read(linux_vcpu, (uint16_t)port, 1, &value), two_way);
        if (!two_way)
            assert_int_equal(value, 0x12345678);
        assert_int_equal(device_write(linux_vcpu, (uint16_t)port, 1, 0), two_way || write_only);
        assert_false(device_read(unikernel_vcpu, (uint16_t)port, 1, &value));
        assert_false(device_write(unikernel_vcpu, (uint16_t)port, 1, 0));
    }
    assert_int_equal(fake_partition.stop_count, 0);
}

/* Wide accesses are denied, also those that begin beside a row and reach into it. */
static void test_sep5_widths(void **state)
{
    uint32_t value;

    (void)state;
    for (unsigned port = 0; port < 65536; port++) {
        assert_false(device_read(linux_vcpu, (uint16_t)port, 2, &value));
        assert_false(device_read(linux_vcpu, (uint16_t)port, 4, &value));
        assert_false(device_write(linux_vcpu, (uint16_t)port, 2, 0x0101));
        assert_false(device_write(linux_vcpu, (uint16_t)port, 4, 1));
    }
    assert_int_equal(uart.reads + uart.writes, 0);
    assert_int_equal(fake_partition.stop_count, 0);
    assert_true(device_present(IMAGE_LINUX, 0x3f6, 4));
    assert_true(device_present(IMAGE_LINUX, 0x3ff, 4));
    assert_false(device_present(IMAGE_LINUX, 0x3f4, 4));
    assert_false(device_present(IMAGE_LINUX, 0x400, 4));
    assert_false(device_present(IMAGE_LINUX, 0xffff, 4));
}

/* The eight ports of PCI are those of partitions with functions, of any kind and in all widths. */
static void test_pci_ports(void **state)
{
    uint32_t value = 0;

    (void)state;
    fake_plan_partitions[1].function_count = 1;
    pci_asked = 0;
    for (uint16_t port = 0xcf8; port < 0xd00; port++)
        for (unsigned size = 1; size <= 4; size *= 2) {
            assert_true(device_read(unikernel_vcpu, port, size, &value));
            assert_int_equal(value, port);
            assert_true(device_write(unikernel_vcpu, port, size, 6)); /* 6 at 0xcf9 would reset a PC */
            assert_false(device_read(linux_vcpu, port, size, &value));
            assert_false(device_write(linux_vcpu, port, size, 6));
        }
    assert_int_equal(pci_asked, 8 * 3 * 4);
    assert_false(device_read(unikernel_vcpu, 0xcf7, 2, &value));
    assert_false(device_read(unikernel_vcpu, 0xd00, 1, &value));
    assert_int_equal(fake_partition.stop_count, 0);
}

static void test_uart_ports(void **state)
{
    (void)state;
    assert_int_equal(in(0x3fd), 0x5a);
    assert_int_equal(uart.offset, 5);
    assert_true(uart.gate_held);
    uart.gate_held = false;
    out(0x3f8, 0xabcdef41);
    assert_int_equal(uart.offset, 0);
    assert_int_equal(uart.value, 0x41);
    assert_true(uart.gate_held);
}

static uint8_t rtc(uint8_t index)
{
    out(PORT_RTC_INDEX, index);
    return in(PORT_RTC_DATA);
}

static unsigned decimal(uint8_t bcd)
{
    assert_true((bcd & 15) < 10 && bcd >> 4 < 10);
    return (bcd >> 4) * 10u + (bcd & 15);
}

static void check_date(uint64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;

    gmtime_r(&t, &tm);
    fake.wall = seconds;
    assert_int_equal(decimal(rtc(0x00)), tm.tm_sec);
    assert_int_equal(decimal(rtc(0x02)), tm.tm_min);
    assert_int_equal(decimal(rtc(0x04)), tm.tm_hour);
    assert_int_equal(decimal(rtc(0x06)), tm.tm_wday + 1);
    assert_int_equal(decimal(rtc(0x07)), tm.tm_mday);
    assert_int_equal(decimal(rtc(0x08)), tm.tm_mon + 1);
    assert_int_equal(decimal(rtc(0x09)), tm.tm_year % 100);
    assert_int_equal(decimal(rtc(0x32)), (tm.tm_year + 1900) / 100);
}

/* Every day from 1970 to 2410 and its last second, against the host's own calendar. */
static void test_rtc_every_day(void **state)
{
    (void)state;
    for (uint64_t day = 0; day < 160711; day++)
        check_date(day * 86400 + (day % 2 != 0 ? 86399 : 0));
}

static void test_rtc_leap_days(void **state)
{
    (void)state;
    fake.wall = 951782400; /* 2000-02-29, by the 400-year rule */
    assert_int_equal(rtc(0x07), 0x29);
    assert_int_equal(rtc(0x08), 0x02);
    assert_int_equal(rtc(0x09), 0x00);
    assert_int_equal(rtc(0x32), 0x20);
    fake.wall = 4107542399; /* 2100-02-28 23:59:59: no leap year */
    assert_int_equal(rtc(0x07), 0x28);
    fake.wall++;
    assert_int_equal(rtc(0x07), 0x01);
    assert_int_equal(rtc(0x08), 0x03);
    fake.wall = 1709164800; /* 2024-02-29 */
    assert_int_equal(rtc(0x07), 0x29);
    fake.wall += 86400;
    assert_int_equal(rtc(0x08), 0x03);
}

static void test_rtc_runs_with_the_tsc(void **state)
{
    (void)state;
    fake.wall = 1735689599; /* 2024-12-31 23:59:59 */
    assert_int_equal(rtc(0x09), 0x24);
    fake_ms(999);
    assert_int_equal(rtc(0x00), 0x59);
    fake_ms(1);
    assert_int_equal(rtc(0x00), 0x00);
    assert_int_equal(rtc(0x07), 0x01);
    assert_int_equal(rtc(0x09), 0x25);
}

static void test_rtc_is_read_only(void **state)
{
    (void)state;
    assert_int_equal(rtc(0x0a), 0x26); /* never in update */
    assert_int_equal(rtc(0x0b), 0x02); /* BCD, 24 hours */
    assert_int_equal(rtc(0x0c), 0);
    assert_int_equal(rtc(0x0d), 0x80);
    assert_int_equal(rtc(0x0e), 0);
    assert_int_equal(rtc(0x8b), 0x02); /* bit 7 is not part of the index */
    for (unsigned index = 0; index < 256; index++) {
        uint8_t before = rtc((uint8_t)index);

        out(PORT_RTC_DATA, 0xff);
        assert_int_equal(rtc((uint8_t)index), before);
    }
}

static void test_pit_stands_still(void **state)
{
    (void)state;
    out(0x43, 0xb0);
    out(0x42, 0xff);
    assert_int_equal(in(0x42), 0);
    out(0x61, 0x01);
    assert_int_equal(in(0x61), 0x20);
}

static void test_power_off(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        fake_partition.stop_count = 0;
        out(PORT_SLEEP_CONTROL, value);
        assert_int_equal(fake_partition.stop_count, (value & 0x20) != 0 && (value >> 2 & 7) == SLEEP_TYPE_S5);
        if (fake_partition.stop_count != 0)
            assert_int_equal(fake_partition.stops[0], CAUSE_POWEROFF);
    }
    assert_int_equal(in(PORT_SLEEP_CONTROL), 0);
    out(PORT_SLEEP_STATUS, 0x80);
    assert_int_equal(in(PORT_SLEEP_STATUS), 0);
}

static void test_reboot(void **state)
{
    (void)state;
    out(PORT_RESET, 0);
    out(PORT_RESET, 0xff);
    assert_int_equal(fake_partition.stop_count, 0);
    out(PORT_RESET, RESET_VALUE);
    assert_int_equal(fake_partition.stop_count, 1);
    assert_int_equal(fake_partition.stops[0], CAUSE_REBOOT);
}

static void test_ib700(void **state)
{
    (void)state;
    out(PORT_IB700_START, 0x0f);
    out(PORT_IB700_START, 0);
    assert_int_equal(uart.pets, 2);
    out(PORT_IB700_STOP, 0);
    assert_int_equal(uart.stops, 1);
    assert_true(uart.gate_held);
}

/* SEP-9 */
static void test_sep9_reset(void **state)
{
    (void)state;
    out(PORT_RTC_INDEX, 0x0b);
    devices_reset(&partitions[0]);
    assert_int_equal(partitions[0].rtc_index, 0);
    assert_int_equal(partitions[0].uart.dll, 1);
    assert_false(fake_gate_held(&partitions[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sep5_only_named_ports, setup),
        cmocka_unit_test_setup(test_sep5_widths, setup),
        cmocka_unit_test_setup(test_pci_ports, setup),
        cmocka_unit_test_setup(test_uart_ports, setup),
        cmocka_unit_test_setup(test_rtc_every_day, setup),
        cmocka_unit_test_setup(test_rtc_leap_days, setup),
        cmocka_unit_test_setup(test_rtc_runs_with_the_tsc, setup),
        cmocka_unit_test_setup(test_rtc_is_read_only, setup),
        cmocka_unit_test_setup(test_pit_stands_still, setup),
        cmocka_unit_test_setup(test_power_off, setup),
        cmocka_unit_test_setup(test_reboot, setup),
        cmocka_unit_test_setup(test_ib700, setup),
        cmocka_unit_test_setup(test_sep9_reset, setup),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
