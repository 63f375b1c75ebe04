/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's line editor: what a person sees is what the line is, whatever is typed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../partitions/supervisor/edit.h"
#include "../../partitions/supervisor/visible.h"

/* A terminal of one line: the newest. */
static struct {
    char line[4096];
    size_t length, at;
    char seen[65536]; /* all that was shown */
    size_t seen_length;
} screen;

static struct edit edit;

static unsigned words(const char *line, size_t start, const char *list[EDIT_WORDS])
{
    static const char *const verbs[] = {"list", "log", "restart", "resume", "top"}, *const names[] = {"control", "console",
                                                                                                      "hello"};
    unsigned count = start == 0 ? 5 : 3;

    (void)line;
    for (unsigned i = 0; i < count; i++)
        list[i] = start == 0 ? verbs[i] : names[i];
    return count;
}

static void display(void)
{
    for (size_t i = 0; i < edit.show_length; i++) {
        char byte = edit.show[i];

        if (screen.seen_length < sizeof(screen.seen) - 1)
            screen.seen[screen.seen_length++] = byte;
        if (byte == '\n') {
            screen.length = screen.at = 0;
        } else if (byte == '\b') {
            assert_true(screen.at > 0);
            screen.at--;
        } else {
            assert_true(byte >= ' ' && byte < 0x7f);
            screen.line[screen.at++] = byte;
            screen.length = screen.at > screen.length ? screen.at : screen.length;
        }
    }
    screen.line[screen.length] = 0;
}

/* The screen has the prompt and the text, blanks aside, and the cursor where the editor has it. */
static void agrees(void)
{
    char want[EDIT_LINE + 8];
    size_t length = (size_t)snprintf(want, sizeof(want), "> %s", edit.text);

    assert_true(edit.length <= EDIT_LINE && edit.cursor <= edit.length && strlen(edit.text) == edit.length);
    assert_true(screen.length >= length);
    assert_memory_equal(screen.line, want, length);
    for (size_t i = length; i < screen.length; i++)
        assert_int_equal(screen.line[i], ' ');
    assert_int_equal(screen.at, 2 + edit.cursor);
}

static void begin(void)
{
    screen.length = screen.at = 0;
    edit_begin(&edit);
    display();
    agrees();
}

static int setup(void **state)
{
    (void)state;
    memset(&screen, 0, sizeof(screen));
    memset(&edit, 0, sizeof(edit));
    edit.prompt = "> ";
    edit.words = words;
    begin();
    return 0;
}

static enum edit_result type(const char *keys)
{
    enum edit_result result = EDIT_MORE;

    for (; *keys; keys++) {
        result = edit_byte(&edit, *keys);
        display();
        if (result == EDIT_MORE)
            agrees();
    }
    return result;
}

static void line_is(const char *keys, const char *line)
{
    assert_int_equal(type(keys), EDIT_LINE_DONE);
    assert_string_equal(edit.text, line);
    begin();
}

static void keys_do_what_they_say(void **state)
{
    (void)state;
    line_is("list\r", "list");
    line_is("\nlost\x7f\x7f\x7fist\r", "list"); /* the newline belongs to the return before */
    line_is("st\x01li\x05 x\r", "list x");
    line_is("lst\x1b[D\x1b[Di\r", "list");
    line_is("lisst\x02\x02\x04\r", "list");
    line_is("list\x1b[D\x1b[D\x1b[3~\r", "lit");
    line_is("one two  three\x17\x17x\r", "one x");
    line_is("away\x15here\r", "here");
    line_is("here and\x01\x06\x06\x06\x06\x0b!\r", "here!");
    line_is("a\x1bOH\x1b[1~b\x1b[4~c\x1bOF\x1b[Fd\r", "bacd");
    line_is("x\x0cy\r", "xy");
    line_is("\x7f\x02\x04\x0b\x15\x17z\r", "z");
    assert_int_equal(type("half\x03"), EDIT_ABANDONED);
}

