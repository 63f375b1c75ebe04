/* SPDX-License-Identifier: Apache-2.0 */
/* The decoders (AC-25): a table of encodings made by an assembler; every combination of prefix, opcode, ModRM and SIB built by
 * an encoder that knows its own lengths; every truncation; random bytes, also compared with a disassembler. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "policy.h"

/* --- a table ------------------------------------------------------------------------------------------------------------------ */

struct sample {
    const char *text;
    unsigned mode;
    uint8_t code[15];
    struct mmio_insn want; /* length 0: refused */
};

#define STORE(len, sz, r)                                                                                                          \
    {                                                                                                                              \
        .length = len, .size = sz, .write = true, .reg = r                                                                         \
    }
#define STORE_HIGH(len, r)                                                                                                         \
    {                                                                                                                              \
        .length = len, .size = 1, .write = true, .reg = r, .high_byte = true                                                       \
    }
#define IMM(len, sz, v)                                                                                                            \
    {                                                                                                                              \
        .length = len, .size = sz, .write = true, .immediate = true, .value = v                                                    \
    }
#define LOAD(len, sz, r)                                                                                                           \
    {                                                                                                                              \
        .length = len, .size = sz, .reg = r, .reg_size = sz                                                                        \
    }
#define EXTEND(len, sz, r, width, s)                                                                                               \
    {                                                                                                                              \
        .length = len, .size = sz, .reg = r, .reg_size = width, .sign_extend = s                                                   \
    }

