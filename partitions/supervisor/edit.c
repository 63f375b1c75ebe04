/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: arrows, Home, End, Delete, Backspace, Tab, Ctrl-A B C D E F K L N P U W. What is not known is left out. */
#include "edit.h"

#include <string.h>

#define CTRL(c) ((c)&31)
#define DEL 0x7f
#define ESC 0x1b

static void show(struct edit *edit, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count && edit->show_length < EDIT_SHOW; i++)
        edit->show[edit->show_length++] = bytes[i];
}

static void show_text(struct edit *edit, const char *text)
{
    show(edit, text, strlen(text));
}

static void show_times(struct edit *edit, char byte, size_t count)
{
    for (size_t i = 0; i < count; i++)
        show(edit, &byte, 1);
}

static void move(struct edit *edit, size_t cursor)
{
    if (cursor < edit->cursor)
        show_times(edit, '\b', edit->cursor - cursor);
    else
        show(edit, edit->text + edit->cursor, cursor - edit->cursor);
    edit->cursor = cursor;
}

/* The text becomes another one, shown from where it differs. */
static void replace(struct edit *edit, const char *text, size_t length, size_t cursor)
{
    size_t same = 0, before = edit->length;

    while (same < length && same < before && text[same] == edit->text[same])
        same++;
    move(edit, same);
    memmove(edit->text + same, text + same, length - same);
    edit->text[length] = 0;
    edit->length = length;
    show(edit, edit->text + same, length - same);
    edit->cursor = length;
    if (before > length) {
        show_times(edit, ' ', before - length);
        show_times(edit, '\b', before - length);
    }
    move(edit, cursor);
}

static void insert(struct edit *edit, const char *bytes, size_t count)
{
    char text[EDIT_LINE + 1];

    if (edit->length + count > EDIT_LINE)
        return;
    memcpy(text, edit->text, edit->cursor);
    memcpy(text + edit->cursor, bytes, count);
    memcpy(text + edit->cursor + count, edit->text + edit->cursor, edit->length - edit->cursor);
    replace(edit, text, edit->length + count, edit->cursor + count);
}

/* What stands in [from, to) goes, and the cursor is where it was. */
static void erase(struct edit *edit, size_t from, size_t to)
{
    char text[EDIT_LINE + 1];

    memcpy(text, edit->text, from);
    memcpy(text + from, edit->text + to, edit->length - to);
    replace(edit, text, edit->length - (to - from), from);
}

static void redraw(struct edit *edit)
{
    size_t cursor = edit->cursor;

    show_text(edit, "\n");
    show_text(edit, edit->prompt);
    edit->cursor = 0;
    move(edit, edit->length);
    move(edit, cursor);
}

/* --- history ------------------------------------------------------------------------------------------------------------------ */

static void history_show(struct edit *edit, unsigned back)
{
    unsigned kept = edit->lines < EDIT_HISTORY ? edit->lines : EDIT_HISTORY;
    char text[EDIT_LINE + 1];

    if (back > kept)
        return;
    if (edit->back == 0)
        memcpy(edit->draft, edit->text, sizeof(edit->draft));
    edit->back = back;
    strcpy(text, back == 0 ? edit->draft : edit->history[(edit->lines - back) % EDIT_HISTORY]);
    replace(edit, text, strlen(text), strlen(text));
}

static void history_put(struct edit *edit)
{
    if (edit->length == 0 || (edit->lines > 0 && strcmp(edit->history[(edit->lines - 1) % EDIT_HISTORY], edit->text) == 0))
        return;
    strcpy(edit->history[edit->lines++ % EDIT_HISTORY], edit->text);
}

/* --- completion ----------------------------------------------------------------------------------------------------------------- */

static size_t common(const char *a, const char *b, size_t most)
{
    size_t length = 0;

    while (length < most && a[length] != 0 && a[length] == b[length])
        length++;
    return length;
}

static void complete(struct edit *edit)
{
    const char *words[EDIT_WORDS], *fit[EDIT_WORDS];
    size_t start = edit->cursor, typed, length;
    unsigned count, fits = 0;

    while (start > 0 && edit->text[start - 1] != ' ')
        start--;
    typed = edit->cursor - start;
    count = edit->words(edit->text, start, words);
    for (unsigned i = 0; i < count; i++)
        if (strncmp(words[i], edit->text + start, typed) == 0)
            fit[fits++] = words[i];
    if (fits == 0)
        return;
    length = strlen(fit[0]);
    for (unsigned i = 1; i < fits; i++)
        length = common(fit[0], fit[i], length);
    if (length > typed || fits == 1) {
        insert(edit, fit[0] + typed, length - typed);
        if (fits == 1)
            insert(edit, " ", 1);
        return;
    }
    show_text(edit, "\n");
    for (unsigned i = 0; i < fits; i++) {
        show_text(edit, fit[i]);
        show_text(edit, "  ");
    }
    redraw(edit);
}

