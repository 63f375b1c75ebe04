/* SPDX-License-Identifier: Apache-2.0 */
/* A counter in a TPM: the bytes of its commands and answers, worked out by hand from the specification (Part 1, 18; Part 3, 31), and its FIFO
 * on a small model of a TPM, which does what it should, or does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../fuzz/fuzz_tpm.h"
#include "bh_mmio.h"
#include "fake_device.h"
#include "tpm_counter.h"
#include "tpm_message.h"

/* --- bytes ---------------------------------------------------------------------------------------------------------------------- */

#define PASSWORD "00000009 40000009 0000 00 0000"
#define INDEX "01804248"
#define NAME "0022 000b 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define DONE "8002 00000013 00000000 00000000 0000 01 0000"
#define SEVEN "8002 0000001d 00000000 0000000a 0008 0000000000000007 0000 01 0000"
#define PUBLIC "8001 0000003e 00000000 000e " INDEX " 000b 22040014 0000 0008 " NAME

static uint32_t from_text(const char *text, uint8_t *out)
{
    uint32_t size = 0;

    for (; *text; text++)
        if (*text != ' ') {
            char pair[3] = {text[0], text[1], 0};

            out[size++] = (uint8_t)strtoul(pair, 0, 16);
            text++;
        }
    return size;
}

static void assert_bytes(const uint8_t *bytes, uint32_t size, const char *text)
{
    uint8_t wanted[256];

    assert_int_equal(size, from_text(text, wanted));
    assert_memory_equal(bytes, wanted, size);
}

static void commands(void **state)
{
    uint8_t out[TPM_MESSAGE_MAX];

    (void)state;
    assert_bytes(out, tpm_define(out, TPM_COUNTER_INDEX, TPM_COUNTER),
                 "8002 0000002d 0000012a 40000001" PASSWORD "0000 000e" INDEX "000b 02040014 0000 0008");
    assert_bytes(out, tpm_increment(out, TPM_COUNTER_INDEX), "8002 0000001f 00000134" INDEX INDEX PASSWORD);
    assert_bytes(out, tpm_read(out, TPM_COUNTER_INDEX), "8002 00000023 0000014e" INDEX INDEX PASSWORD "0008 0000");
    assert_bytes(out, tpm_read_public(out, TPM_COUNTER_INDEX), "8001 0000000e 00000169" INDEX);
}

/* Each answer is taken for what it is; not with a byte less or more, nor with another size, tag or code. */
static void answers(void **state)
{
    uint8_t bytes[256];
    struct tpm_public found;
    uint64_t value = 0;
    uint32_t code, size;

    (void)state;
    assert_true(tpm_done(bytes, from_text(DONE, bytes)));
    assert_true(tpm_number(bytes, from_text(SEVEN, bytes), &value));
    assert_int_equal(value, 7);
    assert_true(tpm_public(bytes, from_text(PUBLIC, bytes), &found));
    assert_int_equal(found.index, TPM_COUNTER_INDEX);
    assert_int_equal(found.attributes, TPM_COUNTER | TPM_WRITTEN);
    assert_int_equal(found.hash, 0x000b);
    assert_int_equal(found.policy_size, 0);
    assert_int_equal(found.size, 8);
    size = from_text("8001 0000000a 0000018b", bytes);
    assert_true(tpm_code(bytes, size, &code));
    assert_int_equal(code, TPM_NO_INDEX);
    assert_false(tpm_code(bytes, size, &code) && tpm_done(bytes, size));
    assert_false(tpm_code(bytes, from_text("8002 0000000a 0000018b", bytes), &code)); /* a refusal has no session */
    assert_false(tpm_code(bytes, from_text("00c4 0000000a 00000000", bytes), &code)); /* of a TPM 1.2 */
}

static bool is_taken(unsigned which, const uint8_t *bytes, uint32_t size)
{
    struct tpm_public found;
    uint64_t value;

    return which == 0 ? tpm_done(bytes, size) : which == 1 ? tpm_number(bytes, size, &value) : tpm_public(bytes, size, &found);
}

static void damaged_answers(void **state)
{
    static const char *const texts[] = {DONE, SEVEN, PUBLIC};
    static const uint32_t headers[] = {14, 16, 12}; /* with the sizes of what follows */

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        uint8_t bytes[256] = {0};
        uint32_t size = from_text(texts[i], bytes), header = headers[i];

        assert_true(is_taken(i, bytes, size));
        for (unsigned other = 0; other < 3; other++)
            assert_int_equal(is_taken(other, bytes, size), other == i);
        for (uint32_t cut = 0; cut < 2 * size; cut++)
            assert_int_equal(is_taken(i, bytes, cut), cut == size);
        for (uint32_t bit = 0; bit < 8 * header; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(is_taken(i, bytes, size));
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (uint32_t cut = header; cut < size; cut++) { /* one that says of itself that it is shorter */
            bytes[5] = (uint8_t)cut;
            assert_false(is_taken(i, bytes, cut));
        }
    }
}

