/* SPDX-License-Identifier: Apache-2.0 */
/* What the payload makers share: reading files, adding segments, refusing. Host code. */
#include "payload_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX GIB(1)

int refuse(struct why *why, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(why->text, why->size, format, list);
    va_end(list);
    return -1;
}

static int stream_read(FILE *stream, struct input *input, struct why *why)
{
    long size;

    if (fseek(stream, 0, SEEK_END) != 0 || (size = ftell(stream)) < 0 || fseek(stream, 0, SEEK_SET) != 0)
        return refuse(why, "%s: is not a regular file", input->path);
    if (size == 0)
        return refuse(why, "%s: is empty", input->path);
    if ((uint64_t)size > INPUT_MAX)
        return refuse(why, "%s: is larger than 1 GiB", input->path);
    input->size = (size_t)size;
    input->bytes = malloc(input->size);
    if (input->bytes == NULL)
        return refuse(why, "%s: no memory for its %ld bytes", input->path, size);
    if (fread(input->bytes, 1, input->size, stream) != input->size) {
        input_free(input);
        return refuse(why, "%s: cannot be read to its end", input->path);
    }
    return 0;
}

int input_read(struct input *input, const char *path, struct why *why)
{
    FILE *stream;
    int status;

    *input = (struct input){.path = path};
    stream = fopen(path, "rb");
    if (stream == NULL)
        return refuse(why, "%s: cannot be opened: %s", path, strerror(errno));
    status = stream_read(stream, input, why);
    fclose(stream);
    return status;
}

void input_free(struct input *input)
{
    free(input->bytes);
    *input = (struct input){0};
}

int payload_add(struct payload *payload, const void *bytes, size_t size, uint64_t gpa, struct why *why)
{
    size_t offset = (payload->size + PAGE_MASK) & ~(size_t)PAGE_MASK;
    uint8_t *grown;

    if (payload->segment_count == PAYLOAD_MAX_SEGMENTS)
        return refuse(why, "more than %u segments", PAYLOAD_MAX_SEGMENTS);
    grown = realloc(payload->bytes, offset + size);
    if (grown == NULL)
        return refuse(why, "no memory for a payload of %zu bytes", offset + size);
    memset(grown + payload->size, 0, offset - payload->size);
    memcpy(grown + offset, bytes, size);
    payload->bytes = grown;
    payload->size = offset + size;
    payload->segments[payload->segment_count++] = (struct plan_segment){.offset = offset, .gpa = GPA(gpa), .size = size};
    return 0;
}

uint64_t ram_low_end(const struct partition_spec *spec, const struct board *machine)
{
    return spec->memory < machine->pci_hole ? spec->memory : machine->pci_hole;
}

void payload_free(struct payload *payload)
{
    free(payload->bytes);
    *payload = (struct payload){0};
}
