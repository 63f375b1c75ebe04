/* SPDX-License-Identifier: Apache-2.0 */
/* The attention key and its commands. Housekeeping core only. */
#include "arch.h"
#include "console_parts.h"

#define ATTENTION_DEFAULT 0x1du /* Ctrl-] */
#define NUMBER_MS 1000u         /* how long a second digit is waited for, where there are ten partitions or more */
#define COUNTER_TEXT 180u

static struct {
    uint8_t attention;
    bool waiting;    /* the attention key came, its command did not */
    unsigned number; /* first digit of a number that may have two */
    uint64_t since;
} command;

static void focus(unsigned number)
{
    log_line("%s has screen and keyboard", partitions[number - 1].plan->name);
    console_focus(number - 1);
}

static void digit(unsigned number, uint64_t now)
{
    command.number = 0;
    if (number == 0 || number > plan.partition_count) {
        log_line("there is no partition %u", number);
    } else if (number * 10 <= plan.partition_count) {
        command.number = number;
        command.since = now;
    } else {
        focus(number);
    }
}

static void list(void)
{
    for (unsigned i = 0; i < plan.partition_count; i++) {
        const struct partition *p = &partitions[i];
        uint8_t state = atomic_load(&p->state);
        bool stopped = state == PARTITION_STOPPED || state == PARTITION_BACKOFF;

        log_line("%c%2u %-15s %-9s %2u cores %6lu MiB, started %lu times, %lu bytes of output lost%s%s",
                 console_keys() == i ? '*' : ' ', i + 1, p->plan->name, partition_state_name(state), p->plan->core_count,
                 p->plan->memory >> 20, p->lives, p->out->dropped, stopped ? ", stopped by: " : "",
                 stopped ? cause_name(atomic_load(&p->stop_cause)) : "");
    }
}

#define COUNTERS (EXIT_KIND_COUNT + DENIED_COUNT + 1u)

static uint64_t counter(const struct counters *c, unsigned i, const char **name)
{
    static const char *const denied[DENIED_COUNT] = {"denied ports", "denied MSRs", "denied memory", "denied PCI", "denied others"};

    *name = i < EXIT_KIND_COUNT ? exit_name(i) : i < COUNTERS - 1 ? denied[i - EXIT_KIND_COUNT] : "of these for the local APIC";
    return i < EXIT_KIND_COUNT ? c->exits[i] : i < COUNTERS - 1 ? c->denied[i - EXIT_KIND_COUNT] : c->apic;
}

/* One core's counters that are not zero, as many to a line as fit. */
static void counters_of(const struct vcpu *vcpu)
{
    const struct counters *c = &vcpu->counters;
    char text[COUNTER_TEXT];
    size_t length = 0;

    log_line("core %u, %s/%u: %lu us in the hypervisor", vcpu->core, vcpu->partition->plan->name, vcpu->index,
             time_us(arch_boot_ticks() + c->ticks));
    for (unsigned i = 0; i < COUNTERS; i++) {
        const char *name;
        uint64_t count = counter(c, i, &name);

        if (count != 0)
            length += format_text(text + length, sizeof(text) - length, "  %s %lu", name, count);
        if (length > COUNTER_TEXT - 52 || (length != 0 && i == COUNTERS - 1)) {
            log_line("   %s", text);
            length = 0;
        }
    }
}

void console_counters(void)
{
    for (unsigned core = 0; core < plan.core_count; core++)
        if (plan.cores[core].partition < plan.partition_count)
            counters_of(&vcpus[core]);
}

static void restart(void)
{
    struct partition *partition = &partitions[console_keys()];

    uint8_t state = atomic_load(&partition->state);

    if (state == PARTITION_RUNNING || state == PARTITION_PAUSED)
        partition_order(partition, CAUSE_OPERATOR, ACTION_RESTART);
    else
        partition_start(partition); /* does nothing while it is on its way down or up */
}

static void help(void)
{
    log_line("after the attention key: 1..%u a partition's screen and keyboard, a the view of all,", plan.partition_count);
    log_line("  l list of partitions, c exit counters, v audit of the isolation, r restart the partition with the keyboard,");
    log_line("  s its last stops, q power off, ? this help; the attention key again sends it to the partition");
}

static void power_off(void)
{
    log_line("power off by the console");
    console_counters();
    console_flush();
    arch_poweroff();
}

static void act(uint8_t byte, uint64_t now)
{
    if (byte == command.attention)
        console_input(&partitions[console_keys()], byte);
    else if (byte >= '0' && byte <= '9')
        digit(byte - '0', now);
    else if (byte == 'a')
        console_focus(VIEW_ALL);
    else if (byte == 'l')
        list();
    else if (byte == 'c')
        console_counters();
    else if (byte == 'v')
        console_audit();
    else if (byte == 'r')
        restart();
    else if (byte == 's')
        partition_stops_log(&partitions[console_keys()]);
    else if (byte == 'q')
        power_off();
    else
        help();
}

void console_init(void)
{
    command.attention = plan.board->attention != 0 ? plan.board->attention : ATTENTION_DEFAULT;
}

void command_key(uint8_t byte, uint64_t now)
{
    unsigned number = command.number;

    if (plan.partition_count == 0)
        return;
    command.number = 0;
    if (number != 0 && byte >= '0' && byte <= '9' && number * 10 + byte - '0' <= plan.partition_count) {
        focus(number * 10 + byte - '0');
        return;
    }
    if (number != 0) {
        focus(number);
        if (byte == '\r')
            return;
    }
    if (command.waiting) {
        command.waiting = false;
        act(byte, now);
    } else if (byte == command.attention) {
        command.waiting = true;
    } else {
        console_input(&partitions[console_keys()], byte);
    }
}

void command_tick(uint64_t now)
{
    if (command.number != 0 && now - command.since > NUMBER_MS * arch_tsc_khz()) {
        focus(command.number);
        command.number = 0;
    }
}