static const struct sample samples[] = {
    {"mov %eax,(%rdi)", 64, {0x89, 0x07}, STORE(2, 4, 0)},
    {"mov %rax,(%rdi)", 64, {0x48, 0x89, 0x07}, STORE(3, 8, 0)},
    {"mov %ax,(%rdi)", 64, {0x66, 0x89, 0x07}, STORE(3, 2, 0)},
    {"mov %al,(%rdi)", 64, {0x88, 0x07}, STORE(2, 1, 0)},
    {"mov %ah,(%rdi)", 64, {0x88, 0x27}, STORE_HIGH(2, 0)},
    {"mov %bh,(%rdi)", 64, {0x88, 0x3f}, STORE_HIGH(2, 3)},
    {"mov %spl,(%rdi)", 64, {0x40, 0x88, 0x27}, STORE(3, 1, 4)},
    {"mov %r9d,0xb0(%r8)", 64, {0x45, 0x89, 0x88, 0xb0, 0, 0, 0}, STORE(7, 4, 9)},
    {"mov %r15,0x10(%rax,%r12,8)", 64, {0x4e, 0x89, 0x7c, 0xe0, 0x10}, STORE(5, 8, 15)},
    {"mov %ecx,0xfee000b0", 64, {0x89, 0x0c, 0x25, 0xb0, 0, 0xe0, 0xfe}, STORE(7, 4, 1)},
    {"mov %ecx,0x1234(%rip)", 64, {0x89, 0x0d, 0x34, 0x12, 0, 0}, STORE(6, 4, 1)},
    {"mov %ebp,0(%r13)", 64, {0x41, 0x89, 0x6d, 0x00}, STORE(4, 4, 5)},
    {"mov %eax,0(,%rbp,1)", 64, {0x89, 0x04, 0x2d, 0, 0, 0, 0}, STORE(7, 4, 0)},
    {"mov %eax,0x10(%rsp)", 64, {0x89, 0x44, 0x24, 0x10}, STORE(4, 4, 0)},
    {"addr32 mov %eax,(%edi)", 64, {0x67, 0x89, 0x07}, STORE(3, 4, 0)},
    {"mov %eax,%fs:(%rdi)", 64, {0x64, 0x89, 0x07}, STORE(3, 4, 0)},
    {"movl $0,0xb0(%rdi)", 64, {0xc7, 0x87, 0xb0, 0, 0, 0, 0, 0, 0, 0}, IMM(10, 4, 0)},
    {"movl $0x89abcdef,(%rdi)", 64, {0xc7, 0x07, 0xef, 0xcd, 0xab, 0x89}, IMM(6, 4, 0x89abcdef)},
    {"movq $-2,(%rdi)", 64, {0x48, 0xc7, 0x07, 0xfe, 0xff, 0xff, 0xff}, IMM(7, 8, 0xfffffffffffffffe)},
    {"movw $0x1234,(%rdi)", 64, {0x66, 0xc7, 0x07, 0x34, 0x12}, IMM(5, 2, 0x1234)},
    {"movb $0x80,(%rdi)", 64, {0xc6, 0x07, 0x80}, IMM(3, 1, 0x80)},
    {"movl $1,%gs:0xfee000b0", 64, {0x65, 0xc7, 0x04, 0x25, 0xb0, 0, 0xe0, 0xfe, 1, 0, 0, 0}, IMM(12, 4, 1)},
    {"mov (%rdi),%eax", 64, {0x8b, 0x07}, LOAD(2, 4, 0)},
    {"mov (%rdi),%rdx", 64, {0x48, 0x8b, 0x17}, LOAD(3, 8, 2)},
    {"mov (%rdi),%r11w", 64, {0x66, 0x44, 0x8b, 0x1f}, LOAD(4, 2, 11)},
    {"mov (%rdi),%dl", 64, {0x8a, 0x17}, LOAD(2, 1, 2)},
    {"movzbl (%rdi),%eax", 64, {0x0f, 0xb6, 0x07}, EXTEND(3, 1, 0, 4, false)},
    {"movzwl (%rdi),%eax", 64, {0x0f, 0xb7, 0x07}, EXTEND(3, 2, 0, 4, false)},
    {"movzbw (%rdi),%si", 64, {0x66, 0x0f, 0xb6, 0x37}, EXTEND(4, 1, 6, 2, false)},
    {"movzbq (%rdi),%r8", 64, {0x4c, 0x0f, 0xb6, 0x07}, EXTEND(4, 1, 8, 8, false)},
    {"movsbl (%rdi),%esi", 64, {0x0f, 0xbe, 0x37}, EXTEND(3, 1, 6, 4, true)},
    {"movswq (%rdi),%rax", 64, {0x48, 0x0f, 0xbf, 0x07}, EXTEND(4, 2, 0, 8, true)},
    {"movslq (%rdi),%rax", 64, {0x48, 0x63, 0x07}, EXTEND(3, 4, 0, 8, true)},
    {"movabs %al,0x00000000fee000b0", 64, {0xa2, 0xb0, 0, 0xe0, 0xfe, 0, 0, 0, 0}, STORE(9, 1, 0)},
    {"movabs 0x00000000fee000b0,%rax", 64, {0x48, 0xa1, 0xb0, 0, 0xe0, 0xfe, 0, 0, 0, 0}, LOAD(10, 8, 0)},
    {"addr32 mov 0xfee000b0,%eax", 64, {0x67, 0xa1, 0xb0, 0, 0xe0, 0xfe}, LOAD(6, 4, 0)},
    {"mov 0xfee000b0,%eax", 32, {0xa1, 0xb0, 0, 0xe0, 0xfe}, LOAD(5, 4, 0)},
    {"mov %eax,0xfee000b0", 32, {0xa3, 0xb0, 0, 0xe0, 0xfe}, STORE(5, 4, 0)},
    {"mov %ax,0xfee000b0", 32, {0x66, 0xa3, 0xb0, 0, 0xe0, 0xfe}, STORE(6, 2, 0)},
    {"mov %esi,0xb0(%ebx)", 32, {0x89, 0xb3, 0xb0, 0, 0, 0}, STORE(6, 4, 6)},
    {"mov %eax,0x12(%bp)", 32, {0x67, 0x89, 0x46, 0x12}, STORE(4, 4, 0)},
    {"mov %eax,0x1234", 32, {0x67, 0x89, 0x06, 0x34, 0x12}, STORE(5, 4, 0)},
    {"mov %ax,(%bx,%si)", 16, {0x89, 0x00}, STORE(2, 2, 0)},
    {"mov %eax,0x1234(%di)", 16, {0x66, 0x89, 0x85, 0x34, 0x12}, STORE(5, 4, 0)},
    {"mov %eax,(%edi)", 16, {0x67, 0x66, 0x89, 0x07}, STORE(4, 4, 0)},
    {"movl $5,(%edi)", 16, {0x66, 0x67, 0xc7, 0x07, 5, 0, 0, 0}, IMM(8, 4, 5)},
    {"mov 0x1234,%al", 16, {0xa0, 0x34, 0x12}, LOAD(3, 1, 0)},
    /* refused */
    {"rex.w data16 mov %ax,(%rdi)", 64, {0x48, 0x66, 0x89, 0x07}, {0}},
    {"rex.w rex.r mov %r8d,(%rdi)", 64, {0x48, 0x44, 0x89, 0x07}, {0}},
    {"lock mov %eax,(%rdi)", 64, {0xf0, 0x89, 0x07}, {0}},
    {"rep mov %eax,(%rdi)", 64, {0xf3, 0x89, 0x07}, {0}},
    {"xrelease movl $0,(%rdi)", 64, {0xf2, 0xc7, 0x07}, {0}},
    {"mov %eax,%edi", 64, {0x89, 0xc7}, {0}},
    {"mov %ds,(%rdi)", 64, {0x8c, 0x1f}, {0}},
    {"stos", 64, {0xab}, {0}},
    {"rep movsb", 64, {0xf3, 0xa4}, {0}},
    {"xchg %eax,(%rdi)", 64, {0x87, 0x07}, {0}},
    {"add %eax,(%rdi)", 64, {0x01, 0x07}, {0}},
    {"or $1,(%rdi)", 64, {0x83, 0x0f, 0x01}, {0}},
    {"xbegin", 64, {0xc7, 0xf8, 0, 0, 0, 0}, {0}},
    {"c7 /1", 64, {0xc7, 0x0f, 0, 0, 0, 0}, {0}},
    {"c6 /7", 64, {0xc6, 0x3f, 0}, {0}},
    {"movslq without rex.w", 64, {0x63, 0x07}, {0}},
    {"arpl %ax,(%edi)", 32, {0x63, 0x07}, {0}},
    {"inc %eax; mov", 32, {0x40, 0x89, 0x07}, {0}},
    {"vmovd %xmm0,(%rdi)", 64, {0xc5, 0xf9, 0x7e, 0x07}, {0}},
    {"movnti %eax,(%rdi)", 64, {0x0f, 0xc3, 0x07}, {0}},
    {"movbe %eax,(%rdi)", 64, {0x0f, 0x38, 0xf1, 0x07}, {0}},
    {"movd %xmm0,(%rdi)", 64, {0x66, 0x0f, 0x7e, 0x07}, {0}},
    {"push (%rdi)", 64, {0xff, 0x37}, {0}},
    {"nothing but prefixes", 64, {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66}, {0}},
};

