/* SPDX-License-Identifier: Apache-2.0 */
/* A line being typed, with history and completion, for a terminal of which nothing is asked but that backspace goes back. Pure. */
#ifndef SUPERVISOR_EDIT_H
#define SUPERVISOR_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#define EDIT_LINE 200u
#define EDIT_HISTORY 32u
#define EDIT_SHOW 2048u
#define EDIT_WORDS 64u

struct edit {
    const char *prompt;
    /* Which words may stand where the word at `start` of `line` stands: up to EDIT_WORDS of them into `words`; returns how many. */
    unsigned (*words)(const char *line, size_t start, const char *words[EDIT_WORDS]);
    char text[EDIT_LINE + 1], draft[EDIT_LINE + 1];
    size_t length, cursor;
    char history[EDIT_HISTORY][EDIT_LINE + 1];
    unsigned lines, back; /* lines ever put into the history; how far back the one shown is, 0: the draft */
    char escape[4];       /* of a key that is several bytes */
    size_t escape_length;
    bool after_return;
    char show[EDIT_SHOW]; /* to be sent to the terminal */
    size_t show_length;
};

enum edit_result { EDIT_MORE, EDIT_LINE_DONE, EDIT_ABANDONED };

/* Begin a line: shows the prompt. */
void edit_begin(struct edit *edit);
/* Take a byte. What is to be shown is in edit->show afterwards. EDIT_LINE_DONE: edit->text is the line, which is in the history now. */
enum edit_result edit_byte(struct edit *edit, char byte);

#endif
