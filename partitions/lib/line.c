/* SPDX-License-Identifier: Apache-2.0 */
/* A line being typed. Pure: also tested on the host. */
#include "line.h"

#include <string.h>

static size_t put_echo(char *echo, const char *text)
{
    size_t length = strlen(text);

    memcpy(echo, text, length);
    return length;
}

bool line_byte(struct line_editor *editor, char byte, char *echo, size_t *echo_length)
{
    bool second_half = byte == '\n' && editor->after_return;

    *echo_length = 0;
    editor->after_return = byte == '\r';
    if (second_half)
        return false;
    if (byte == '\r' || byte == '\n') {
        *echo_length = put_echo(echo, "\n");
        return true;
    }
    if (byte == '\b' || byte == 0x7f) {
        if (editor->length > 0) {
            editor->length--;
            *echo_length = put_echo(echo, "\b \b");
        }
    } else if (byte >= ' ' && byte < 0x7f && editor->length < LINE_MAX_LENGTH) {
        editor->text[editor->length++] = byte;
        echo[0] = byte;
        *echo_length = 1;
    }
    return false;
}

void line_take(struct line_editor *editor, char *line, size_t size)
{
    size_t length = editor->length;

    editor->length = 0;
    if (size == 0)
        return;
    if (length > size - 1)
        length = size - 1;
    memcpy(line, editor->text, length);
    line[length] = 0;
}
