/* SPDX-License-Identifier: Apache-2.0 */
/* What is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rate.h"
#include "shell.h"

#define PARTITIONS 16u
#define PERIOD SECOND

static const char *const exit_names[] = {BH_EXIT_NAMES}, *const denied_names[] = {BH_DENIED_NAMES},
                         *const event_names[] = {BH_EVENT_NAMES};
#define EXITS (sizeof(exit_names) / sizeof(exit_names[0]))
#define DENIED (sizeof(denied_names) / sizeof(denied_names[0]))
#define EVENTS (sizeof(event_names) / sizeof(event_names[0]))

static uint64_t sum(const uint64_t *numbers, unsigned count)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < count; i++)
        all += numbers[i];
    return all;
}

static const char *duration(uint64_t seconds, char text[32])
{
    if (seconds < 3600)
        snprintf(text, 32, "%lu:%02lu", seconds / 60, seconds % 60);
    else if (seconds < 86400)
        snprintf(text, 32, "%lu:%02lu:%02lu", seconds / 3600, seconds / 60 % 60, seconds % 60);
    else
        snprintf(text, 32, "%lu d %lu:%02lu", seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    return text;
}

static bool alive(const struct bh_status *s)
{
    return s->state == BH_STATE_RUNNING || s->state == BH_STATE_PAUSED;
}

static const char *up(const struct bh_status *s, char text[32])
{
    return alive(s) ? duration(bh_tsc_to_ns(s->now - s->started) / SECOND, text) : "-";
}

static const char *rights(const struct bh_status *s)
{
    static const char *const texts[] = {"observe", "observe, control", "observe, dump", "observe, control, dump"};

    return texts[s->rights & (BH_MAY_CONTROL | BH_MAY_DUMP)];
}

static const char *kind(const struct bh_status *s)
{
    return s->kind == 2 ? "Linux" : "unikernel";
}

static void list_row(const struct bh_status *s, bool bare)
{
    char text[32];

    if (bare)
        printf("%s\n", s->name);
    else
        printf("%-15s %-9s %-9s %5u %7lu %9s %5lu  %s\n", s->name, bh_state_name((enum bh_state)s->state), kind(s), s->cores,
               s->memory >> 20, up(s, text), s->lives, rights(s));
}

void show_list(int argc, char **argv)
{
    bool bare = false, inactive = false;
    const char *only = 0;
    struct bh_status s;
    unsigned first;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--inactive") == 0) {
            inactive = true;
        } else if (strcmp(argv[i], "--name") == 0) {
            bare = true;
        } else if (argv[i][0] == '-' && strcmp(argv[i], "--all") != 0) {
            printf("error: list: no option '%s': --all, --inactive or --name\n", argv[i]);
            return;
        } else if (argv[i][0] != '-') {
            only = argv[i];
        }
    }
    if (only && !find(only, &first, &s))
        return;
    if (!bare)
        printf("%-15s %-9s %-9s %5s %7s %9s %5s  %s\n", "NAME", "STATE", "KIND", "CORES", "MiB", "UP", "LIFE", "RIGHTS");
    for (unsigned n = only ? first : 0; bh_status(n, &s) && (!only || n == first); n++)
        if (!inactive || !alive(&s))
            list_row(&s, bare);
}

void show_state(int argc, char **argv)
{
    struct bh_status s;
    unsigned n;

    (void)argc;
    if (find(argv[1], &n, &s))
        printf("%s\n", bh_state_name((enum bh_state)s.state));
}

static void counters(const char *what, const uint64_t *numbers, const char *const names[], unsigned count)
{
    printf("%-10s %lu", what, sum(numbers, count));
    for (unsigned i = 0, shown = 0; i < count; i++)
        if (numbers[i] != 0)
            printf("%s%s %lu", shown++ ? ", " : ": ", names[i], numbers[i]);
    printf("\n");
}

static void show_events(const struct bh_status *s)
{
    unsigned shown = 0;

    for (unsigned i = 0; i < EVENTS; i++)
        if (s->events[i] != 0)
            printf("%s%s %u", shown++ ? ", " : "", event_names[i], s->events[i]);
    printf(shown ? "\n" : "none\n");
}

static void show_all(const struct bh_status *s)
{
    char text[32];

    printf("name       %s\nstate      %s", s->name, bh_state_name((enum bh_state)s->state));
    if (!alive(s) && s->cause[0])
        printf(", stopped by: %s", s->cause);
    printf("\nkind       %s, %u core%s", kind(s), s->cores, s->cores == 1 ? "" : "s");
    if (s->vcpus_idle)
        printf(", %u not started", (unsigned)__builtin_popcount(s->vcpus_idle));
    printf(", %lu MiB\nlife       %lu, up %s\n", s->memory >> 20, s->lives, up(s, text));
    printf("restarts   %u of %u allowed in %u s\n", s->restarts, s->restart_limit, s->restart_window_ms / 1000);
    if (s->watchdog_ms)
        printf("watchdog   %u ms, last sign of life %u ms ago\n", s->watchdog_ms, s->watchdog_age);
    counters("exits", s->exits, exit_names, EXITS);
    printf("hypervisor %lu us on its cores\n", bh_tsc_to_ns(s->busy) / 1000);
    counters("denied", s->denied, denied_names, DENIED);
    printf("events     ");
    show_events(s);
    printf("channels   %u bytes written, %u doorbells rung\n", s->channel_bytes, s->doorbells);
    printf("console    %u bytes, %lu of them lost\n", s->out_produced, s->out_lost);
    printf("trace      %s\n", s->trace == 1 ? "on" : s->trace == 0 ? "off" : "none");
    printf("rights     %s\n", rights(s));
}

void show_info(int argc, char **argv)
{
    struct bh_status s;
    unsigned n;

    (void)argc;
    if (find(argv[1], &n, &s))
        show_all(&s);
}

void show_health(int argc, char **argv)
{
    struct bh_status s;

    (void)argc, (void)argv;
    printf("%-15s %-9s %5s %8s %15s %8s  %-20s %s\n", "NAME", "STATE", "STOPS", "RESTARTS", "WATCHDOG", "DENIED", "LAST STOP",
           "EVENTS");
    for (unsigned n = 0; bh_status(n, &s); n++) {
        char watchdog[32] = "-", restarts[24];
        if (s.watchdog_ms && s.state == BH_STATE_RUNNING)
            snprintf(watchdog, sizeof(watchdog), "%u/%u ms", s.watchdog_age, s.watchdog_ms);
        snprintf(restarts, sizeof(restarts), "%u/%u", s.restarts, s.restart_limit);
        printf("%-15s %-9s %5u %8s %15s %8lu  %-20s ", s.name, bh_state_name((enum bh_state)s.state), s.stops, restarts, watchdog,
               sum(s.denied, DENIED), s.cause[0] ? s.cause : "-");
        show_events(&s);
    }
}

void show_uptime(int argc, char **argv)
{
    const struct bh_start_info *info = bh_start_info();
    time_t now = time(0);
    char date[32], machine[32], own[32];

    (void)argc, (void)argv;
    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", gmtime(&now));
    printf("%s UTC, the hypervisor is up %s, this partition %s in its life %lu\n", date,
           duration(bh_tsc_to_ns(bh_tsc() - info->tsc_base) / SECOND, machine), duration(bh_now_ns() / SECOND, own), info->lives);
}

/* --- top ------------------------------------------------------------------------------------------------------------------------- */