static void assert_same(const struct mmio_insn *got, const struct mmio_insn *want)
{
    assert_int_equal(got->length, want->length);
    assert_int_equal(got->size, want->size);
    assert_int_equal(got->write, want->write);
    assert_int_equal(got->immediate, want->immediate);
    assert_int_equal(got->reg, want->reg);
    assert_int_equal(got->reg_size, want->reg_size);
    assert_int_equal(got->high_byte, want->high_byte);
    assert_int_equal(got->sign_extend, want->sign_extend);
    assert_true(got->value == want->value);
}

static void ac25_table_of_encodings(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(samples); i++) {
        const struct sample *s = &samples[i];
        struct mmio_insn got;

        if (decode_mov(s->code, 15, s->mode, &got) != (s->want.length != 0))
            fail_msg("%s", s->text);
        if (s->want.length != 0)
            assert_same(&got, &s->want);
    }
}

/* --- an encoder ------------------------------------------------------------------------------------------------------------------ */

struct form {
    uint8_t bytes[2];
    uint8_t count;
    bool byte, write, extend, sign, immediate;
};

static const struct form forms[] = {
    {{0x88}, 1, .byte = true, .write = true},
    {{0x89}, 1, .write = true},
    {{0x8a}, 1, .byte = true},
    {{0x8b}, 1, .byte = false},
    {{0xc6}, 1, .byte = true, .write = true, .immediate = true},
    {{0xc7}, 1, .write = true, .immediate = true},
    {{0x0f, 0xb6}, 2, .byte = true, .extend = true},
    {{0x0f, 0xb7}, 2, .extend = true},
    {{0x0f, 0xbe}, 2, .byte = true, .extend = true, .sign = true},
    {{0x0f, 0xbf}, 2, .extend = true, .sign = true},
};

