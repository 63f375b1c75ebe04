/* SPDX-License-Identifier: Apache-2.0 */
/* AC-46: the hypervisor gets a core back from its guest by a kick, which may hit just when that core has looked for requests and is about
 * to enter. Expected: none is lost. The second core leaves its guest once, while the first sends it an NMI, at all distances in time,
 * and stays in it then: an NMI that is not served at that entry would never be. */
#include "attack.h"
#include "lib.h"

#define STEPS 48u /* of each core's delay */
#define LOST_MAX 3u
#define LOST_NS 800000000ull /* a core that does not come back by itself is kicked after a second */
#define COMMAND_INIT 0x4500u
#define COMMAND_NMI 0x4400u

static volatile unsigned asked, arrived; /* by the first core; at the second one */
static volatile unsigned delay_there;

static void on_nmi(struct bh_frame *frame)
{
    (void)frame;
    if (bh_core() == 1)
        arrived++;
}

/* As many times two instructions. */
static void delay(unsigned times)
{
    __asm__ volatile("1: decl %0\n\tjns 1b" : "+r"(times) : : "cc");
}

static void leave_when_asked(void *unused)
{
    uint32_t out[4];
    unsigned seen = 0;

    (void)unused;
    for (;;) {
        while (asked == seen)
            __asm__ volatile("pause");
        seen = asked;
        delay(delay_there);
        cpu_cpuid(0, 0, out);
    }
}

static bool came(unsigned before)
{
    uint64_t until = bh_now_ns() + LOST_NS;

    while (arrived == before && bh_now_ns() < until)
        __asm__ volatile("pause");
    return arrived != before;
}

/* False: it was lost. It comes when that core leaves its guest again. */
static bool kick(unsigned here, unsigned there)
{
    unsigned before = arrived;

    delay_there = there;
    asked++;
    delay(here);
    apic_send(1, COMMAND_NMI);
    if (came(before))
        return true;
    detail("lost at %u, %u", here, there);
    asked++;
    came(before);
    return false;
}

void attack_kick(void)
{
    unsigned lost = 0, sent = 0;

    asked = arrived = 0;
    bh_irq_handler(2, on_nmi);
    bh_cores[1].work = 0;
    bh_cores[1].up = false;
    if (!bh_cpu_start(1, leave_when_asked, 0)) {
        verdict(false, "no second core");
        return;
    }
    for (; sent < STEPS * STEPS && lost < LOST_MAX; sent++) {
        lost += !kick(sent / STEPS * 4, sent % STEPS * 4);
        bh_watchdog_pet();
    }
    apic_send(1, COMMAND_INIT);
    bh_irq_handler(2, 0);
    verdict(lost == 0, "%u lost of %u", lost, sent);
}
