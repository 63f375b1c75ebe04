/* SPDX-License-Identifier: Apache-2.0 */
/* Printable ASCII for the console on a screen: rows from the top, the left pixel in the highest bit. The build makes it. */
#ifndef BULKHEAD_SCREEN_FONT_H
#define BULKHEAD_SCREEN_FONT_H

#include <stdint.h>

#define FONT_WIDTH 8u
#define FONT_HEIGHT 16u
#define FONT_FIRST ' '
#define FONT_LAST '~'

extern const uint8_t screen_font[FONT_LAST - FONT_FIRST + 1][FONT_HEIGHT];

#endif
