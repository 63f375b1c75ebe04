/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_arch.h. */
#include "fake_arch.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crash.h"
#include "recorder.h"

#define WEAK __attribute__((weak))

struct fake_arch fake;

void fake_reset(void)
{
    memset(&fake, 0, sizeof(fake));
    fake.khz = 1000000;
    fake.apic_khz = 100000;
    fake.boot_ticks = 5000000;
    fake.ticks = fake.boot_ticks;
    fake.wall = 1700000000;
    fake.uart_room = -1;
}

void fake_ms(uint64_t ms)
{
    fake.ticks += ms * fake.khz;
}

void fake_key(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size && fake.key_count < FAKE_KEYS; i++)
        fake.keys[fake.key_count++] = (uint8_t)bytes[i];
}

const char *fake_uart_text(void)
{
    static char text[FAKE_UART + 1];

    memcpy(text, fake.uart, fake.uart_length);
    text[fake.uart_length] = '\0';
    fake.uart_length = 0;
    return text;
}

static _Noreturn void end(unsigned *counter, const char *what)
{
    ++*counter;
    if (fake.end_armed) {
        fake.end_armed = false;
        longjmp(fake.end, 1);
    }
    fprintf(stderr, "unexpected end of the machine: %s\n", what);
    abort();
}

/* --- time ------------------------------------------------------------------------------------------------------------- */

WEAK uint64_t arch_ticks(void)
{
    fake.ticks += fake.step;
    return fake.ticks;
}

WEAK uint64_t arch_tsc_khz(void)
{
    return fake.khz;
}

WEAK uint64_t arch_apic_timer_khz(void)
{
    return fake.apic_khz;
}

WEAK uint64_t arch_boot_ticks(void)
{
    return fake.boot_ticks;
}

WEAK uint64_t arch_wall_base(void)
{
    return fake.wall;
}

/* --- cores ------------------------------------------------------------------------------------------------------------ */

WEAK unsigned arch_core(void)
{
    return fake.core;
}

WEAK void arch_pause(void)
{
    sched_yield(); /* where cores are threads */
}

WEAK void arch_kick(unsigned core)
{
    fake.kicks[core]++;
}

WEAK void arch_ipi(unsigned core, uint8_t vector)
{
    if (fake.ipi_count < FAKE_IPIS)
        fake.ipis[fake.ipi_count++] = (struct fake_ipi){core, vector};
}

WEAK void arch_tick_start(void)
{
    fake.tick_starts++;
}

/* --- memory: host-physical is the address itself ------------------------------------------------------------------------ */

WEAK void *arch_ptr(hpa_t hpa)
{
    return (void *)(uintptr_t)hpa.v;
}

WEAK hpa_t arch_hpa(const void *hypervisor_memory)
{
    return HPA((uintptr_t)hypervisor_memory);
}

WEAK void arch_zone_open(void)
{
    fake.zone_open = true;
}

WEAK void arch_zone_close(void)
{
    fake.zone_open = false;
}

/* --- UART ------------------------------------------------------------------------------------------------------------- */

WEAK bool arch_uart_ready(void)
{
    fake.uart_asked++;
    return !fake.uart_busy && fake.uart_room != 0;
}

WEAK size_t arch_uart_write(enum uart_writer writer, const char *bytes, size_t size)
{
    size_t count = 0;

    (void)writer;
    for (bool ready = arch_uart_ready(); ready && count < size && count < 16; count++) {
        if (fake.uart_length < FAKE_UART)
            fake.uart[fake.uart_length++] = bytes[count];
        if (fake.uart_room > 0)
            fake.uart_room--;
    }
    return count;
}

WEAK int arch_uart_receive(void)
{
    return fake.keys_taken < fake.key_count ? fake.keys[fake.keys_taken++] : -1;
}

/* --- board ------------------------------------------------------------------------------------------------------------ */

WEAK _Noreturn void arch_reset(void)
{
    end(&fake.resets, "reset");
}

WEAK _Noreturn void arch_poweroff(void)
{
    end(&fake.poweroffs, "power off");
}

WEAK void arch_watchdog_start(void)
{
    fake.watchdog_starts++;
}

WEAK void arch_watchdog_feed(void)
{
    fake.feeds++;
}

WEAK _Noreturn void crash(const struct crash_state *state, const char *text)
{
    (void)state;
    snprintf(fake.crash_text, sizeof(fake.crash_text), "%s", text);
    end(&fake.crashes, text);
}

WEAK _Noreturn void crash_here(const char *text)
{
    crash(0, text);
}

/* --- guest side --------------------------------------------------------------------------------------------------------- */

WEAK void guest_pin_pulse(struct partition *partition, unsigned pin)
{
    (void)partition;
    fake.pulses[pin % 24]++;
}

WEAK bool arch_apic_reset(void)
{
    return true;
}

WEAK void arch_fpu_reset(void)
{
}

WEAK bool arch_machine_check(bool guest)
{
    return guest;
}

/* --- the persistent record: test_recorder.c has the real one --------------------------------------------------------------------- */

WEAK void record_output(const struct partition *partition, const char *bytes, size_t size)
{
    (void)partition, (void)bytes, (void)size;
}

WEAK void record_log(const char *bytes, size_t size)
{
    (void)bytes, (void)size;
}

WEAK void record_stop(const struct partition *partition, const struct stop_record *stop)
{
    (void)partition, (void)stop;
}

WEAK void dump_create(struct partition *partition)
{
    (void)partition;
}

WEAK void dump_park(struct vcpu *vcpu, enum vcpu_mode mode)
{
    (void)vcpu, (void)mode;
}

WEAK void dump_fetch(struct partition *partition)
{
    (void)partition;
}

WEAK void dump_forget(struct partition *partition)
{
    (void)partition;
}

WEAK const struct crash_record *crash_before(void)
{
    return 0;
}

/* Answers that tell who gave them. */
WEAK uint64_t record_read(uint64_t u_where, void *to, size_t size)
{
    (void)u_where, (void)to, (void)size;
    return 1001;
}

WEAK uint64_t record_stops(struct partition *partition, uint64_t u_where, void *to, size_t size, bool whole)
{
    (void)partition, (void)u_where, (void)to, (void)size;
    return whole ? 1012 : 1002;
}

WEAK uint64_t dump_memory(const struct partition *by, struct partition *partition, uint64_t u_gpa, void *to, size_t size)
{
    (void)by, (void)partition, (void)u_gpa, (void)to, (void)size;
    return 1003;
}

WEAK uint64_t dump_registers(const struct partition *partition, uint64_t u_vcpu, void *to, size_t size)
{
    (void)partition, (void)u_vcpu, (void)to, (void)size;
    return 1004;
}
