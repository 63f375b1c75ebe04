/* SPDX-License-Identifier: Apache-2.0 */
/* The drawings of the report: memory map, and who can reach whom. Names come from the tables, whose rules keep them plain. */
#include <inttypes.h>

#include "report.h"

#define ROW 22

static const char *colour(uint8_t owner)
{
    static const char *const colours[] = {"#8dd3c7", "#ffffb3", "#bebada", "#fb8072", "#80b1d3", "#fdb462", "#b3de69", "#fccde5"};
    return owner == OWNER_HYPERVISOR ? "#555" : owner == OWNER_NOBODY ? "#fff" : colours[owner % ARRAY_SIZE(colours)];
}

static void svg_start(FILE *out, unsigned width, unsigned height)
{
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" viewBox=\"0 0 %u %u\" font-family=\"monospace\" "
            "font-size=\"12\">\n",
            width, height, width, height);
}

/* One row per range: heights are equal, because sizes differ by a factor of a million; the size is written. */
void report_memory_svg(FILE *out, const struct report *report)
{
    static struct report_range ranges[REPORT_MAX_RANGES];
    unsigned n = report_ranges(report, ranges);
    svg_start(out, 760, n * ROW + 20);
    for (unsigned i = 0; i < n; i++) {
        const struct report_range *r = &ranges[i];
        unsigned y = 10 + i * ROW;
        fprintf(out, "<rect x=\"130\" y=\"%u\" width=\"400\" height=\"%u\" fill=\"%s\" stroke=\"#000\"/>\n", y, ROW,
                colour(r->owner));
        fprintf(out, "<text x=\"10\" y=\"%u\">0x%010" PRIx64 "</text>\n", y + 14, r->base);
        fprintf(out, "<text x=\"140\" y=\"%u\" fill=\"%s\">%s: %s</text>\n", y + 15, r->owner == OWNER_HYPERVISOR ? "#fff" : "#000",
                report_owner(report, r->owner), r->what);
        if (r->size < MIB(1))
            fprintf(out, "<text x=\"545\" y=\"%u\">%" PRIu64 " KiB</text>\n", y + 15, r->size >> 10);
        else
            fprintf(out, "<text x=\"545\" y=\"%u\">%" PRIu64 " MiB</text>\n", y + 15, r->size >> 20);
    }
    fputs("</svg>\n", out);
}

/* "nic0, disk0.vf1", as much as the box holds. */
static void devices_text(FILE *out, const struct device_plan *d, unsigned partition, unsigned x)
{
    char text[22];
    size_t used = 0;
    for (uint32_t i = 0; i < d->function_count && used < sizeof(text); i++)
        if (d->functions[i].partition == partition)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used ? ", " : "", d->functions[i].role);
    if (used)
        fprintf(out, "<text x=\"%u\" y=\"66\" font-size=\"9\">%s%s</text>\n", x, text, used >= sizeof(text) ? "..." : "");
}

/* Below the boxes, each a little lower. */
static void restart_lines(FILE *out, const struct report *report)
{
    unsigned lines = 0, n = report->layout->partition_count;
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < n; k++)
            if (report->layout->devices.restart_group[i] >> k & 1u)
                fprintf(out, "<path d=\"M %u 70 V %u H %u V 70\" fill=\"none\" stroke=\"#c00\"/>\n", i * 150 + 115,
                        74 + lines++ % 8 * 2, k * 150 + 35);
    if (lines)
        fputs("<text x=\"10\" y=\"220\">Red: the owner of a physical function, right edge, restarts owners of its virtual ones, "
              "left edge."
              "</text>\n",
              out);
}

static unsigned channel_pairs(const struct report *report)
{
    unsigned pairs = 0;
    for (unsigned w = 0; w < report->layout->partition_count; w++) {
        unsigned readers = 0;
        for (uint32_t i = 0; i < report->layout->channels.count; i++)
            readers |= report->layout->channels.channels[i].writer == w ? report->layout->channels.channels[i].readers : 0u;
        pairs += (unsigned)__builtin_popcount(readers);
    }
    return pairs;
}

/* Partitions side by side on the hypervisor. Between two partitions there is a line only where there is a way. */
void report_reach_svg(FILE *out, const struct report *report)
{
    unsigned n = report->layout->partition_count, width = n * 150 + 20;
    width = width < 760 ? 760 : width; /* room for the texts below */
    svg_start(out, width, 240 + 16 * channel_pairs(report));
    for (unsigned i = 0; i < n; i++) {
        const struct partition_spec *p = &report->product->partitions[i];
        unsigned x = 10 + i * 150;
        fprintf(out, "<rect x=\"%u\" y=\"10\" width=\"130\" height=\"60\" fill=\"%s\" stroke=\"#000\"/>\n", x, colour((uint8_t)i));
        fprintf(out, "<text x=\"%u\" y=\"35\">%s</text>\n<text x=\"%u\" y=\"55\">%u core%s</text>\n", x + 8, p->name, x + 8,
                p->cores, p->cores == 1 ? "" : "s");
        devices_text(out, &report->layout->devices, i, x + 8);
        fprintf(out, "<line x1=\"%u\" y1=\"70\" x2=\"%u\" y2=\"120\" stroke=\"#000\"/>\n", x + 65, x + 65);
        fprintf(out, "<text x=\"%u\" y=\"98\">console%s</text>\n", x + 4, p->watchdog.period_ms ? ", watchdog" : "");
        if (report_resets_board(p))
            fprintf(out, "<text x=\"%u\" y=\"112\" fill=\"#c00\">resets the board</text>\n", x + 4);
    }
    fprintf(out, "<rect x=\"10\" y=\"120\" width=\"%u\" height=\"36\" fill=\"#555\" stroke=\"#000\"/>\n", width - 20);
    fputs("<text x=\"20\" y=\"143\" fill=\"#fff\">hypervisor</text>\n", out);
    restart_lines(out, report);
    fputs("<text x=\"10\" y=\"180\">No black line joins two partitions: no shared device. Blue: shared memory and doorbells, from "
          "its "
          "writer to the reader at the dot; where there is no blue line there is none of either."
          "</text>\n",
          out);
    report_channel_lines(out, report);
    fputs("<text x=\"10\" y=\"200\">Shared by all and not partitioned: caches, memory bandwidth, power.</text>\n</svg>\n", out);
}
