/* SPDX-License-Identifier: Apache-2.0 */
/* What fingers know from xm, xl and virsh, and what it is here. Tables and their look-up. Pure. */
#ifndef SUPERVISOR_ELSEWHERE_H
#define SUPERVISOR_ELSEWHERE_H

#include <stdbool.h>

/* A command of theirs that is one of ours. */
struct elsewhere_name {
    const char *theirs, *ours;
    const char *note; /* said before it runs, where it does not do quite the same; 0: nothing */
};
/* 0: none of this name. */
const struct elsewhere_name *elsewhere_name(const char *word);
/* The n-th, for completion; 0: there are no more. */
const struct elsewhere_name *elsewhere_nth(unsigned n);

/* What to type instead of a command of theirs that is none of ours, or why there is none; 0: not theirs either. */
const char *elsewhere_why(const char *word);

/* An option of theirs. */
struct elsewhere_option {
    const char *verb; /* our command that it is of; 0: any */
    const char *option;
    bool value;      /* a word of its own follows, which belongs to it */
    const char *why; /* why the command is not carried out with it; 0: it is, the option means nothing here */
};
/* `word` may have "=value" behind it. 0: none that is known. */
const struct elsewhere_option *elsewhere_option(const char *verb, const char *word);

#endif
