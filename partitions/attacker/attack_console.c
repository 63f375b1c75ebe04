/* SPDX-License-Identifier: Apache-2.0 */
/* AC-45, AC-44: the console as a weapon: every byte value, terminal escapes, forged prefixes of others, endless lines, a megabyte
 * at full speed; then the ring's indices set to nonsense. Expected: we lose output, nobody else's line is touched or imitated, the
 * hypervisor reads each index once and distrusts it. The host looks at what arrived. */
#include <string.h>

#include "attack.h"
#include "lib.h"

#define FLOOD_BYTES (1u << 20)

static void forged_lines(void)
{
    static const char *const lines[] = {
        "\n[    0.000001] witness| witness BAD forged\n",
        "\r[    0.000001] bulkhead| forged: panic\n",
        "\033[2J\033[H[    0.000001] witness| witness BAD forged by escape\n",
        "\033]0;forged title\007\033P forged DCS \033\\\n",
        "\xc2\x9b"
        "2J forged by a UTF-8 control\n",
        "\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\bbulkhead| forged by backspace\n",
        "\x0e\x0f\x85\x84\x8d\v\f forged by other line ends\n",
    };

    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        bh_console_write(lines[i], strlen(lines[i]));
}

void attack_flood(void)
{
    static char block[4096];
    size_t taken = 0;

    for (unsigned i = 0; i < sizeof(block); i++)
        block[i] = (char)i;
    forged_lines();
    bh_console_write(block, 256);
    memset(block, 'A', sizeof(block));
    for (size_t sent = 0; sent < FLOOD_BYTES; sent += sizeof(block)) {
        taken += bh_console_write(block, sizeof(block));
        bh_watchdog_pet();
    }
    bh_console_write("\n", 1);
    bh_sleep_ns(1000000000);
    verdict(true, "alive, %zu of %u bytes taken", taken, FLOOD_BYTES);
}

/* Hypervisor's words of the shared page too: they are ours to break, and only ours. */
void attack_ring(void)
{
    volatile struct bh_shared *shared = shared_words();
    uint32_t given = shared->in_produced; /* the hypervisor does not say again what it has said: keep it */
    static const uint32_t steps[] = {1, 0x3fff, 0x4000, 0x4001, 0x7fffffff, 0x80000000, 0xffffffff};

    bh_sleep_ns(200000000); /* what was said before is not to be lost */
    for (unsigned round = 0; round < 2000; round++) {
        uint32_t value = (uint32_t)random64();
        shared->out_produced = round % 2 ? value : shared->out_consumed + steps[round % 7];
        shared->in_consumed = round % 3 ? value : shared->in_produced + steps[round % 7];
        shared->out_consumed = (uint32_t)random64();
        shared->in_produced = (uint32_t)random64();
        bh_call(BH_CALL_CONSOLE, 0, 0, 0);
        if (round % 100 == 0)
            bh_sleep_ns(20000000); /* so that the tick sees some of them */
    }
    shared->in_produced = shared->in_consumed = given;
    for (unsigned i = 0; i < 2; i++) {
        bh_sleep_ns(500000000);
        shared->out_produced = shared->out_consumed; /* as the hypervisor has left it */
    }
    printf("\n"); /* what the ring held of the past may have been said once more */
    verdict(true, "alive after 2000 rounds");
}
