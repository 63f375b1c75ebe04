/* SPDX-License-Identifier: Apache-2.0 */
/* AC-42: hypercall numbers and arguments. Expected: BH_ENOSYS for unknown numbers (upper halves count), BH_EINVAL for bad
 * arguments, no register but RAX changed, #UD from privilege level 3. */
#include "attack.h"

#define LATTICE 10u

static const uint64_t lattice[LATTICE] = {0, 1, 31, 32, 255, 256, 0x7fffffff, 0xffffffff, 0x100000000, ~0ull};
static unsigned surprises, tried;

static void expect_all(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t want)
{
    uint64_t got = bh_call(number, a, b, c);

    tried++;
    if (got != want) {
        surprises++;
        detail("call %#" PRIx64 "(%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ") gave %#" PRIx64 ", not %#" PRIx64, number, a, b, c, got,
               want);
    }
}

static void expect(uint64_t number, uint64_t a, uint64_t b, uint64_t want)
{
    expect_all(number, a, b, random64() | 1ull << 63, want);
}

static void unknown_numbers(void)
{
    for (uint64_t number = BH_CALL_COUNT; number < 0x10000; number += attack_full ? 1 : 17)
        expect(number, random64(), random64(), BH_ENOSYS);
    for (unsigned i = 0; i < 200; i++)
        expect(random64() | 1ull << 63, random64(), random64(), BH_ENOSYS);
    for (uint64_t number = 0; number < BH_CALL_COUNT; number++) /* a known number in the lower half alone */
        expect(number | 1ull << 32, 0, 0, BH_ENOSYS);
}

static void argument_lattice(void)
{
    for (unsigned i = 0; i < LATTICE; i++)
        for (unsigned j = 0; j < LATTICE; j++) {
            bool good = lattice[i] < BH_SOURCE_COUNT && (lattice[j] == 0 || (lattice[j] >= 32 && lattice[j] <= 255));
            expect(BH_CALL_VECTOR, lattice[i], lattice[j], good && lattice[i] < BH_SOURCE_CHANNEL ? 0 : BH_EINVAL);
            for (uint64_t core = 0; core <= bh_start_info()->cores; core++)
                expect_all(BH_CALL_VECTOR, lattice[i], lattice[j], core,
                           good && (lattice[i] < BH_SOURCE_CHANNEL || core < bh_start_info()->cores) ? 0 : BH_EINVAL);
            expect(BH_CALL_DOORBELL, lattice[i], lattice[j], BH_EINVAL); /* it writes no channel */
            expect(BH_CALL_VERSION, lattice[i], lattice[j], BH_ABI_VERSION);
            expect(BH_CALL_CONSOLE, lattice[i], lattice[j], 0);
            expect(BH_CALL_OBSERVE, lattice[i], lattice[j], BH_EINVAL); /* its table lets it observe nobody */
            if (lattice[i] >= BH_END_COUNT)
                expect(BH_CALL_END, lattice[i], lattice[j], BH_EINVAL);
        }
    bh_call(BH_CALL_VECTOR, BH_SOURCE_CONSOLE, BH_VECTOR_CONSOLE, 0);
}

/* All registers hold known values around a call with the number BH_CALL_VERSION. */
static bool registers_kept(void)
{
    /* rbx..r15 set to 1..12, call, each subtracted again: rax collects what differs */
    static const uint8_t amd[] = {0x0f, 0x01, 0xd9}, intel[] = {0x0f, 0x01, 0xc1};
    const uint8_t *call = cpu_is_intel() ? intel : amd;
    uint8_t code[128];
    unsigned n = 0;
    static const uint8_t low[] = {3, 1, 2, 6, 7, 5}; /* rbx rcx rdx rsi rdi rbp */

    for (unsigned i = 0; i < 6; i++, n += 5) {
        code[n] = (uint8_t)(0xb8 + low[i]); /* mov imm32 */
        for (unsigned b = 0; b < 4; b++)
            code[n + 1 + b] = (uint8_t)(0x11 * (i + 1));
    }
    code[n++] = 0x31, code[n++] = 0xc0; /* xor eax, eax: BH_CALL_VERSION */
    for (unsigned i = 0; i < 3; i++)
        code[n++] = call[i];
    code[n++] = 0x83, code[n++] = 0xe8, code[n++] = BH_ABI_VERSION; /* sub eax, version */
    for (unsigned i = 0; i < 6; i++, n += 7) {
        code[n] = 0x48, code[n + 1] = 0x81, code[n + 2] = (uint8_t)(0xe8 + low[i]); /* sub reg, imm32 */
        for (unsigned b = 0; b < 4; b++)
            code[n + 3 + b] = (uint8_t)(0x11 * (i + 1));
    }
    for (unsigned i = 0; i < 6; i++)
        code[n++] = 0x48, code[n++] = 0x09, code[n++] = (uint8_t)(0xc0 + low[i] * 8); /* or rax, reg */
    code[n++] = 0x48, code[n++] = 0x85, code[n++] = 0xc0;                             /* test rax, rax */
    code[n++] = 0x74, code[n++] = 0x02, code[n++] = 0x0f, code[n++] = 0x0b;           /* jz over UD2 */
    return try_code(code, n, 0, false);
}

void attack_calls(void)
{
    static const uint8_t amd[] = {0x0f, 0x01, 0xd9}, intel[] = {0x0f, 0x01, 0xc1};

    surprises = tried = 0;
    unknown_numbers();
    argument_lattice();
    for (uint64_t number = 0; number < 8; number++, tried++)
        if (try_code(cpu_is_intel() ? intel : amd, 3, number, true) || attack_fault.vector != VECTOR_UD) {
            surprises++;
            detail("call %" PRIu64 " from level 3: %s", number, bh_vector_name((unsigned)attack_fault.vector));
        }
    tried++;
    if (!registers_kept()) {
        surprises++;
        detail("a call changed a register other than RAX");
    }
    verdict(surprises == 0, "%u surprises of %u", surprises, tried);
}

void attack_end_garbage(void)
{
    if (bh_call(BH_CALL_END, ~0ull, ~0ull, ~0ull) != BH_EINVAL)
        detail("a bad kind of end was not refused");
    bh_end(BH_END_EXIT, ~0ull, ~0ull);
}
