/* SPDX-License-Identifier: Apache-2.0 */
/* Speaks as it is told and then waits for ever, with no timer of its own.
 *   lines N   that many, each written by itself      burst N   the same in one write
 *   prompt    text without a newline                 pairs     two lines, 0 to 6 ms apart, after silence
 *   deny      one access to a port                   exit, abort */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bh.h"

#define BURST 16000u

static void burst(unsigned long lines)
{
    static char text[BURST];
    size_t length = 0;

    for (unsigned long i = 1; i <= lines && length + 32 < BURST; i++)
        length += (size_t)snprintf(text + length, 32, "burst %lu of %lu\n", i, lines);
    write(1, text, length);
}

static void pairs(void)
{
    for (unsigned long ms = 0; ms <= 6; ms += 2) {
        uint64_t until;

        bh_sleep_ns(1500000000);
        printf("first of %lu\n", ms);
        until = bh_now_ns() + ms * 1000000;
        while (bh_now_ns() < until)
            ;
        printf("second of %lu\n", ms);
    }
}

static void act(const char *line)
{
    unsigned long count = strtoul(line + strcspn(line, " "), 0, 10);

    if (strncmp(line, "lines ", 6) == 0)
        for (unsigned long i = 1; i <= count; i++)
            printf("line %lu of %lu\n", i, count);
    else if (strncmp(line, "burst ", 6) == 0)
        burst(count);
    else if (strcmp(line, "prompt") == 0)
        printf("what now? ");
    else if (strcmp(line, "pairs") == 0)
        pairs();
    else if (strcmp(line, "deny") == 0)
        __asm__ volatile("out %%al, $0x99" : : "a"(0));
    else if (strcmp(line, "exit") == 0)
        exit(7);
    else if (strcmp(line, "abort") == 0)
        abort();
}

int main(int argc, char **argv)
{
    char line[64];

    (void)argc;
    setvbuf(stdout, 0, _IOLBF, BUFSIZ);
    printf("%s: ready, life %lu\n", argv[0], (unsigned long)bh_start_info()->lives);
    for (;;) {
        bh_console_wait(UINT64_MAX);
        while (bh_getline(line, sizeof(line))) {
            act(line);
            fflush(stdout);
        }
    }
}
