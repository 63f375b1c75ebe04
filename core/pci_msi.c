/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of a function (AC-30, AC-36). What the owner writes is kept as it wrote it; the hardware gets the message of an entry of the
 * interrupt remapping table, made from it once it has been checked: to one of the owner's cores, fixed, a vector of no exception. SDM3 11.11. */
#include "arch.h"
#include "iommu.h"
#include "pci_function.h"

#define ADDRESS_BASE 0xfee00000u
#define ADDRESS_DESTINATION(address) ((address) >> 12 & 0xff)
#define ADDRESS_REST 0xfff00ff7u /* neither destination nor the hint that it may be another; 0x4: logical */
#define DATA_LOWEST 0x0100u      /* delivery mode: fixed but for this one. To one core they are the same */
#define DATA_ASSERT 0x4000u      /* without meaning for an edge */
#define VECTOR_FIRST 16u

bool msi_target(const struct partition *partition, const uint32_t u_word[4], unsigned *vcpu, uint8_t *vector)
{
    uint32_t u_data = u_word[ENTRY_DATA], u_to = ADDRESS_DESTINATION(u_word[ENTRY_ADDRESS]);

    *vcpu = u_to;
    *vector = (uint8_t)u_data;
    return (u_word[ENTRY_ADDRESS] & ADDRESS_REST) == ADDRESS_BASE && u_word[ENTRY_UPPER] == 0 &&
           u_to < partition->plan->core_count && (u_data & ~(0xffu | DATA_LOWEST | DATA_ASSERT)) == 0 && *vector >= VECTOR_FIRST;
}

/* The owner's message, if it may have it, becomes entry `index` of its block. */
static bool message_make(struct partition *partition, const struct pci_function *function, unsigned index, const uint32_t u_word[4],
                         struct iommu_message *message)
{
    unsigned to;
    uint8_t vector;

    return msi_target(partition, u_word, &to, &vector) &&
           iommu_interrupt_set(function->plan, index, plan.cores[partition->plan->cores[to]].apic_id, vector, message);
}

/* --- MSI: one vector, off while it changes ------------------------------------------------------------------------------------- */

/* One vector. Not read before: a device that has gone answers with all ones. */
static void msi_enable(const struct pci_function *function, bool on)
{
    arch_pci_write(function->plan->requester, function->msi + MSI_CONTROL, 2, on ? MSI_ENABLE : 0);
}

bool msi_changed(struct partition *partition, struct pci_function *function)
{
    const uint32_t *image = &function->image[function->msi / 4];
    bool wide = (image[0] >> 16 & MSI_64BIT) != 0;
    const uint32_t u_word[4] = {image[1], wide ? image[2] : 0, (wide ? image[3] : image[2]) & 0xffff};
    uint16_t requester = function->plan->requester;
    struct iommu_message message = {0};

    if (!function->live)
        return true;
    msi_enable(function, false);
    if (!(image[0] >> 16 & MSI_ENABLE))
        return true;
    if (!message_make(partition, function, 0, u_word, &message))
        return false;
    arch_pci_write(requester, function->msi + 4u, 4, (uint32_t)message.address);
    if (wide)
        arch_pci_write(requester, function->msi + 8u, 4, (uint32_t)(message.address >> 32));
    arch_pci_write(requester, function->msi + (wide ? 12u : 8u), 2, message.data);
    msi_enable(function, true);
    return true;
}

/* --- MSI-X --------------------------------------------------------------------------------------------------------------------- */

static hpa_t entry_at(const struct pci_function *function, unsigned index, unsigned word)
{
    return HPA(pci_msix_table(function->plan).v + index * ENTRY_SIZE + word * 4);
}

/* One word has changed. Cost: one write to the device to mask, one to unmask, four more for a message that is new. */
static bool entry_changed(struct partition *partition, struct pci_function *function, unsigned index, unsigned word)
{
    struct pci_entry *entry = &function->entries[index];
    struct iommu_message message = {0};

    if (word != ENTRY_CONTROL)
        entry->set = false;
    if (!function->live || (word != ENTRY_CONTROL && (entry->word[ENTRY_CONTROL] & ENTRY_MASKED)))
        return true; /* the hardware's is masked, too */
    if (!entry->set || (entry->word[ENTRY_CONTROL] & ENTRY_MASKED))
        arch_device_write(entry_at(function, index, ENTRY_CONTROL), 4, ENTRY_MASKED);
    if (entry->word[ENTRY_CONTROL] & ENTRY_MASKED)
        return true;
    if (!entry->set) {
        if (!message_make(partition, function, index, entry->word, &message))
            return false;
        arch_device_write(entry_at(function, index, ENTRY_ADDRESS), 4, (uint32_t)message.address);
        arch_device_write(entry_at(function, index, ENTRY_UPPER), 4, message.address >> 32);
        arch_device_write(entry_at(function, index, ENTRY_DATA), 4, message.data);
        entry->set = true;
    }
    arch_device_write(entry_at(function, index, ENTRY_CONTROL), 4, 0);
    return true;
}

