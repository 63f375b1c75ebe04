/* SPDX-License-Identifier: Apache-2.0 */
/* F14: AMD-Vi units that lie, drop what is written, answer late or never, as the input says: every call comes back in time, and the device
 * table never says more than has been asked for. A libFuzzer entry point; test_amdvi_fuzz.c calls it too.
 *
 * Byte 0: bit 0: the units are honest at boot; bit 1: x2APIC. Then one byte per step and one per access to a register. */
#include <stdlib.h>
#include <string.h>

#include "amdvi.h"
#include "fake_amdvi.h"
#include "fake_arch.h"
#include "iommu.h"
#include "promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t input_size;
static bool honest;

static uint8_t next(void)
{
    return input_size != 0 ? input_size--, *input++ : 0;
}

static uint64_t next64(void)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++)
        value = value << 8 | next();
    return value;
}

uint64_t arch_device_read(hpa_t address, unsigned size)
{
    uint64_t value = fake_register_read(address, size);
    uint8_t how = honest ? 0 : next();

    return how < 0xc0 ? value : how < 0xe0 ? 0 : how < 0xf0 ? value ^ 1ull << how % 64 : next64();
}

void arch_device_write(hpa_t address, unsigned size, uint64_t value)
{
    uint8_t how = honest ? 0 : next();

    if (how < 0xe0)
        fake_register_write(address, size, value);
    if (how >= 0xf0 && amdvi_units[0].events != NULL)
        for (unsigned i = 0; i < 16; i++)
            amdvi_units[0].events[next() % 256].q[i % 2] = next64();
}

/* No entry but one for an owned function says anything but no. */
static void table_check(void)
{
    struct iommu_rights none = iommu_audit_rights(0);

    PROMISE(!none.dma && none.interrupts == 0);
    for (unsigned id = 1; id < 65536; id++) {
        bool owned = id == FAKE_IOAPIC;

        for (unsigned i = 0; i < fake_plan.function_count; i++)
            owned |= fake_functions[i].requester == id;
        PROMISE(owned || memcmp(&amdvi_devices[id], &amdvi_devices[0], sizeof(amdvi_devices[0])) == 0);
    }
    none = iommu_audit_rights(FAKE_IOAPIC);
    PROMISE(!none.dma && none.interrupts == 0);
}

static bool denied(const struct plan_function *f)
{
    struct iommu_rights rights = iommu_audit_rights(f->requester);

    return !rights.dma && rights.interrupts == 0;
}

static void step(uint8_t what)
{
    const struct plan_function *f = &fake_functions[what >> 4 & 3];
    unsigned index = (what >> 3) % f->vectors;
    struct iommu_message message;
    struct iommu_fault fault;
    uint64_t before = fake.ticks;

    switch (what % 8) {
    case 0:
    case 1:
        PROMISE(iommu_attach(f) ? iommu_audit_rights(f->requester).domain == f->partition + 1 : denied(f));
        break;
    case 2:
        iommu_detach(f);
        PROMISE(denied(f));
        break;
    case 3:
        iommu_interrupt_set(f, index, 1, 0x50, &message);
        break;
    case 4:
        iommu_interrupt_clear(f, index);
        break;
    case 5:
        PROMISE(iommu_faults_lost() + 1u != 0);
        break;
    default:
        for (unsigned n = 0; n < IOMMU_FAULTS && iommu_fault_next(&fault); n++)
            ;
    }
    PROMISE(fake.ticks - before < 60 * fake.khz);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t ivrs[256], flags;

    input = data;
    input_size = size;
    flags = next();
    fake_reset();
    fake.step = 100000;
    fake_amdvi_reset();
    memset(amdvi_units, 0, sizeof(amdvi_units));
    fake_units[0].lies = fake_units[1].lies = true;
    fake_x2apic = flags & 2;
    honest = flags & 1;
    if (iommu_check(ivrs, fake_ivrs(ivrs)) != NULL || iommu_on() != NULL) {
        PROMISE(!honest && fake.ticks - fake.boot_ticks < 120 * fake.khz);
        return 0;
    }
    for (unsigned p = 0; p < fake_plan.partition_count; p++)
        iommu_domain(p);
    honest = false;
    for (unsigned n = 0; n < 64 && input_size != 0; n++)
        step(next());
    table_check();
    return 0;
}