static void any_bytes(void **state)
{
    static const char *const texts[] = {DONE, SEVEN, PUBLIC};
    uint8_t bytes[256];

    (void)state;
    srand(7);
    for (unsigned round = 0; round < 30000; round++) {
        uint32_t size = from_text(texts[round % 3], bytes);

        for (unsigned i = 0; i < round % 5; i++)
            bytes[(unsigned)rand() % size] = (uint8_t)rand();
        LLVMFuzzerTestOneInput(bytes, round % 7 ? size : (unsigned)rand() % (size + 1));
    }
}

/* --- a model of a TPM ------------------------------------------------------------------------------------------------------------- */

enum state { IDLE, READY, TAKES, WORKS, ANSWERS };
enum fault {
    NONE,
    ABSENT_ONES,
    ABSENT_ZEROS,
    BUFFER,
    TAKEN,
    NEVER_READY,
    NO_BURST,
    NEVER_EXPECTS,
    ALWAYS_EXPECTS,
    NEVER_DONE,
    HUGE,
    TINY,
    SHORT,
    LONGER,
    NONSENSE,
    FAULTS
};
#define WORK_NS 5000000u

static struct {
    enum fault fault;
    enum state state;
    bool ours;
    unsigned burst, in_size, out_size, out_at, commands, refuse; /* refuse: so many commands with this code */
    uint32_t code;
    uint64_t done_at;
    uint8_t in[256], out[256];
    bool defined, written;
    uint64_t value, highest;
    uint32_t attributes;
} model;
static struct tpm tpm;

static void says(const char *text)
{
    model.out_size = from_text(text, model.out);
}

static void says_code(uint32_t code)
{
    says("8001 0000000a 00000000");
    for (unsigned i = 0; i < 4; i++)
        model.out[6 + i] = (uint8_t)(code >> (24 - 8 * i));
}

static bool is(const char *text)
{
    uint8_t wanted[256];

    return model.in_size == from_text(text, wanted) && memcmp(model.in, wanted, model.in_size) == 0;
}

static void counts(void)
{
    if (!model.defined) {
        says_code(TPM_NO_INDEX);
        return;
    }
    model.value = model.written ? model.value + 1 : model.highest + 1;
    model.highest = model.value > model.highest ? model.value : model.highest;
    model.written = true;
    says(DONE);
}

static void says_public(void)
{
    says(PUBLIC);
    for (unsigned i = 0; i < 4; i++)
        model.out[18 + i] = (uint8_t)((model.attributes | (model.written ? TPM_WRITTEN : 0)) >> (24 - 8 * i));
}

static void works(void)
{
    model.commands++;
    if (model.refuse > 0) {
        model.refuse--;
        says_code(model.code);
    } else if (is("8001 0000000e 00000169" INDEX)) {
        if (model.defined)
            says_public();
        else
            says_code(TPM_NO_INDEX);
    } else if (is("8002 0000002d 0000012a 40000001" PASSWORD "0000 000e" INDEX "000b 02040014 0000 0008")) {
        model.defined = true;
        model.written = false;
        model.attributes = TPM_COUNTER;
        says(DONE);
    } else if (is("8002 0000001f 00000134" INDEX INDEX PASSWORD)) {
        counts();
    } else if (is("8002 00000023 0000014e" INDEX INDEX PASSWORD "0008 0000")) {
        says(SEVEN);
        for (unsigned i = 0; i < 8; i++)
            model.out[16 + i] = (uint8_t)(model.value >> (56 - 8 * i));
        if (!model.written)
            says_code(0x14a);
    } else {
        fail_msg("an unknown command of %u bytes", model.in_size);
    }
    model.out_at = 0;
    if (model.fault == HUGE)
        model.out[2] = 0x80;
    if (model.fault == TINY) { /* and there is always more */
        model.out[5] = 9;
        model.out_size = sizeof(model.out);
    }
    if (model.fault == SHORT)
        model.out_size--;
    if (model.fault == LONGER)
        model.out_size++;
}

static void step(void)
{
    if (model.state == WORKS && model.fault != NEVER_DONE && fake.now >= model.done_at) {
        works();
        model.state = ANSWERS;
    }
}