static struct bh_status before[PARTITIONS];

static void top_row(unsigned n, const struct bh_status *s)
{
    const struct bh_status *b = &before[n];
    uint64_t ns = bh_tsc_to_ns(s->now - b->now), share = rate(bh_tsc_to_ns(s->busy), bh_tsc_to_ns(b->busy), ns) / (SECOND / 10000);
    char restarts[24], watchdog[16] = "-";

    snprintf(restarts, sizeof(restarts), "%u/%u", s->restarts, s->restart_limit);
    if (s->watchdog_ms && s->state == BH_STATE_RUNNING)
        snprintf(watchdog, sizeof(watchdog), "%u.%u s", s->watchdog_age / 1000, s->watchdog_age / 100 % 10);
    printf("%-15s %-9s %9lu %4lu.%02lu %8lu %8lu %9lu %6lu %5lu %8s %8s\n", s->name, bh_state_name((enum bh_state)s->state),
           rate(sum(s->exits, EXITS), sum(b->exits, EXITS), ns), share / 100, share % 100,
           rate(sum(s->denied, DENIED), sum(b->denied, DENIED), ns), rate(s->out_produced, b->out_produced, ns),
           rate_of_life(s->channel_bytes, b->channel_bytes, s->lives, b->lives, ns),
           rate_of_life(s->doorbells, b->doorbells, s->lives, b->lives, ns), s->lives, restarts, watchdog);
}

static void top_round(bool shown)
{
    struct bh_status s;

    if (shown)
        printf("%-15s %-9s %9s %7s %8s %8s %9s %6s %5s %8s %8s\n", "NAME", "STATE", "EXITS/s", "HV %", "DENIED/s", "OUTPUT/s",
               "CHANNEL/s", "BELL/s", "LIFE", "RESTARTS", "WATCHDOG");
    for (unsigned n = 0; n < PARTITIONS && bh_status(n, &s); n++) {
        if (shown)
            top_row(n, &s);
        before[n] = s;
    }
}

/* A key ends what is drawn for ever; what ends by itself leaves keys to the next line, but for Ctrl-C. */
static bool top_ended(bool for_ever, uint64_t due)
{
    return for_ever ? key(due) != KEY_NONE : key_break(due);
}

/* Nothing of ours interrupts a partition's core, and one that rests does not tell us. */
#define LEGEND "HV %: the hypervisor's share of its cores; a partition's own: n/a, nothing samples it. "

/* Drawn over itself each second on a terminal; `top N` leaves the terminal alone. */
void show_top(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], 0, 10) : 0;
    uint64_t due = bh_now_ns() + PERIOD;

    if (argc > 1 && rounds == 0) {
        printf("error: top %s: how many times? a number\n", argv[1]);
        return;
    }
    uint64_t busy = bh_busy_ns(), since = bh_now_ns();
    top_round(false);
    fputs(rounds ? LEGEND "\n" : "\x1b[H\x1b[J", stdout);
    fflush(stdout);
    for (unsigned round = 0; rounds == 0 || round < rounds; round++, due += PERIOD) {
        if (top_ended(rounds == 0, due))
            break;
        printf(rounds ? "" : "\x1b[H");
        top_round(true);
        fputs(rounds ? "" : "\x1b[J" LEGEND "any key ends it\n", stdout);
        fflush(stdout);
    }
    busy = bh_busy_ns() - busy;
    printf("top itself: %lu us of this core, %lu.%03lu %%\n", busy / 1000, busy * 100 / (bh_now_ns() - since + 1),
           busy * 100000 / (bh_now_ns() - since + 1) % 1000);
}
