/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the argument text for main(). Pure: also tested on the host. */
#include "lib.h"

int args_split(char *text, char **words, int max)
{
    int count = 0;

    while (count < max) {
        while (*text == ' ')
            text++;
        if (*text == 0)
            break;
        words[count++] = text;
        while (*text != ' ' && *text != 0)
            text++;
        if (*text == ' ')
            *text++ = 0;
    }
    words[count] = 0;
    return count;
}
