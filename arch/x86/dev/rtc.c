/* SPDX-License-Identifier: Apache-2.0 */
/* The PC's real-time clock (MC146818), read once at boot, and waited by where the launch is refused; years are 2000 to 2099, time is UTC. */
#include "dev.h"
#include "memory.h"
#include "x86.h"

#define PORT_INDEX 0x70u
#define PORT_DATA 0x71u
#define INDEX_NMI_OFF 0x80u /* kept clear: NMI is how we get a core back */
#define REG_STATUS_A 0x0au
#define STATUS_A_UPDATING 0x80u
#define REG_STATUS_B 0x0bu
#define STATUS_B_24H 2u
#define STATUS_B_BINARY 4u
#define HOUR_PM 0x80u
#define UPDATE_ROUNDS 1000000u /* an update takes 2 ms; a port read 1 us on hardware, 10 ns under -icount */

#define WAIT_ROUNDS 30000000u /* of four port accesses, 0.25 us each at least: half a minute at least if the RTC stands still */

enum { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, FIELDS };
static const uint8_t field_register[FIELDS] = {0, 2, 4, 7, 8, 9};

static uint8_t rtc_register(uint8_t index)
{
    outb(PORT_INDEX, (uint8_t)(index & ~INDEX_NMI_OFF));
    return inb(PORT_DATA);
}

static bool rtc_sample(uint8_t fields[FIELDS])
{
    unsigned rounds = 0;

    while (rtc_register(REG_STATUS_A) & STATUS_A_UPDATING)
        if (++rounds == UPDATE_ROUNDS)
            return false;
    for (unsigned i = 0; i < FIELDS; i++)
        fields[i] = rtc_register(field_register[i]);
    return true;
}

static uint8_t from_bcd(uint8_t value)
{
    return (uint8_t)((value >> 4) * 10 + (value & 15));
}

/* To binary and 24 hours, in place. */
static void rtc_normalise(uint8_t fields[FIELDS])
{
    uint8_t mode = rtc_register(REG_STATUS_B);
    bool pm = !(mode & STATUS_B_24H) && (fields[HOUR] & HOUR_PM) != 0;

    if (!(mode & STATUS_B_24H))
        fields[HOUR] &= (uint8_t)~HOUR_PM;
    for (unsigned i = 0; i < FIELDS && !(mode & STATUS_B_BINARY); i++)
        fields[i] = from_bcd(fields[i]);
    if (!(mode & STATUS_B_24H))
        fields[HOUR] = (uint8_t)(fields[HOUR] % 12 + (pm ? 12 : 0));
}

static uint64_t rtc_to_epoch(const uint8_t f[FIELDS])
{
    static const uint16_t days_before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint64_t days;

    if (f[SECOND] > 59 || f[MINUTE] > 59 || f[HOUR] > 23 || f[DAY] < 1 || f[DAY] > 31 || f[MONTH] < 1 || f[MONTH] > 12 ||
        f[YEAR] > 99)
        return 0;
    days = 10957u + 365u * f[YEAR] + (f[YEAR] + 3u) / 4u; /* 1970 to 2000, years, leap days of years past: 2000 was one */
    days += days_before[f[MONTH] - 1] + f[DAY] - 1u;
    if (f[MONTH] > 2 && f[YEAR] % 4 == 0)
        days++;
    return ((days * 24 + f[HOUR]) * 60 + f[MINUTE]) * 60 + f[SECOND];
}

uint64_t rtc_epoch(void)
{
    uint8_t first[FIELDS], second[FIELDS];

    /* Two equal samples: no update slipped between the registers. */
    for (unsigned tries = 0; tries < 8; tries++) {
        if (!rtc_sample(first) || !rtc_sample(second))
            return 0;
        if (memcmp(first, second, FIELDS) == 0) {
            rtc_normalise(first);
            return rtc_to_epoch(first);
        }
    }
    return 0;
}

/* No clock is measured yet when a launch is refused, and the board may not be the one of the table: the RTC is on every PC. What it says
 * during an update is not looked at. */
void rtc_wait(unsigned seconds)
{
    uint8_t last = rtc_register(field_register[SECOND]);

    for (unsigned round = 0; seconds > 0 && round < WAIT_ROUNDS; round++) {
        bool updating = (rtc_register(REG_STATUS_A) & STATUS_A_UPDATING) != 0;
        uint8_t now = rtc_register(field_register[SECOND]);

        if (updating || now == last)
            continue;
        last = now;
        seconds--;
    }
}
