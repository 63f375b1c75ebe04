/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the tick and the console. */
#include <string.h>

#include "rules.h"

void rule_tick(struct check *check)
{
    uint32_t hz = check->product->tick_hz;
    if (hz && (hz < 20 || hz > 1000))
        found(check, (struct place){"product", 0, "tick_hz"},
              "slower, the console lags and the PIT cannot count it; faster, it costs the housekeeping partition too much",
              "use 20 to 1000; 0 means 50", "%u", hz);
}

void rule_tick_watchdog(struct check *check)
{
    EACH_PARTITION(p, check)
    if (check->product->tick_off && p->watchdog.period_ms)
        found(check, (struct place){"product", p, "watchdog.period_ms"},
              "signs of life are looked for at the tick, which is off: this watchdog would never expire",
              "remove .tick_off, or the watchdog", "%u, tick_off is true", p->watchdog.period_ms);
}

void rule_tick_board_watchdog(struct check *check)
{
    if (check->product->tick_off && check->board->watchdog.kind != WATCHDOG_NONE)
        found(check, (struct place){"product", 0, "tick_off"},
              "the board's hardware watchdog is fed at the tick: without it the board would be reset again and again",
              "remove .tick_off, or build for a board table without .watchdog", "true, the watchdog of board %s has %u ms",
              check->board->name ? check->board->name : "", check->board->watchdog.timeout_ms);
}

void rule_tick_backoff(struct check *check)
{
    EACH_PARTITION(p, check)
    if (check->product->tick_off && p->restart.backoff_ms)
        found(check, (struct place){"product", p, "restart.backoff_ms"},
              "the end of a wait is looked for at the tick, which is off: the partition might never start again",
              "remove .tick_off, or the back-off: the restart is then made at once", "%u, tick_off is true", p->restart.backoff_ms);
}

void rule_tick_devices(struct check *check)
{
    EACH_PARTITION(p, check)
    if (check->product->tick_off && check->board->iommu.kind != IOMMU_NONE && p->devices[0].role)
        found(check, (struct place){"product", p, "devices"},
              "an IOMMU's faults are looked for at the tick, which is off: a device at odds with it would not be seen, nor cut off",
              "remove .tick_off, or the devices", "%.15s, tick_off is true", p->devices[0].role);
}

void rule_console_rate(struct check *check)
{
    EACH_PARTITION(p, check)
    {
        uint32_t rate = p->console.bytes_per_second;
        if (rate && (rate < 256 || rate > 1048576))
            found(check, (struct place){"product", p, "console.bytes_per_second"},
                  "below 256 not even a line per second is shown, above 1 MiB nothing limits it",
                  "use 256 to 1,048,576; 0 means 65,536", "%u", rate);
    }
}

void rule_attention(struct check *check)
{
    /* Ctrl-C, Ctrl-D, backspace, tab, newline, return, XON, XOFF, escape */
    static const char needed[] = "\x03\x04\x08\x09\x0a\x0d\x11\x13\x1b";
    uint8_t key = check->board->attention;
    if (key && (key >= 0x20 || strchr(needed, key)))
        found(check, (struct place){"board", 0, "attention"}, "partitions and terminals need this key",
              "use a control character such as 0x1d (Ctrl-]), which 0 means, or 0x1c (Ctrl-\\)", "0x%02x", key);
}
