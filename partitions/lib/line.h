/* SPDX-License-Identifier: Apache-2.0 */
/* A line being typed: what is in it and what to echo. Pure. */
#ifndef BH_LINE_H
#define BH_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_MAX_LENGTH 255u
#define LINE_ECHO_MAX 8u

struct line_editor {
    char text[LINE_MAX_LENGTH + 1];
    size_t length;
    bool after_return; /* a newline right after a carriage return belongs to it */
};

/* Take one byte. True: the line is complete. echo gets at most LINE_ECHO_MAX bytes to show. */
bool line_byte(struct line_editor *editor, char byte, char *echo, size_t *echo_length);
/* Copy the line, cut to size - 1 characters and terminated, and begin a new one. */
void line_take(struct line_editor *editor, char *line, size_t size);

#endif
