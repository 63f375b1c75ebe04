/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest useful unikernel: says who it is, answers typed lines, shows that it lives.
 *   exit N   ends it with status N        abort   ends it as a failed check would */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bh.h"

#define QUIET_NS 10000000000ul /* between two lines when nobody types */

static void answer(const char *line)
{
    if (strncmp(line, "exit", 4) == 0 && (line[4] == ' ' || line[4] == 0))
        exit(atoi(line + 4));
    if (strcmp(line, "abort") == 0)
        abort();
    printf("you said: %s\n", line);
}

int main(int argc, char **argv)
{
    const struct bh_start_info *info = bh_start_info();
    char line[256], date[32];
    time_t now = time(0);

    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", gmtime(&now));
    printf("hello from %s, life %lu, %lu MiB, %u core%s, %s UTC\n", argv[0], info->lives, info->ram_size >> 20, info->cores,
           info->cores == 1 ? "" : "s", date);
    for (int i = 1; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);

    for (uint64_t beat = 1, next = QUIET_NS;; beat++, next += QUIET_NS) {
        while (bh_now_ns() < next) {
            bh_watchdog_pet();
            uint64_t soon = bh_now_ns() + 500000000; /* often enough for any watchdog of a second or more */
            bh_console_wait(soon < next ? soon : next);
            while (bh_getline(line, sizeof(line)))
                answer(line);
        }
        printf("alive for %lu s\n", beat * (QUIET_NS / 1000000000));
    }
}
