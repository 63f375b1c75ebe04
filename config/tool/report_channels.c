/* SPDX-License-Identifier: Apache-2.0 */
/* Channels in the report: each with its ends, and what of it a reviewer asks: who can write to whom, who can interrupt whom. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "report.h"

static const char *kind_word(enum bh_channel_kind kind)
{
    static const char *const words[] = {"channel", "cable", "slice: requests", "slice: answers"};
    return words[kind];
}

/* Names of the partitions in this set, in order. */
static void names_of(const struct report *r, uint32_t partitions, char *out, size_t size)
{
    size_t used = 0;
    snprintf(out, size, "none");
    for (uint32_t i = 0; i < r->layout->partition_count; i++)
        if (partitions >> i & 1 && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", r->product->partitions[i].name);
    if (used >= size && size > 4)
        strcpy(out + size - 4, "...");
}

void report_reached(const struct report *r, unsigned partition, char *out, size_t size)
{
    uint32_t reached = 0;
    for (uint32_t i = 0; i < r->layout->channels.count; i++)
        if (r->layout->channels.channels[i].writer == partition)
            reached |= r->layout->channels.channels[i].readers;
    names_of(r, reached, out, size);
}

void table_channels(const struct report *r, struct table *t)
{
    table_start(
        t, "Channels",
        "Shared memory: the writer alone can change it, the readers can read it, nobody can execute it. A Linux has none of it in "
        "its memory: the hypervisor copies. A doorbell is an interrupt with a vector that the reader chose.");
    table_row(t, "name|kind|writer|readers|address in partitions|ring|doorbells per second");
    for (uint32_t i = 0; i < r->layout->channels.count; i++) {
        const struct plan_channel *c = &r->layout->channels.channels[i];
        char readers[TABLE_CELL];
        names_of(r, c->readers, readers, sizeof(readers));
        table_row(t, "%s|%s|%s|%s|0x%08" PRIx64 "|%u KiB|%u", c->name, kind_word(c->kind), r->product->partitions[c->writer].name,
                  readers, c->gpa.v, c->size >> 10, c->doorbells_per_second);
    }
    if (r->layout->channels.count == 0)
        table_row(t, "none||||||");
}

/* Below the boxes: from the writer's middle to each reader's, all channels between two in one line. */
void report_channel_lines(FILE *out, const struct report *r)
{
    unsigned lines = 0, n = r->layout->partition_count;
    for (unsigned w = 0; w < n; w++)
        for (unsigned p = 0; p < n; p++) {
            unsigned count = 0;
            const char *first = "";
            for (uint32_t i = 0; i < r->layout->channels.count; i++)
                if (r->layout->channels.channels[i].writer == w && r->layout->channels.channels[i].readers >> p & 1)
                    first = count++ == 0 ? r->layout->channels.channels[i].name : first;
            if (count == 0)
                continue;
            unsigned y = 240 + 16 * lines++, from = w * 150 + 75, to = p * 150 + 75;
            fprintf(
                out,
                "<path d=\"M %u %u H %u\" fill=\"none\" stroke=\"#06c\"/>\n<circle cx=\"%u\" cy=\"%u\" r=\"3\" fill=\"#06c\"/>\n",
                from, y, to, to, y);
            fprintf(out, "<text x=\"%u\" y=\"%u\" font-size=\"9\">%s to %s: %s%s</text>\n", (from < to ? from : to) + 6, y - 3,
                    r->product->partitions[w].name, r->product->partitions[p].name, first, count > 1 ? ", ..." : "");
        }
}