static bool expects(void)
{
    bool all = model.in_size >= 10 && model.in_size >= (unsigned)(model.in[4] << 8 | model.in[5]);

    return model.fault == ALWAYS_EXPECTS || (model.fault != NEVER_EXPECTS && model.state == TAKES && !all);
}

static unsigned burst(void)
{
    unsigned left = model.state == ANSWERS ? model.out_size - model.out_at : model.burst;

    return model.fault == NO_BURST ? 0 : left < model.burst ? left : model.burst;
}

static uint64_t reads(unsigned offset, unsigned size)
{
    if (model.fault == ABSENT_ONES || model.fault == ABSENT_ZEROS)
        return model.fault == ABSENT_ONES ? ~0ull : 0;
    if (model.fault == NONSENSE)
        return (uint64_t)rand() << 16 ^ (uint64_t)rand();
    if (offset == 0 && size == 1)
        return 0x80 | (model.ours ? 0x20 : 0);
    if (offset == 0x30 && size == 4)
        return model.fault == BUFFER ? 0x1 : 0xf;
    assert_true(model.ours);
    if (offset == 0x18 && size == 4)
        return burst() << 8 | 0x80 | (model.state == READY ? 0x40 : 0) | (expects() ? 8 : 0) |
               (model.state == ANSWERS && model.out_at < model.out_size ? 0x10 : 0);
    assert_int_equal(offset, 0x24);
    assert_int_equal(size, 1);
    assert_true(model.state == ANSWERS && model.out_at < model.out_size);
    return model.out[model.out_at++];
}

static void status_written(uint8_t value)
{
    if (value == 0x40 && model.fault != NEVER_READY)
        model.state = model.state == IDLE || model.state == READY ? READY : IDLE;
    if (value == 0x40)
        model.in_size = 0;
    if (value == 0x20 && model.state == TAKES && !expects()) {
        model.state = WORKS;
        model.done_at = fake.now + WORK_NS;
    }
}

static void writes(unsigned offset, unsigned size, uint64_t value)
{
    assert_int_equal(size, 1);
    if (offset == 0) {
        assert_true(value == 0x02 || value == 0x20);
        model.ours = value == 0x02 && model.fault != TAKEN;
    } else if (offset == 0x18) {
        status_written((uint8_t)value);
    } else if (model.fault != NONSENSE && model.fault != ALWAYS_EXPECTS) {
        assert_int_equal(offset, 0x24);
        assert_true(model.state == READY || model.state == TAKES);
        model.state = TAKES;
        model.in[model.in_size++] = (uint8_t)value;
    }
}

static int begin(void **state)
{
    (void)state;
    fake_device_reset();
    memset(&model, 0, sizeof(model));
    model.burst = 8;
    fake.bar_size = TPM_FIFO_SIZE;
    fake.read = reads;
    fake.write = writes;
    fake.step = step;
    return 0;
}

/* --- the counter on it -------------------------------------------------------------------------------------------------------------- */

static void opens(void)
{
    assert_null(tpm_open(&tpm, fake_registers));
}

static void reads_value(uint64_t wanted)
{
    uint64_t value = ~0ull;
    const char *wrong = tpm_counter_read(&tpm, &value);

    if (wrong)
        fail_msg("%s", wrong);
    assert_int_equal(value, wanted);
}

static void is_refused(const char *why)
{
    uint64_t value;

    assert_string_equal(tpm_counter_read(&tpm, &value), why);
    assert_false(model.ours);
}

static void made_and_counted(void **state)
{
    (void)state;
    for (model.burst = 1; model.burst < 70; model.burst += 13) {
        model.defined = model.written = false;
        model.highest = 0;
        opens();
        reads_value(1);
        reads_value(1);
        assert_null(tpm_counter_step(&tpm));
        reads_value(2);
    }
    assert_false(model.ours);
}

/* Whoever has the owner's password can take it away: it does not begin anew from 1. */
static void taken_away(void **state)
{
    (void)state;
    opens();
    model.highest = 41;
    reads_value(42);
    model.defined = model.written = false;
    reads_value(43);
    model.defined = model.written = false;
    assert_string_equal(tpm_counter_step(&tpm), "the TPM does not count");
}

/* A life that was cut off between its definition and its first step. */
static void made_and_not_counted(void **state)
{
    (void)state;
    model.defined = true;
    model.attributes = TPM_COUNTER;
    model.highest = 4;
    opens();
    reads_value(5);
}

