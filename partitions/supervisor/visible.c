/* SPDX-License-Identifier: Apache-2.0 */
#include "visible.h"

size_t visible(char *out, const char *bytes, size_t count)
{
    static const char hex[] = "0123456789abcdef";
    size_t length = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte == '\r' && i + 1 < count && bytes[i + 1] == '\n')
            continue;
        if (byte == '\n' || byte == '\t' || (byte >= ' ' && byte < 0x7f)) {
            out[length++] = (char)byte;
        } else if (byte < 0x80) {
            out[length++] = '^';
            out[length++] = (char)(byte ^ 0x40);
        } else {
            out[length++] = '\\';
            out[length++] = 'x';
            out[length++] = hex[byte >> 4];
            out[length++] = hex[byte & 15];
        }
    }
    return length;
}
