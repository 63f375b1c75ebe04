/* SPDX-License-Identifier: Apache-2.0 */
/* AC-01, AC-09, AC-08: instructions no partition has, at privilege levels 0 and 3, with good and bad operands in RAX.
 * Expected: #UD (or #GP where the processor checks the operand or the level first), never executed; WBINVD and INVD at level 0 do
 * nothing to anybody. */
#include "attack.h"

static const struct {
    const char *name;
    uint8_t length, code[6];
    bool nothing; /* allowed to do nothing at level 0 */
} opcodes[] = {
    {"vmrun", 3, {0x0f, 0x01, 0xd8}, false},
    {"vmload", 3, {0x0f, 0x01, 0xda}, false},
    {"vmsave", 3, {0x0f, 0x01, 0xdb}, false},
    {"stgi", 3, {0x0f, 0x01, 0xdc}, false},
    {"clgi", 3, {0x0f, 0x01, 0xdd}, false},
    {"skinit", 3, {0x0f, 0x01, 0xde}, false},
    {"invlpga", 3, {0x0f, 0x01, 0xdf}, false},
    {"invlpgb", 3, {0x0f, 0x01, 0xfe}, false},
    {"tlbsync", 3, {0x0f, 0x01, 0xff}, false},
    {"vmmcall", 3, {0x0f, 0x01, 0xd9}, false},
    {"vmcall", 3, {0x0f, 0x01, 0xc1}, false},
    {"vmlaunch", 3, {0x0f, 0x01, 0xc2}, false},
    {"vmresume", 3, {0x0f, 0x01, 0xc3}, false},
    {"vmxoff", 3, {0x0f, 0x01, 0xc4}, false},
    {"vmfunc", 3, {0x0f, 0x01, 0xd4}, false},
    {"vmptrld", 3, {0x0f, 0xc7, 0x30}, false},
    {"vmclear", 4, {0x66, 0x0f, 0xc7, 0x30}, false},
    {"vmxon", 4, {0xf3, 0x0f, 0xc7, 0x30}, false},
    {"vmread", 3, {0x0f, 0x78, 0xc0}, false},
    {"vmwrite", 3, {0x0f, 0x79, 0xc0}, false},
    {"invept", 5, {0x66, 0x0f, 0x38, 0x80, 0x00}, false},
    {"invvpid", 5, {0x66, 0x0f, 0x38, 0x81, 0x00}, false},
    {"getsec", 2, {0x0f, 0x37}, false},
    {"encls", 3, {0x0f, 0x01, 0xcf}, false},
    {"enclv", 3, {0x0f, 0x01, 0xc0}, false},
    {"pconfig", 3, {0x0f, 0x01, 0xc5}, false},
    {"rsm", 2, {0x0f, 0xaa}, false},
    {"monitor", 3, {0x0f, 0x01, 0xc8}, false},
    {"mwait", 3, {0x0f, 0x01, 0xc9}, false},
    {"rdpmc", 2, {0x0f, 0x33}, false},
    {"rdpru", 3, {0x0f, 0x01, 0xfd}, false},
    {"enqcmds", 5, {0xf3, 0x0f, 0x38, 0xf8, 0x00}, false},
    {"invd", 2, {0x0f, 0x08}, true},
    {"wbinvd", 2, {0x0f, 0x09}, true},
};

/* The hypercall of this processor's vendor; the other vendor's is no instruction. */
static bool is_hypercall(const uint8_t *code)
{
    return code[0] == 0x0f && code[1] == 0x01 && code[2] == (cpu_is_intel() ? 0xc1 : 0xd9);
}

void attack_svm(void)
{
    static uint8_t page[4096] __attribute__((aligned(4096)));
    uint64_t operands[] = {(uintptr_t)page, 0, 1, bh_start_info()->ram_size, 0x8000000000000000ull};
    unsigned executed = 0, tried = 0;

    for (unsigned i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++)
        for (unsigned user = 0; user < 2; user++)
            for (unsigned o = 0; o < sizeof(operands) / sizeof(operands[0]); o++) {
                bool done;
                if (is_hypercall(opcodes[i].code))
                    continue;
                done = try_code(opcodes[i].code, opcodes[i].length, operands[o], user);
                tried++;
                if (opcodes[i].nothing && !user)
                    continue;
                if (done || (attack_fault.vector != VECTOR_UD && attack_fault.vector != VECTOR_GP)) {
                    executed++;
                    detail("%s at level %u, rax %#" PRIx64 ": %s", opcodes[i].name, user ? 3 : 0, operands[o],
                           done ? "executed" : bh_vector_name((unsigned)attack_fault.vector));
                }
            }
    verdict(executed == 0, "%u executed of %u", executed, tried);
}
