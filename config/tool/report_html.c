/* SPDX-License-Identifier: Apache-2.0 */
/* The report as one HTML page with both drawings in it: nothing is loaded from elsewhere. */
#include "report.h"

static void escaped(FILE *out, const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c == '<')
            fputs("&lt;", out);
        else if (*c == '>')
            fputs("&gt;", out);
        else if (*c == '&')
            fputs("&amp;", out);
        else if (*c == '"')
            fputs("&quot;", out);
        else
            fputc(*c, out);
}

static void html_table(FILE *out, const struct table *table)
{
    fputs("<h2>", out);
    escaped(out, table->title);
    fputs("</h2>\n<p>", out);
    escaped(out, table->note);
    fputs("</p>\n<table>\n", out);
    for (unsigned r = 0; r < table->rows; r++) {
        fputs("<tr>", out);
        for (unsigned c = 0; c < table->columns; c++) {
            fputs(r ? "<td>" : "<th>", out);
            escaped(out, table->cell[r][c]);
            fputs(r ? "</td>" : "</th>", out);
        }
        fputs("</tr>\n", out);
    }
    fputs("</table>\n", out);
}

void report_html(FILE *out, const struct report *report)
{
    static struct table table;
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Bulkhead report: ", out);
    escaped(out, report->product->name);
    fputs(" on ", out);
    escaped(out, report->board->name);
    fputs("</title>\n<style>body{font-family:sans-serif;margin:2em;max-width:80em}table{border-collapse:collapse}"
          "th,td{border:1px solid #888;padding:.2em .6em;text-align:left;font-size:90%}th{background:#eee}"
          "@media print{h2{break-after:avoid}}</style></head>\n<body>\n<h1>Bulkhead report</h1>\n",
          out);
    fputs("<h2>Host memory, drawn</h2>\n", out);
    report_memory_svg(out, report);
    fputs("<h2>Who can reach whom, drawn</h2>\n", out);
    report_reach_svg(out, report);
    for (unsigned i = 0; report_table(report, i, &table); i++)
        html_table(out, &table);
    fputs("</body></html>\n", out);
}
