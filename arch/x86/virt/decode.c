/* SPDX-License-Identifier: Apache-2.0 */
/* The two instruction decoders: MOV forms for emulated pages, and writes of control registers (AC-25). Pure functions over a
 * private copy of at most 15 bytes; whatever is not in the short lists is refused. No operand address is computed: it comes
 * from the fault. SDM2 2.1, 2.2, APM3 1. */
#include "policy.h"

#define REX_B 1u
#define REX_R 4u
#define REX_W 8u

/* Reads ahead without ever passing the end; `short_of` stays set once it would have. */
struct cursor {
    const uint8_t *code;
    unsigned at, length;
    bool short_of;
};

struct prefixes {
    uint8_t rex;
    bool operand, address;
};

static uint8_t next(struct cursor *c)
{
    if (c->at >= c->length) {
        c->short_of = true;
        return 0;
    }
    return c->code[c->at++];
}

static uint64_t next_little(struct cursor *c, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)next(c) << (8 * i);
    return value;
}

/* Legacy prefixes in any number, then at most one REX right before the opcode. Any other order, which has no effect on hardware and
 * is made by no compiler, and LOCK and REP end as opcodes that nobody knows. Returns the opcode; past the end that is 0, which
 * ends the loop. */
static uint8_t prefixes_read(struct cursor *c, bool long_mode, struct prefixes *p)
{
    *p = (struct prefixes){0};
    for (;;) {
        uint8_t byte = next(c);

        switch (byte) {
        case 0x66:
            p->operand = true;
            break;
        case 0x67:
            p->address = true;
            break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
        case 0x64:
        case 0x65:
            break;
        default:
            if (!long_mode || (byte & 0xf0) != 0x40)
                return byte;
            p->rex = byte;
            return next(c);
        }
    }
}

/* Skip what follows a ModRM byte that names memory: SIB and displacement. */
static void operand_skip(struct cursor *c, uint8_t modrm, unsigned address_size)
{
    unsigned mod = modrm >> 6, rm = modrm & 7, bytes = mod == 1 ? 1 : 0;

    if (address_size == 2) {
        if (mod == 2 || (mod == 0 && rm == 6))
            bytes = 2;
    } else {
        if (rm == 4)
            rm = next(c) & 7; /* SIB: its base decides */
        if (mod == 2 || (mod == 0 && rm == 5))
            bytes = 4;
    }
    next_little(c, bytes);
}

/* What an opcode does; the width of the operand is `width`, or that of the mode where it is 0. */
enum form_kind { FORM_NONE, FORM_STORE, FORM_LOAD, FORM_EXTEND, FORM_IMMEDIATE, FORM_STORE_OFFSET, FORM_LOAD_OFFSET };
struct form {
    bool two_bytes; /* after 0F */
    uint8_t opcode;
    enum form_kind kind;
    uint8_t width;
    bool sign;
};

static const struct form forms[] = {
    {false, 0x88, FORM_STORE, 1, false},        {false, 0x89, FORM_STORE, 0, false},
    {false, 0x8a, FORM_LOAD, 1, false},         {false, 0x8b, FORM_LOAD, 0, false},
    {false, 0xa0, FORM_LOAD_OFFSET, 1, false},  {false, 0xa1, FORM_LOAD_OFFSET, 0, false},
    {false, 0xa2, FORM_STORE_OFFSET, 1, false}, {false, 0xa3, FORM_STORE_OFFSET, 0, false},
    {false, 0xc6, FORM_IMMEDIATE, 1, false},    {false, 0xc7, FORM_IMMEDIATE, 0, false},
    {true, 0xb6, FORM_EXTEND, 1, false},                                            /* MOVZX */
    {true, 0xb7, FORM_EXTEND, 2, false},        {true, 0xbe, FORM_EXTEND, 1, true}, /* MOVSX */
    {true, 0xbf, FORM_EXTEND, 2, true},
};

static struct form form_of(struct cursor *c, uint8_t opcode, uint8_t rex)
{
    bool two_bytes = opcode == 0x0f;

