/* SPDX-License-Identifier: Apache-2.0 */
/* AC-11, AC-50: triple faults. Expected: this partition stops with cause "triple fault", the machine is not reset, and it can be
 * started again. In long mode, in protected mode without paging, and in real mode on the second core. */
#include <string.h>

#include "attack.h"
#include "lib.h"

void attack_triple_long(void)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } empty = {0, 0};

    __asm__ volatile("cli\n\tlidt %0\n\tud2" ::"m"(empty));
}

void attack_triple_protected(void)
{
    unpaged_triple_fault();
}

/* At 0x7000, in real mode: `lidt [0x7010]` of zeros, then INT3. */
void attack_triple_real(void)
{
    static const uint8_t code[] = {0x2e, 0x0f, 0x01, 0x1e, 0x10, 0x00, 0xcc, 0xeb, 0xfe};

    if (bh_start_info()->cores < 2) {
        verdict(false, "no second core");
        return;
    }
    memset((void *)0x7000, 0, 64);
    memcpy((void *)0x7000, code, sizeof(code));
    apic_send(1, 0x4500);
    bh_sleep_ns(10000000);
    apic_send(1, 0x4607);
    bh_sleep_ns(1000000000);
}