static void unknown_keys_are_left_out(void **state)
{
    (void)state;
    line_is("a\x1b[Zb\x1b[24~c\x1bxd\x80\xff\x1d"
            "e\x1b[9999f\r",
            "ab~cde99f");
}

static void history_goes_back_and_forth(void **state)
{
    (void)state;
    line_is("one\r", "one");
    line_is("two\r", "two");
    line_is("two\r", "two"); /* kept once */
    line_is("\r", "");
    line_is("\x1b[A\r", "two");
    line_is("\x1b[A\x1b[A\r", "one");
    line_is("dra\x10\x10\x0e\x0e"
            "ft\r",
            "draft");
    line_is("\x0e\x10\x10\x10\x10\x10\x10\x10\x10\x10\r", "one");
    for (unsigned i = 0; i < 3 * EDIT_HISTORY; i++) {
        char line[16];
        snprintf(line, sizeof(line), "%u\r", i);
        assert_int_equal(type(line), EDIT_LINE_DONE);
        begin();
    }
    for (unsigned i = 0; i < 2 * EDIT_HISTORY; i++)
        type("\x10");
    line_is("\r", "64"); /* the oldest of 32 */
}

static void tab_completes(void **state)
{
    (void)state;
    line_is("t\t\r", "top ");
    line_is("lo\thel\t\r", "log hello ");
    line_is("re\tt\t\r", "restart ");
    line_is("top co\t\r", "top con");
    type("top con\t");
    assert_non_null(strstr(screen.seen, "\ncontrol  console  \n> top con"));
    line_is("\x15q\t\r", "q");
    line_is("hello\x01lo\t\r", "log hello"); /* in the middle of a word, too */
    line_is(" x\x01lis\t\r", "list  x");
}

static void a_line_has_an_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * EDIT_LINE; i++)
        type("a");
    assert_int_equal(edit.length, EDIT_LINE);
    type("\x01\t\x10\x0e");
    assert_int_equal(edit.length, EDIT_LINE);
}

/* Whatever is typed, the screen shows the line. */
static void anything_can_be_typed(void **state)
{
    static const char usual[] = "abc \t\x01\x02\x04\x05\x06\x0b\x0c\x0e\x10\x15\x17\x7f\x1b[ADCB3~\r\n";

    (void)state;
    srand(1);
    for (unsigned i = 0; i < 200000; i++) {
        char byte = rand() % 8 ? usual[(unsigned)rand() % (sizeof(usual) - 1)] : (char)rand();

        screen.seen_length = 0;
        if (edit_byte(&edit, byte) == EDIT_MORE) {
            display();
            agrees();
        } else {
            begin();
        }
    }
}

/* AC-45: what a partition has printed cannot speak to the operator's terminal. */
static void ac45_output_of_others_is_only_text(void **state)
{
    static const char bytes[] = "\x1b[2J\x07 a\r\nb\rc\t\x7f\x9b";
    char all[256], out[4 * 256];
    size_t length = visible(out, bytes, sizeof(bytes) - 1);

    (void)state;
    out[length] = 0;
    assert_string_equal(out, "^[[2J^G a\nb^Mc\t^?\\x9b");
    for (unsigned i = 0; i < 256; i++)
        all[i] = (char)i;
    length = visible(out, all, 256);
    for (size_t i = 0; i < length; i++)
        assert_true(out[i] == '\n' || out[i] == '\t' || (out[i] >= ' ' && out[i] < 0x7f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ac45_output_of_others_is_only_text, setup),
        cmocka_unit_test_setup(keys_do_what_they_say, setup),
        cmocka_unit_test_setup(unknown_keys_are_left_out, setup),
        cmocka_unit_test_setup(history_goes_back_and_forth, setup),
        cmocka_unit_test_setup(tab_completes, setup),
        cmocka_unit_test_setup(a_line_has_an_end, setup),
        cmocka_unit_test_setup(anything_can_be_typed, setup),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