/* Displacement bytes by mod and rm (SDM2 tables 2-1 and 2-2). */
static const uint8_t disp16[3][8] = {{0, 0, 0, 0, 0, 0, 2, 0}, {1, 1, 1, 1, 1, 1, 1, 1}, {2, 2, 2, 2, 2, 2, 2, 2}};
static const uint8_t disp32[3][8] = {{0, 0, 0, 0, 0, 4, 0, 0}, {1, 1, 1, 1, 1, 1, 1, 1}, {4, 4, 4, 4, 4, 4, 4, 4}};

static unsigned long encoded;

struct choice {
    const struct form *form;
    unsigned mode, modrm, sib;
    int rex; /* -1: none */
    bool p66, p67, segment;
};

static void encode_and_decode(const struct choice *c)
{
    uint8_t code[32] = {0};
    unsigned n = 0, operand = c->mode == 16 ? 2 : 4, address = c->mode / 8, mod = c->modrm >> 6, rm = c->modrm & 7, disp;
    struct mmio_insn want = {0}, got;

    if (c->p66)
        operand = operand == 2 ? 4 : 2;
    if (c->p67)
        address = c->mode == 32 ? 2 : 4;
    if (c->rex >= 0 && c->rex & 8)
        operand = 8;
    if (c->segment)
        code[n++] = 0x3e;
    if (c->p67)
        code[n++] = 0x67;
    if (c->p66)
        code[n++] = 0x66;
    if (c->rex >= 0)
        code[n++] = (uint8_t)(0x40 | c->rex);
    for (unsigned i = 0; i < c->form->count; i++)
        code[n++] = c->form->bytes[i];
    code[n++] = (uint8_t)c->modrm;
    if (address != 2 && rm == 4) {
        code[n++] = (uint8_t)c->sib;
        rm = c->sib & 7;
    }
    disp = address == 2 ? disp16[mod][rm] : disp32[mod][rm];
    memset(code + n, 0x71, disp);
    n += disp;
    want.size = (uint8_t)(c->form->byte ? 1 : c->form->extend ? 2 : operand);
    want.write = c->form->write;
    want.sign_extend = c->form->sign;
    if (c->form->immediate) {
        unsigned width = want.size == 8 ? 4 : want.size;

        want.immediate = true;
        memset(code + n, 0xa5, width);
        n += width;
        want.value = width == 1 ? 0xa5 : width == 2 ? 0xa5a5 : want.size == 8 ? 0xffffffffa5a5a5a5 : 0xa5a5a5a5;
    } else {
        want.reg = (uint8_t)((c->modrm >> 3 & 7) + (c->rex >= 0 && c->rex & 4 ? 8 : 0));
        want.high_byte = want.size == 1 && !c->form->extend && c->rex < 0 && want.reg >= 4;
        want.reg = (uint8_t)(want.high_byte ? want.reg - 4 : want.reg);
        want.reg_size = (uint8_t)(c->form->write ? 0 : c->form->extend ? operand : want.size);
    }
    want.length = (uint8_t)n;
    memset(code + n, 0xcc, sizeof(code) - n);
    encoded++;
    assert_true(n <= 15);
    if (c->form->immediate && (c->modrm >> 3 & 7) != 0) {
        assert_false(decode_mov(code, 15, c->mode, &got));
        return;
    }
    assert_true(decode_mov(code, 15, c->mode, &got));
    assert_same(&got, &want);
    for (unsigned cut = encoded % 7 == 0 ? 0 : n - 1; cut < n; cut++) /* every truncation of some, the longest of all */
        assert_false(decode_mov(code, cut, c->mode, &got));
    assert_true(decode_mov(code, n, c->mode, &got));
}

static void each_operand(struct choice c)
{
    for (c.modrm = 0; c.modrm < 0xc0; c.modrm++) {
        unsigned step = (c.modrm & 7) == 4 ? 1 : 256;

        for (c.sib = 0; c.sib < 256; c.sib += step)
            encode_and_decode(&c);
    }
}

static void ac25_every_mov_form(void **state)
{
    static const unsigned modes[] = {16, 32, 64};
    struct choice c = {0};

    (void)state;
    for (unsigned f = 0; f < ARRAY_SIZE(forms); f++)
        for (unsigned m = 0; m < 3; m++)
            for (unsigned p = 0; p < 8; p++) {
                c = (struct choice){.form = &forms[f], .mode = modes[m], .rex = -1, .p66 = p & 1, .p67 = p & 2, .segment = p & 4};
                each_operand(c);
                for (c.rex = 0; c.rex < 16 && modes[m] == 64; c.rex += p ? 5 : 1)
                    each_operand(c);
            }
    assert_true(encoded > 500000);
}

