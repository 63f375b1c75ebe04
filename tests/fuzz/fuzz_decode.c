/* SPDX-License-Identifier: Apache-2.0 */
/* F7: any code bytes for the two instruction decoders, compared with a disassembler: what they accept, it reads as the same instruction, with the
 * same length, operands and widths. Byte 0: mode; byte 1: how many bytes can be fetched; then the code. A libFuzzer entry point; linked with
 * Capstone. */
#include <capstone/capstone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(condition)                                                                                                         \
    do {                                                                                                                           \
        if (!(condition)) {                                                                                                        \
            fprintf(stderr, "PROMISE line %d: %s (%s %s)\n", __LINE__, #condition, theirs->mnemonic, theirs->op_str);              \
            abort();                                                                                                               \
        }                                                                                                                          \
    } while (0)

static const x86_reg registers[4][16] = {
    {X86_REG_AL, X86_REG_CL, X86_REG_DL, X86_REG_BL, X86_REG_SPL, X86_REG_BPL, X86_REG_SIL, X86_REG_DIL, X86_REG_R8B, X86_REG_R9B,
     X86_REG_R10B, X86_REG_R11B, X86_REG_R12B, X86_REG_R13B, X86_REG_R14B, X86_REG_R15B},
    {X86_REG_AX, X86_REG_CX, X86_REG_DX, X86_REG_BX, X86_REG_SP, X86_REG_BP, X86_REG_SI, X86_REG_DI, X86_REG_R8W, X86_REG_R9W,
     X86_REG_R10W, X86_REG_R11W, X86_REG_R12W, X86_REG_R13W, X86_REG_R14W, X86_REG_R15W},
    {X86_REG_EAX, X86_REG_ECX, X86_REG_EDX, X86_REG_EBX, X86_REG_ESP, X86_REG_EBP, X86_REG_ESI, X86_REG_EDI, X86_REG_R8D,
     X86_REG_R9D, X86_REG_R10D, X86_REG_R11D, X86_REG_R12D, X86_REG_R13D, X86_REG_R14D, X86_REG_R15D},
    {X86_REG_RAX, X86_REG_RCX, X86_REG_RDX, X86_REG_RBX, X86_REG_RSP, X86_REG_RBP, X86_REG_RSI, X86_REG_RDI, X86_REG_R8, X86_REG_R9,
     X86_REG_R10, X86_REG_R11, X86_REG_R12, X86_REG_R13, X86_REG_R14, X86_REG_R15},
};
static const x86_reg high[4] = {X86_REG_AH, X86_REG_CH, X86_REG_DH, X86_REG_BH};

static csh disassembler(unsigned mode)
{
    static csh handles[3];
    unsigned which = mode / 32;

    if (handles[which] == 0 && (cs_open(CS_ARCH_X86,
                                        mode == 16   ? CS_MODE_16
                                        : mode == 32 ? CS_MODE_32
                                                     : CS_MODE_64,
                                        &handles[which]) != CS_ERR_OK ||
                                cs_option(handles[which], CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK))
        abort();
    return handles[which];
}

static unsigned log2_of(unsigned width)
{
    return width == 8 ? 3 : width / 2;
}

static void check_mov(const struct mmio_insn *ours, const cs_insn *theirs)
{
    const cs_x86 *x86 = &theirs->detail->x86;
    const cs_x86_op *memory = &x86->operands[ours->write ? 0 : 1], *other = &x86->operands[ours->write ? 1 : 0];
    unsigned width = ours->write ? ours->size : ours->reg_size;
    uint64_t mask = ~0ull >> (64 - 8 * ours->size);

    PROMISE(theirs->id == X86_INS_MOV || theirs->id == X86_INS_MOVABS || (!ours->write && ours->reg_size >= ours->size));
    PROMISE(theirs->id == X86_INS_MOV || theirs->id == X86_INS_MOVABS || theirs->id == X86_INS_MOVZX ||
            theirs->id == X86_INS_MOVSX || theirs->id == X86_INS_MOVSXD);
    PROMISE(ours->sign_extend == (theirs->id == X86_INS_MOVSX || theirs->id == X86_INS_MOVSXD));
    PROMISE(x86->op_count == 2 && memory->type == X86_OP_MEM && memory->size == ours->size);
    if (ours->immediate) {
        PROMISE(other->type == X86_OP_IMM && ((uint64_t)other->imm & mask) == ours->value);
        return;
    }
    PROMISE(other->type == X86_OP_REG && other->size == width);
    PROMISE(other->reg == (ours->high_byte ? high[ours->reg & 3] : registers[log2_of(width)][ours->reg & 15]));
}

static void check_cr(const struct cr_insn *ours, const cs_insn *theirs)
{
    static const unsigned ids[] = {[CR_MOV] = X86_INS_MOV, [CR_LMSW] = X86_INS_LMSW, [CR_CLTS] = X86_INS_CLTS};
    const cs_x86_op *operands = theirs->detail->x86.operands;

    PROMISE(theirs->id == ids[ours->form]);
    if (ours->form == CR_MOV) {
        PROMISE(operands[0].type == X86_OP_REG && operands[0].reg == (x86_reg)(X86_REG_CR0 + ours->cr));
        PROMISE(operands[1].type == X86_OP_REG &&
                (operands[1].reg == registers[3][ours->reg] || operands[1].reg == registers[2][ours->reg]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned modes[] = {16, 32, 64};
    unsigned mode, length;
    struct mmio_insn mov;
    struct cr_insn cr;
    cs_insn *theirs;
    uint8_t *code;
    size_t count;
    bool is_mov, is_cr;

    if (size < 2)
        return 0;
    mode = modes[data[0] % 3];
    length = data[1] & 0x80 ? (data[1] & 0xfu) : 15;
    length = length < size - 2 ? length : (unsigned)size - 2;
    code = malloc(length ? length : 1); /* so that the sanitizer sees the first byte too many */
    if (code == NULL)
        abort();
    memcpy(code, data + 2, length);
    is_mov = decode_mov(code, length, mode, &mov);
    is_cr = decode_cr(code, length, mode == 64, &cr) && !cr.from_memory; /* which is refused, its length unread */
    count = cs_disasm(disassembler(mode), code, length, 0, 1, &theirs);
    if ((is_mov || is_cr) && (count == 0 || (is_mov && is_cr) || theirs->size != (is_mov ? mov.length : cr.length))) {
        fprintf(stderr, "PROMISE: accepted with %u bytes, the disassembler says %u\n", is_mov ? mov.length : cr.length,
                count ? theirs->size : 0u);
        abort();
    }
    if (is_mov)
        check_mov(&mov, theirs);
    if (is_cr)
        check_cr(&cr, theirs);
    if (count != 0)
        cs_free(theirs, count);
    free(code);
    return 0;
}
