/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a client sends: each request ends, what is taken for sound is plain, and cutting the bytes short never
 * changes an answer that was already there. */
#include "fuzz_http.h"

#include <stdlib.h>
#include <string.h>

#include "http.h"

static void sound(const struct http_request *request)
{
    if (request->status != 200) {
        if (request->keep_alive)
            abort();
        return;
    }
    if (request->path[0] != '/' || memchr(request->path, 0, HTTP_PATH_MAX) == NULL)
        abort();
    for (const char *c = request->path; *c; c++)
        if (*c < ' ' || *c > '~')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size ? size : 1); /* a block of its own, exactly as long */
    struct http_request request, again;

    if (bytes == NULL)
        abort();
    memcpy(bytes, data, size);
    for (size_t at = 0; at < size;) {
        size_t count = size - at < HTTP_REQUEST_MAX ? size - at : HTTP_REQUEST_MAX;
        size_t taken = http_parse(bytes + at, count, &request);

        if (taken > count || (taken == 0 && count == HTTP_REQUEST_MAX))
            abort();
        if (taken == 0)
            break;
        sound(&request);
        if (http_parse(bytes + at, taken, &again) != taken || memcmp(&again, &request, sizeof(again)) != 0)
            if (request.status != 431)
                abort();
        at += taken;
    }
    free(bytes);
    return 0;
}