/* --- random bytes ---------------------------------------------------------------------------------------------------------------- */

static uint64_t next_random(void)
{
    static uint64_t x = 88172645463325252ull;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

/* Mostly the bytes that matter, so that many are accepted. */
static void random_code(uint8_t code[15])
{
    static const uint8_t likely[] = {0x66, 0x67, 0x40, 0x48, 0x4d, 0x88, 0x89, 0x8a, 0x8b, 0xa0, 0xa1,
                                     0xa2, 0xa3, 0xc6, 0xc7, 0x0f, 0xb6, 0xb7, 0xbe, 0xbf, 0x63, 0x22,
                                     0x01, 0x06, 0x2e, 0x64, 0xf0, 0xf3, 0xf2, 0x05, 0x04, 0x44};

    for (unsigned i = 0; i < 15; i++) {
        uint64_t x = next_random();

        code[i] = x & 0x300 ? likely[x % sizeof(likely)] : (uint8_t)(x >> 16);
    }
}

static void ac25_fuzz(void **state)
{
    static const unsigned modes[] = {16, 32, 64};
    unsigned accepted = 0;

    (void)state;
    for (unsigned i = 0; i < 600000; i++) {
        unsigned length = (unsigned)(next_random() >> 33) % 16, mode = modes[i % 3];
        uint8_t all[15], *code = malloc(length ? length : 1); /* exact size: ASan sees a byte too far */
        struct mmio_insn insn;
        struct cr_insn cr;

        random_code(all);
        memcpy(code, all, length);
        if (decode_mov(code, length, mode, &insn)) {
            accepted++;
            assert_in_range(insn.length, 2, length);
            assert_true(insn.size == 1 || insn.size == 2 || insn.size == 4 || insn.size == 8);
            assert_true(insn.write == (insn.reg_size == 0));
            assert_true(insn.write || insn.reg_size >= insn.size);
            assert_true(insn.reg < (mode == 64 ? 16 : 8) && (!insn.high_byte || (insn.reg < 4 && insn.size == 1)));
            assert_true(insn.size == 8 || insn.value >> (8 * insn.size) == 0);
            assert_true(insn.immediate || insn.value == 0);
            assert_true(!insn.immediate || (insn.write && insn.reg == 0));
        }
        if (decode_cr(code, length, mode == 64, &cr)) {
            assert_in_range(cr.length, 2, length);
            assert_true(cr.reg < (mode == 64 ? 16 : 8) && cr.cr < (mode == 64 ? 16 : 8));
            assert_true(cr.form == CR_MOV || cr.cr == 0);
        }
        free(code);
    }
    assert_true(accepted > 10000);
}

/* --- against a disassembler ------------------------------------------------------------------------------------------------------ */

#define SLOTS 20000u
#define SLOT 32u

/* The text behind its prefixes. */
static const char *mnemonic(const char *text)
{
    static const char *const prefixes[] = {"data16", "data32", "addr16", "addr32", "cs", "ds", "es", "ss", "fs", "gs"};
    bool again = true;

    while (again) {
        size_t word = strcspn(text, " \n");

        again = word >= 3 && strncmp(text, "rex", 3) == 0;
        for (unsigned i = 0; i < ARRAY_SIZE(prefixes); i++)
            again |= word == strlen(prefixes[i]) && strncmp(text, prefixes[i], word) == 0;
        if (again)
            text += word + strspn(text + word, " \n");
    }
    return text;
}

/* Length of the instruction at the start of each slot, and its text, by objdump: which writes a prefix that has no effect on a
 * line of its own. */
static void disassemble(const char *path, unsigned mode, uint8_t *lengths, char (*texts)[64])
{
    static const char *const machines[] = {"i8086", "i386", "i386:x86-64"};
    char command[256], line[256];
    unsigned slot = SLOTS;
    FILE *f;

    snprintf(command, sizeof(command), "objdump -D -w -z -b binary -m %s %s", machines[mode == 16 ? 0 : mode == 32 ? 1 : 2], path);
    f = popen(command, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        char *bytes = strchr(line, ':'), *text;
        unsigned long at;
        unsigned count = 0;

        if (bytes == 0 || sscanf(line, " %lx:", &at) != 1)
            continue;
        bytes += 2; /* ":\t", then "xx " for each byte, then "\t" and the text */
        text = strchr(bytes, '\t');
        for (const char *c = bytes; *c != 0 && *c != '\t' && *c != '\n'; c++)
            count += *c != ' ';
        if (at % SLOT == 0)
            slot = (unsigned)(at / SLOT);
        if (slot >= SLOTS)
            continue;
        lengths[slot] = (uint8_t)(lengths[slot] + count / 2);
        snprintf(texts[slot], 64, "%s", text ? mnemonic(text + 1) : "?");
        if (texts[slot][0] != 0)
            slot = SLOTS;
    }
    assert_int_equal(pclose(f), 0);
}

static void ac25_agrees_with_a_disassembler(void **state)
{
    static uint8_t image[SLOTS * SLOT], lengths[SLOTS];
    static char texts[SLOTS][64];
    static const unsigned modes[] = {16, 32, 64};
    char path[] = "/tmp/decode-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    for (unsigned m = 0; m < 3; m++) {
        unsigned accepted = 0;

        memset(image, 0x90, sizeof(image));
        memset(lengths, 0, sizeof(lengths));
        for (unsigned i = 0; i < SLOTS; i++)
            random_code(image + i * SLOT);
        assert_int_equal(pwrite(fd, image, sizeof(image), 0), sizeof(image));
        disassemble(path, modes[m], lengths, texts);
        for (unsigned i = 0; i < SLOTS; i++) {
            struct mmio_insn insn;

            /* the sweep may pass a slot's start inside the instruction before it: NOPs make that impossible */
            assert_int_not_equal(lengths[i], 0);
            if (!decode_mov(image + i * SLOT, 15, modes[m], &insn))
                continue;
            accepted++;
            if (insn.length == lengths[i] && strncmp(texts[i], "mov", 3) == 0)
                continue;
            for (unsigned k = 0; k < 15; k++)
                print_error("%02x ", image[i * SLOT + k]);
            fail_msg("mode %u: %u bytes, the disassembler says %u: %s", modes[m], insn.length, lengths[i], texts[i]);
        }
        assert_true(accepted > 500);
    }
    close(fd);
    unlink(path);
}

