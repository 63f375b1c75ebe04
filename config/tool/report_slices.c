/* SPDX-License-Identifier: Apache-2.0 */
/* Slices in the report: which bytes of what a server has are whose. */
#include "report.h"

void table_slices(const struct report *r, struct table *t)
{
    const struct product *product = r->product;

    table_start(
        t, "Slices",
        "Parts of a disk, in bytes from the beginning of the namespace that the server serves. The server checks each request; a "
        "client must trust it with its data.");
    table_row(t, "slice|server|client|first byte|last byte|size|client may");
    for (unsigned i = 0; i < product_slices(product); i++) {
        const struct slice_spec *s = &product->slices[i];
        unsigned long long first = slice_start(product, i);
        table_row(t, "%s|%s|%s|0x%010llx|0x%010llx|%llu MiB|%s", s->name, s->server, s->client, first, first + s->size - 1,
                  (unsigned long long)(s->size >> 20), s->read_only ? "read" : "read and write");
    }
    if (product_slices(product) == 0)
        table_row(t, "none");
}
