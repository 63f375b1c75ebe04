/* SPDX-License-Identifier: Apache-2.0 */
/* The status page, for looking only: where the table gives this partition a network (`net=` among its arguments), it serves what `list` shows.
 * Nothing that comes from there reaches the shell. */
#include <stdio.h>
#include <string.h>

#include "../httpd/server.h"
#include "bh_net.h"
#include "shell.h"

#define PORT 80u

bool web_start(int argc, char **argv)
{
    const char *problem;
    bool wanted = false;

    for (int i = 0; i < argc; i++)
        wanted = wanted || strncmp(argv[i], "net=", 4) == 0;
    if (!wanted)
        return false;
    problem = bh_net_start(argc, argv);
    if (!problem)
        problem = server_start(PORT);
    if (problem)
        printf("supervisor: no status page: %s\n", problem);
    return !problem;
}

bool web_wait(uint64_t deadline)
{
    bh_net_poll();
    bh_net_wait(deadline);
    return bh_console_wait(0);
}