/* --- control registers ----------------------------------------------------------------------------------------------------------- */

/* All three-byte codes 0F xx yy, with each REX. */
static void cr_all_opcodes(void **state)
{
    (void)state;
    for (int rex = -1; rex < 16; rex++)
        for (unsigned op = 0; op < 256; op++)
            for (unsigned modrm = 0; modrm < 256; modrm++) {
                uint8_t code[15] = {0};
                unsigned n = 0, b = rex >= 0 ? (rex & 1) * 8 : 0, r = rex >= 0 ? (rex & 4) * 2 : 0;
                struct cr_insn insn;
                bool mov = op == 0x22, lmsw = op == 0x01 && (modrm >> 3 & 7) == 6, clts = op == 0x06;

                if (rex >= 0)
                    code[n++] = (uint8_t)(0x40 | rex);
                code[n++] = 0x0f;
                code[n++] = (uint8_t)op;
                code[n++] = (uint8_t)modrm;
                assert_int_equal(decode_cr(code, 15, true, &insn), mov || lmsw || clts);
                if (rex >= 0)
                    assert_false(decode_cr(code, 15, false, &insn));
                if (mov || lmsw) {
                    decode_cr(code, n, true, &insn);
                    assert_int_equal(insn.form, mov ? CR_MOV : CR_LMSW);
                    assert_int_equal(insn.length, n);
                    assert_int_equal(insn.reg, (modrm & 7) + b);
                    assert_int_equal(insn.cr, mov ? (modrm >> 3 & 7) + r : 0);
                    assert_int_equal(insn.from_memory, lmsw && modrm < 0xc0);
                    assert_false(decode_cr(code, n - 1, true, &insn));
                } else if (clts) {
                    decode_cr(code, n, true, &insn);
                    assert_int_equal(insn.form, CR_CLTS);
                    assert_int_equal(insn.length, n - 1);
                }
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ac25_table_of_encodings),         cmocka_unit_test(ac25_every_mov_form), cmocka_unit_test(ac25_fuzz),
        cmocka_unit_test(ac25_agrees_with_a_disassembler), cmocka_unit_test(cr_all_opcodes),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
