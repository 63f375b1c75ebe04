/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as configuration space: the walks of both capability chains end, read nothing outside the space, and what they return is
 * a capability that lies whole in it. Byte 0 of the input: by memory or by the ports; the rest is the space, repeated. A libFuzzer entry
 * point; test_pci_config.c calls it too. Links what tests/unit/units.mk names for that. */
#include <stdlib.h>
#include <string.h>

#include "fake_pci.h"
#include "fake_plan.h"
#include "pci_bus.h"
#include "pci_parts.h"
#include "promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define READS 50u /* of one walk: 48 steps, status, first pointer */

static void check_one(const struct fake_function *function, unsigned id, bool extended)
{
    static const unsigned sizes[] = {0, 12, 256};

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t before = fake_pci.reads;
        unsigned at = extended ? pci_capability(7, PCI_EXTENDED | id, sizes[i]) : pci_capability(7, id, sizes[i]);

        PROMISE(fake_pci.reads - before <= READS);
        if (at == 0)
            continue;
        PROMISE(at % 4 == 0 && at >= (extended ? 0x100 : 0x40) && at + sizes[i] <= (extended ? 0x1000 : 0x100));
        PROMISE((fake_get(function, at, 4) & (extended ? 0xffff : 0xff)) == id);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake_function *function;
    uint64_t before;

    if (size < 2)
        return 0;
    fake_plan_reset();
    fake_pci_reset();
    fake_pci.ecam = data[0] & 1;
    function = fake_pci_add(7, 0x1234, 0x5678, 0x020000, 0);
    memset(function->writable, 0, sizeof(function->writable));
    for (size_t i = 0; i < sizeof(function->space); i++)
        function->space[i] = data[1 + i % (size - 1)];
    pci_init();
    for (unsigned id = 0; id < 0x28; id++) {
        check_one(function, id, false);
        check_one(function, id, true);
    }
    before = fake_pci.reads;
    (void)pci_chains_sound(7);
    PROMISE(fake_pci.reads - before <= 2 * READS && fake_pci.writes == 0 && fake_pci.wide == 0);
    return 0;
}