/* Entries that the owner does not have read as masked. */
static uint32_t table_read(const struct pci_function *function, uint64_t offset)
{
    unsigned index = (unsigned)(offset / ENTRY_SIZE), word = (unsigned)(offset / 4 % 4);

    if (index < function->plan->msix.vectors && index < PLAN_MAX_VECTORS)
        return function->entries[index].word[word];
    return word == ENTRY_CONTROL ? ENTRY_MASKED : 0;
}

static bool table_write(struct partition *partition, struct pci_function *function, uint64_t offset, uint32_t u_value)
{
    unsigned index = (unsigned)(offset / ENTRY_SIZE), word = (unsigned)(offset / 4 % 4);
    uint32_t *kept;

    if (index >= function->plan->msix.vectors || index >= PLAN_MAX_VECTORS)
        return false;
    kept = &function->entries[index].word[word];
    if (word == ENTRY_CONTROL)
        u_value &= ENTRY_MASKED;
    if (*kept == u_value)
        return true;
    *kept = u_value;
    return entry_changed(partition, function, index, word);
}

/* Where an access to one of its pages leads. Table and pending bits lie at multiples of 8, so that none is cut by an aligned access. */
enum part { PART_NONE, PART_TABLE, PART_PENDING, PART_REGISTER };

static enum part part_of(const struct pci_function *function, gpa_t u_gpa, unsigned size)
{
    const struct plan_function *row = function->plan;
    unsigned vectors = pci_msix(row)->vectors;

    if ((u_gpa.v & (size - 1)) != 0 || !pci_bar_inside(row, u_gpa.v, size))
        return PART_NONE;
    if (range_overlap(u_gpa.v, size, pci_msix_table(row).v, vectors * ENTRY_SIZE))
        return size >= 4 ? PART_TABLE : PART_NONE; /* PCI 3.0 6.8.2: words of 32 or 64 bits */
    if (range_overlap(u_gpa.v, size, pci_msix_pba(row).v, (vectors + 63) / 64 * 8))
        return PART_PENDING;
    return PART_REGISTER;
}

/* The hardware is read without the gate: what a device takes its time for is no matter of other cores. The owner may read a mask to see
 * that no message is under way any more, so that it is read there too. */
bool msix_page_read(struct partition *partition, const struct pci_function *function, gpa_t u_gpa, unsigned size, uint64_t *value)
{
    uint64_t offset = u_gpa.v - pci_msix_table(function->plan).v;

    switch (part_of(function, u_gpa, size)) {
    case PART_TABLE:
        arch_device_read(HPA(u_gpa.v), size);
        lock_take(&partition->gate);
        *value = table_read(function, offset) | (size == 8 ? (uint64_t)table_read(function, offset + 4) << 32 : 0);
        lock_drop(&partition->gate);
        return true;
    case PART_PENDING:
    case PART_REGISTER:
        *value = arch_device_read(HPA(u_gpa.v), size);
        return true;
    default:
        return false;
    }
}

bool msix_page_write(struct partition *partition, struct pci_function *function, gpa_t u_gpa, unsigned size, uint64_t u_value)
{
    uint64_t offset = u_gpa.v - pci_msix_table(function->plan).v;
    bool done;

    switch (part_of(function, u_gpa, size)) {
    case PART_TABLE:
        lock_take(&partition->gate);
        done = table_write(partition, function, offset, (uint32_t)u_value);
        done = (size == 4 || table_write(partition, function, offset + 4, (uint32_t)(u_value >> 32))) && done;
        lock_drop(&partition->gate);
        return done;
    case PART_REGISTER:
        arch_device_write(HPA(u_gpa.v), size, u_value);
        return true;
    default:
        return false;
    }
}

/* --- life ---------------------------------------------------------------------------------------------------------------------- */

void msi_reset(struct pci_function *function)
{
    for (unsigned i = 0; i < PLAN_MAX_VECTORS; i++)
        function->entries[i] = (struct pci_entry){.word = {[ENTRY_CONTROL] = ENTRY_MASKED}};
    for (unsigned i = 0; i < pci_msix(function->plan)->vectors; i++)
        arch_device_write(entry_at(function, i, ENTRY_CONTROL), 4, ENTRY_MASKED);
}

/* MSI-X that is on is masked, not switched off: in the middle of its work a card might take that for its pin's turn (QEMU's dies). */
void msi_off(const struct pci_function *function)
{
    if (function->msi != 0)
        msi_enable(function, false);
    if (function->msix != 0)
        arch_pci_write(function->plan->requester, function->msix + MSI_CONTROL, 2,
                       MSIX_MASK_ALL | (function->image[function->msix / 4] >> 16 & MSIX_ENABLE));
}
