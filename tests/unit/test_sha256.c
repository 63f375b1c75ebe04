/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 against the examples of FIPS 180-4 and its validation suite, in one and in many steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sha256.h"

static const char *hex(struct sha256 *s)
{
    static char text[65];
    uint8_t digest[32];

    sha256_final(s, digest);
    for (unsigned i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

static void check(const char *data, const char *want)
{
    struct sha256 s;

    sha256_init(&s);
    sha256_update(&s, data, strlen(data));
    assert_string_equal(hex(&s), want);
}

static void test_fips_vectors(void **state)
{
    (void)state;
    check("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
          "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
}

static void test_million(void **state)
{
    struct sha256 s;
    char block[1000];

    (void)state;
    memset(block, 'a', sizeof(block));
    sha256_init(&s);
    for (unsigned i = 0; i < 1000; i++)
        sha256_update(&s, block, sizeof(block));
    assert_string_equal(hex(&s), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Any way of cutting the data gives the same digest; every length around the padding's edges. */
static void test_steps(void **state)
{
    uint8_t data[300];
    char whole[65];

    (void)state;
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 31 + 5);
    for (unsigned size = 0; size <= 200; size++) {
        struct sha256 s;

        sha256_init(&s);
        sha256_update(&s, data, size);
        strcpy(whole, hex(&s));
        for (unsigned cut = 1; cut <= 129; cut += 16) {
            sha256_init(&s);
            for (unsigned at = 0; at < size; at += cut)
                sha256_update(&s, data + at, size - at < cut ? size - at : cut);
            assert_string_equal(hex(&s), whole);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fips_vectors),
        cmocka_unit_test(test_million),
        cmocka_unit_test(test_steps),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