    if (two_bytes)
        opcode = next(c);
    else if (opcode == 0x63 && rex & REX_W) /* MOVSXD; outside 64-bit mode 63 is ARPL */
        return (struct form){.kind = FORM_EXTEND, .width = 4, .sign = true};
    for (unsigned i = 0; i < ARRAY_SIZE(forms); i++)
        if (forms[i].two_bytes == two_bytes && forms[i].opcode == opcode)
            return forms[i];
    return (struct form){.kind = FORM_NONE};
}

/* Byte registers 4..7 without REX are AH, CH, DH, BH. */
static void register_set(struct mmio_insn *insn, unsigned reg, bool byte, bool rex)
{
    insn->high_byte = byte && !rex && reg >= 4;
    insn->reg = (uint8_t)(insn->high_byte ? reg - 4 : reg);
}

/* The rest of an instruction that has a ModRM byte. */
static bool modrm_read(struct cursor *c, const struct prefixes *p, const struct form *form, unsigned address_size,
                       struct mmio_insn *insn)
{
    uint8_t modrm = next(c);
    unsigned reg = (modrm >> 3 & 7) | (p->rex & REX_R ? 8 : 0);
    unsigned bytes = insn->size > 4 ? 4 : insn->size;

    if (modrm >> 6 == 3)
        return false;
    operand_skip(c, modrm, address_size);
    if (form->kind != FORM_IMMEDIATE) {
        register_set(insn, reg, form->kind != FORM_EXTEND && insn->size == 1, p->rex != 0);
        return true;
    }
    insn->immediate = true;
    insn->value = next_little(c, bytes);
    if (insn->size == 8) /* imm32, sign-extended */
        insn->value = (uint64_t)(int64_t)(int32_t)insn->value;
    return (modrm & 0x38) == 0;
}

bool decode_mov(const uint8_t *code, unsigned length, unsigned mode, struct mmio_insn *insn)
{
    struct cursor c = {.code = code, .length = length > 15 ? 15 : length};
    struct prefixes p;
    uint8_t opcode = prefixes_read(&c, mode == 64, &p);
    unsigned operand_size = (mode == 16) != p.operand ? 2 : 4, address_size;
    struct form form;

    *insn = (struct mmio_insn){0};
    if (p.rex & REX_W)
        operand_size = 8;
    if (mode == 64)
        address_size = p.address ? 4 : 8;
    else
        address_size = (mode == 16) != p.address ? 2 : 4;
    form = form_of(&c, opcode, p.rex);
    if (form.kind == FORM_NONE)
        return false;
    insn->size = (uint8_t)(form.width ? form.width : operand_size);
    insn->write = form.kind == FORM_STORE || form.kind == FORM_IMMEDIATE || form.kind == FORM_STORE_OFFSET;
    insn->sign_extend = form.sign;
    if (!insn->write)
        insn->reg_size = (uint8_t)(form.kind == FORM_EXTEND ? operand_size : insn->size);
    if (form.kind == FORM_STORE_OFFSET || form.kind == FORM_LOAD_OFFSET)
        next_little(&c, address_size); /* the register is AL, AX, EAX or RAX */
    else if (!modrm_read(&c, &p, &form, address_size, insn))
        return false;
    insn->length = (uint8_t)c.at;
    return !c.short_of;
}

bool decode_cr(const uint8_t *code, unsigned length, bool long_mode, struct cr_insn *insn)
{
    struct cursor c = {.code = code, .length = length > 15 ? 15 : length};
    struct prefixes p;
    uint8_t opcode = prefixes_read(&c, long_mode, &p), modrm;

    *insn = (struct cr_insn){0};
    if (opcode != 0x0f)
        return false;
    opcode = next(&c);
    if (opcode == 0x06) {
        insn->form = CR_CLTS;
    } else {
        modrm = next(&c);
        insn->reg = (uint8_t)((modrm & 7) | (p.rex & REX_B ? 8 : 0));
        if (opcode == 0x22) { /* always a register, whatever mod says */
            insn->form = CR_MOV;
            insn->cr = (uint8_t)((modrm >> 3 & 7) | (p.rex & REX_R ? 8 : 0));
        } else if (opcode == 0x01 && (modrm >> 3 & 7) == 6) {
            insn->form = CR_LMSW;
            insn->from_memory = modrm >> 6 != 3;
        } else {
            return false;
        }
    }
    insn->length = (uint8_t)c.at;
    return !c.short_of;
}
