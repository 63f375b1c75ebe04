/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of virtio ports: what a Linux has at its ends of cables and slices. The rest of both is in the rules of channels and slices. */
#include "plan_ports.h"
#include "rules_pci.h"

void rule_port_place(struct check *check)
{
    const struct board *b = check->board;
    uint16_t base = ports_base(b);

    for (unsigned i = 0; i < check->partitions; i++)
        if (ports_of(check->product, &check->product->partitions[i]) != 0 &&
            range_overlap(base, PORTS_SIZE, b->pci.ports, b->pci.ports_size)) {
            found(check, (struct place){"board", 0, "pci.ports"},
                  "a partition sees its virtio ports beside its functions, at 0x1000 or at 0xe000: both places are among the ports "
                  "that "
                  "the board leaves to devices",
                  "leave one of them out of pci.ports, or give no Linux an end of a cable or slice", "0x%x, 0x%x bytes",
                  b->pci.ports, b->pci.ports_size);
            return;
        }
}