/* --- keys ------------------------------------------------------------------------------------------------------------------------- */

static size_t word_before(const struct edit *edit)
{
    size_t at = edit->cursor;

    while (at > 0 && edit->text[at - 1] == ' ')
        at--;
    while (at > 0 && edit->text[at - 1] != ' ')
        at--;
    return at;
}

static void key(struct edit *edit, char byte)
{
    size_t left = edit->cursor > 0 ? edit->cursor - 1 : 0, right = edit->cursor < edit->length ? edit->cursor + 1 : edit->length;

    switch (byte) {
    case CTRL('A'):
        move(edit, 0);
        break;
    case CTRL('E'):
        move(edit, edit->length);
        break;
    case CTRL('B'):
        move(edit, left);
        break;
    case CTRL('F'):
        move(edit, right);
        break;
    case CTRL('H'):
    case DEL:
        erase(edit, left, edit->cursor);
        break;
    case CTRL('D'):
        erase(edit, edit->cursor, right);
        break;
    case CTRL('K'):
        erase(edit, edit->cursor, edit->length);
        break;
    case CTRL('U'):
        erase(edit, 0, edit->cursor);
        break;
    case CTRL('W'):
        erase(edit, word_before(edit), edit->cursor);
        break;
    case CTRL('L'):
        redraw(edit);
        break;
    case CTRL('P'):
        history_show(edit, edit->back + 1);
        break;
    case CTRL('N'):
        if (edit->back > 0)
            history_show(edit, edit->back - 1);
        break;
    case '\t':
        complete(edit);
        break;
    default:
        if (byte >= ' ' && byte < DEL)
            insert(edit, &byte, 1);
    }
}

/* Arrows and the like: ESC [ A, ESC O A, ESC [ 3 ~. True: the byte belongs to one. */
static bool escape(struct edit *edit, char byte)
{
    static const struct {
        const char *sequence;
        char key;
    } keys[] = {{"[A", CTRL('P')}, {"[B", CTRL('N')}, {"[C", CTRL('F')},  {"[D", CTRL('B')},  {"[H", CTRL('A')},
                {"[F", CTRL('E')}, {"OA", CTRL('P')}, {"OB", CTRL('N')},  {"OC", CTRL('F')},  {"OD", CTRL('B')},
                {"OH", CTRL('A')}, {"OF", CTRL('E')}, {"[1~", CTRL('A')}, {"[3~", CTRL('D')}, {"[4~", CTRL('E')}};

    if (edit->escape_length == 0) {
        edit->escape_length = byte == ESC;
        return byte == ESC;
    }
    edit->escape[edit->escape_length - 1] = byte;
    edit->escape[edit->escape_length] = 0;
    if (edit->escape_length < 3 && (edit->escape_length == 1 ? byte == '[' || byte == 'O' : byte >= '0' && byte <= '9')) {
        edit->escape_length++;
        return true;
    }
    edit->escape_length = 0;
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(keys[i].sequence, edit->escape) == 0)
            key(edit, keys[i].key);
    return true;
}

void edit_begin(struct edit *edit)
{
    edit->length = edit->cursor = edit->back = edit->escape_length = 0;
    edit->text[0] = 0;
    edit->show_length = 0;
    show_text(edit, edit->prompt);
}

enum edit_result edit_byte(struct edit *edit, char byte)
{
    bool second_half = byte == '\n' && edit->after_return;

    edit->show_length = 0;
    edit->after_return = byte == '\r';
    if (second_half || escape(edit, byte))
        return EDIT_MORE;
    if (byte == CTRL('C')) {
        show_text(edit, "^C\n");
        return EDIT_ABANDONED;
    }
    if (byte != '\r' && byte != '\n') {
        key(edit, byte);
        return EDIT_MORE;
    }
    move(edit, edit->length);
    show_text(edit, "\n");
    history_put(edit);
    return EDIT_LINE_DONE;
}