static void something_else_in_its_place(void **state)
{
    (void)state;
    model.defined = model.written = true;
    for (unsigned bit = 0; bit < 32; bit++) {
        model.attributes = TPM_COUNTER ^ 1u << bit;
        opens();
        if (1u << bit == TPM_WRITTEN)
            reads_value(0);
        else
            is_refused("what the TPM has where our counter would be is something else");
    }
}

/* An earlier life has left it anywhere. */
static void left_half_way(void **state)
{
    (void)state;
    model.defined = model.written = true;
    model.attributes = TPM_COUNTER;
    model.value = 9;
    for (enum state left = IDLE; left <= ANSWERS; left++) {
        model.state = left;
        model.ours = true;
        model.in_size = left == TAKES ? 5 : 0;
        model.out_size = 29;
        model.done_at = fake.now + 1000000;
        opens();
        reads_value(9);
    }
}

static void busy_for_a_while(void **state)
{
    static const uint32_t codes[] = {TPM_RETRY, TPM_YIELDED, TPM_TESTING, TPM_NV_RATE, TPM_NV_UNAVAILABLE};

    (void)state;
    opens();
    for (unsigned i = 0; i < 5; i++) {
        model.refuse = 9;
        model.code = codes[i];
        reads_value(1);
        model.refuse = 10;
        is_refused("the TPM is busy");
    }
    model.refuse = 1;
    model.code = 0x100; /* it has not been started */
    is_refused("the TPM does not say whether it has our counter");
    model.defined = false;
    model.refuse = 2;
    model.code = TPM_NO_INDEX;
    is_refused("the TPM makes no counter: its owner has a password, or it has no room");
}

/* Whatever it does: it is said within half a minute, and never that there is a number. */
static void faults(void **state)
{
    static const char none[] = "no TPM answers", takes[] = "the TPM does not take a command",
                      size[] = "the TPM's answer has an impossible size",
                      other[] = "the TPM's answer is not of the size that it says";
    static const char *const why[FAULTS] = {
        [ABSENT_ONES] = none,
        [ABSENT_ZEROS] = none,
        [BUFFER] = "the TPM has a command buffer and no FIFO",
        [TAKEN] = none,
        [NEVER_READY] = "the TPM does not become ready",
        [NO_BURST] = takes,
        [NEVER_EXPECTS] = takes,
        [ALWAYS_EXPECTS] = takes,
        [NEVER_DONE] = "the TPM gives no answer",
        [HUGE] = size,
        [TINY] = size,
        [SHORT] = other,
        [LONGER] = other,
    };

    (void)state;
    srand(11);
    for (unsigned round = 0; round < 200; round++)
        for (enum fault fault = ABSENT_ONES; fault < FAULTS; fault++) {
            uint64_t value = 0, since;

            if (round > 0 && fault != NONSENSE)
                continue;
            begin(0);
            model.fault = fault;
            model.defined = model.written = true;
            model.attributes = TPM_COUNTER;
            since = fake.now;
            const char *wrong = tpm_open(&tpm, fake_registers);
            if (!wrong)
                wrong = tpm_counter_read(&tpm, &value);
            if (!wrong)
                fail_msg("fault %u is not seen", fault);
            if (why[fault])
                assert_string_equal(wrong, why[fault]);
            assert_true(fake.now - since < 30000000000ull);
            model.fault = NONE;
            opens(); /* and it comes back */
            assert_null(tpm_counter_read(&tpm, &value));
            assert_int_equal(value, model.value);
        }
}

static void room(void **state)
{
    uint8_t command[TPM_MESSAGE_MAX], *answer = malloc(28);
    uint32_t got = 0;

    (void)state;
    opens();
    reads_value(1);
    assert_string_equal(tpm_command(&tpm, command, tpm_read(command, TPM_COUNTER_INDEX), answer, 28, &got),
                        "the TPM's answer has an impossible size");
    assert_string_equal(tpm_command(&tpm, command, tpm_read(command, TPM_COUNTER_INDEX), answer, 9, &got),
                        "the TPM gives no answer");
    assert_int_equal(got, 0);
    free(answer);
    assert_string_equal(tpm_open(&tpm, 0), "no TPM answers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands),
        cmocka_unit_test(answers),
        cmocka_unit_test(damaged_answers),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test_setup(made_and_counted, begin),
        cmocka_unit_test_setup(taken_away, begin),
        cmocka_unit_test_setup(made_and_not_counted, begin),
        cmocka_unit_test_setup(something_else_in_its_place, begin),
        cmocka_unit_test_setup(left_half_way, begin),
        cmocka_unit_test_setup(busy_for_a_while, begin),
        cmocka_unit_test_setup(faults, begin),
        cmocka_unit_test_setup(room, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
