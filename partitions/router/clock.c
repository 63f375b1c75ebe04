/* SPDX-License-Identifier: Apache-2.0 */
/* SNTP and syslog: bytes in, bytes out. */
#include "clock.h"

#include <stdio.h>
#include <string.h>

#include "packet.h"

#define SECOND 1000000000ull
#define FROM_1900 2208988800ull /* seconds to 1970 */
#define ERA 0x100000000ull
#define VERSION 4u
#define CLIENT 3u
#define SERVER 4u
#define UNKNOWN 3u /* leap indicator: the clock is not set */
#define AT_ORIGIN 24u
#define AT_RECEIVE 32u
#define AT_TRANSMIT 40u
#define STAMP 48u
#define FACILITY 3u /* a system's daemon */

/* Seconds of 2^32 from 1900, or, below half of that, from 2036 (RFC 4330 3). */
static uint64_t time_read(const uint8_t *at)
{
    uint64_t seconds = get32(at), part = get32(at + 4);

    seconds += seconds & 0x80000000u ? 0 : ERA;
    return (seconds - FROM_1900) * SECOND + (part * SECOND >> 32);
}

static void time_write(uint8_t *at, uint64_t ns)
{
    put32(at, (uint32_t)(ns / SECOND + FROM_1900));
    put32(at + 4, (uint32_t)((ns % SECOND << 32) / SECOND));
}

void sntp_question(uint8_t out[SNTP_SIZE], uint64_t cookie)
{
    memset(out, 0, SNTP_SIZE);
    out[0] = VERSION << 3 | CLIENT;
    put32(out + AT_TRANSMIT, (uint32_t)(cookie >> 32));
    put32(out + AT_TRANSMIT + 4, (uint32_t)cookie);
}

bool sntp_answer(const uint8_t *bytes, size_t size, uint64_t cookie, uint64_t sent, uint64_t came, int64_t *offset,
                 uint8_t *stratum)
{
    if (size < SNTP_SIZE || (bytes[0] & 7) != SERVER || bytes[0] >> 6 == UNKNOWN || bytes[1] == 0 || bytes[1] > 15)
        return false; /* stratum 0: it wants to be left alone */
    if (get32(bytes + AT_ORIGIN) != (uint32_t)(cookie >> 32) || get32(bytes + AT_ORIGIN + 4) != (uint32_t)cookie)
        return false;
    if (get32(bytes + AT_TRANSMIT) == 0 || came < sent)
        return false;
    /* Half of what the way takes, less what the server kept it, is the way back. */
    uint64_t there = time_read(bytes + AT_RECEIVE), back = time_read(bytes + AT_TRANSMIT);
    int64_t out = (int64_t)(there - sent), in = (int64_t)(back - came);
    *offset = out / 2 + in / 2;
    *stratum = bytes[1];
    return true;
}

bool sntp_serve(const uint8_t *bytes, size_t size, uint64_t now, uint8_t stratum, uint8_t out[SNTP_SIZE])
{
    uint8_t version = size ? bytes[0] >> 3 & 7 : 0;

    if (size < SNTP_SIZE || (bytes[0] & 7) != CLIENT || version < 1 || version > VERSION)
        return false;
    memset(out, 0, SNTP_SIZE);
    out[0] = (uint8_t)((stratum ? 0 : UNKNOWN << 6) | version << 3 | SERVER);
    out[1] = stratum ? (uint8_t)(stratum < 15 ? stratum + 1 : 16) : 0;
    out[2] = bytes[2]; /* poll interval */
    out[3] = 0xec;     /* precision: 2^-20 s */
    memcpy(out + 12, stratum ? "GATE" : "INIT", 4);
    memcpy(out + AT_ORIGIN, bytes + AT_TRANSMIT, 8);
    if (stratum) {
        time_write(out + 16, now);
        time_write(out + AT_RECEIVE, now);
        time_write(out + AT_TRANSMIT, now);
    }
    return true;
}

/* Days since 1970 as a date of the Gregorian calendar. Years are counted from March on, so that the leap day is a year's last. */
static void date_of(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    uint64_t z = days + 719468, era = z / 146097, of_era = z % 146097;
    uint64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;

    *day = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
    *month = (unsigned)(m < 10 ? m + 3 : m - 9);
    *year = (unsigned)(y + era * 400 + (*month <= 2));
}

static void stamp(char out[STAMP], uint64_t now)
{
    uint64_t seconds = now / SECOND, of_day = seconds % 86400;
    unsigned year, month, day;

    snprintf(out, STAMP, "-");
    if (now == 0)
        return;
    date_of(seconds / 86400, &year, &month, &day);
    snprintf(out, STAMP, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year % 10000, month, day, (unsigned)(of_day / 3600),
             (unsigned)(of_day / 60 % 60), (unsigned)(of_day % 60), (unsigned)(now % SECOND / 1000000));
}

size_t syslog_line(char out[SYSLOG_MAX], unsigned severity, uint64_t now, const char *host, const char *id, const char *text)
{
    char when[STAMP];

    stamp(when, now);
    int n = snprintf(out, SYSLOG_MAX, "<%u>1 %s %s router - %s - %s", FACILITY * 8 + (severity & 7), when, host, id, text);
    size_t length = n < 0 ? 0 : (size_t)n < SYSLOG_MAX ? (size_t)n : SYSLOG_MAX - 1;
    for (size_t i = 0; i < length; i++)
        if (out[i] < ' ' || out[i] > '~')
            out[i] = '?';
    return length;
}
