/* SPDX-License-Identifier: Apache-2.0 */
/* NVM Express: namespaces, and for the owner of a physical function its virtual ones. NVM Express base specification, revision 1.4. */
#include "nvme.h"

enum { ATTACHMENT = 0x15, VIRTUALIZATION = 0x1c };                                                            /* 5.12, 5.22 */
enum { OF_SPACE = 0x00, ACTIVE = 0x02, ALLOCATED = 0x10, ATTACHED = 0x12, PRIMARY = 0x14, SECONDARY = 0x15 }; /* 5.15.1 */
enum { GO_OFFLINE = 7, ASSIGN = 8, GO_ONLINE = 9 };
enum { QUEUES = 0, INTERRUPTS = 1 };
#define LIST_IDS 1024u
#define BLOCKS_MOST (1ull << 51)

static uint32_t at16(const uint8_t *page, unsigned offset)
{
    return page[offset] | (uint32_t)page[offset + 1] << 8;
}

static uint32_t at32(const uint8_t *page, unsigned offset)
{
    return at16(page, offset) | at16(page, offset + 2) << 16;
}

nvme_status nvme_namespaces(struct nvme *nvme, bool allocated, uint32_t *ids, unsigned room, unsigned *count)
{
    uint8_t page[NVME_PAGE];
    uint32_t last = 0;

    for (*count = 0; *count < room;) {
        nvme_status status = nvme_identify(nvme, allocated ? ALLOCATED : ACTIVE, last, 0, page);
        if (status)
            return status;
        for (unsigned i = 0; i < LIST_IDS && *count < room; i++) {
            uint32_t id = at32(page, 4 * i);
            if (id == 0)
                return 0;
            if (id <= last)
                return NVME_NONSENSE; /* it would go on for ever */
            last = id;
            ids[(*count)++] = id;
        }
    }
    return 0;
}

/* 5.15.2.1 */
nvme_status nvme_namespace(struct nvme *nvme, uint32_t id, struct nvme_namespace *space)
{
    uint8_t page[NVME_PAGE];
    nvme_status status = nvme_identify(nvme, OF_SPACE, id, 0, page);

    *space = (struct nvme_namespace){.id = id};
    if (status)
        return status;
    uint32_t format = at32(page, 128 + 4 * (page[26] & 15u)), shift = format >> 16 & 0xff;
    uint64_t blocks = at32(page, 0) | (uint64_t)at32(page, 4) << 32;
    if (blocks == 0)
        return 0; /* not active */
    if ((format & 0xffff) != 0 || shift < 9 || shift > 12)
        return NVME_FORMAT;
    if (blocks > BLOCKS_MOST)
        return NVME_NONSENSE;
    space->blocks = blocks;
    space->block_size = 1u << shift;
    return 0;
}

nvme_status nvme_attached(struct nvme *nvme, uint32_t id, uint16_t *controllers, unsigned room, unsigned *count)
{
    uint8_t page[NVME_PAGE];
    nvme_status status = nvme_identify(nvme, ATTACHED, id, 0, page);

    *count = 0;
    if (status)
        return status;
    unsigned there = at16(page, 0);
    if (there > NVME_CONTROLLERS)
        return NVME_NONSENSE;
    for (; *count < there && *count < room; (*count)++)
        controllers[*count] = (uint16_t)at16(page, 2 + 2 * *count);
    return 0;
}

nvme_status nvme_attach(struct nvme *nvme, uint32_t id, uint16_t controller, bool attach)
{
    uint8_t page[NVME_PAGE] = {1, 0, (uint8_t)controller, (uint8_t)(controller >> 8)}; /* a list of one */

    return nvme_admin(nvme, (uint32_t[16]){[0] = ATTACHMENT, [1] = id, [10] = attach ? 0 : 1}, page, 0);
}

/* 5.15.2.5 */
nvme_status nvme_resources(struct nvme *nvme, struct nvme_resources *resources)
{
    uint8_t page[NVME_PAGE];
    nvme_status status = nvme_identify(nvme, PRIMARY, 0, nvme->controller_id, page);

    *resources = (struct nvme_resources){0};
    if (status)
        return status;
    resources->queues = at32(page, 32);
    resources->queues_assigned = at32(page, 36);
    resources->queues_max = (uint16_t)at16(page, 44);
    resources->interrupts = at32(page, 64);
    resources->interrupts_assigned = at32(page, 68);
    resources->interrupts_max = (uint16_t)at16(page, 76);
    return 0;
}

/* 5.15.2.6: entries of 32 bytes behind a head of 32. */
nvme_status nvme_secondaries(struct nvme *nvme, struct nvme_secondary *list, unsigned room, unsigned *count)
{
    uint8_t page[NVME_PAGE];
    nvme_status status = nvme_identify(nvme, SECONDARY, 0, 0, page);

    *count = 0;
    if (status)
        return status;
    if (page[0] > NVME_SECONDARIES)
        return NVME_NONSENSE;
    for (; *count < page[0] && *count < room; (*count)++) {
        const uint8_t *entry = page + 32 + 32 * *count;
        list[*count] = (struct nvme_secondary){.controller = (uint16_t)at16(entry, 0),
                                               .online = entry[4] & 1,
                                               .function = (uint16_t)at16(entry, 8),
                                               .queues = (uint16_t)at16(entry, 10),
                                               .interrupts = (uint16_t)at16(entry, 12)};
    }
    return 0;
}

static nvme_status manage(struct nvme *nvme, uint16_t controller, uint32_t action, uint32_t resource, uint32_t number)
{
    uint32_t given = 0,
             command[16] = {[0] = VIRTUALIZATION, [10] = action | resource << 8 | (uint32_t)controller << 16, [11] = number};
    nvme_status status = nvme_admin(nvme, command, 0, &given);

    return status == 0 && action == ASSIGN && (given & 0xffff) < number ? NVME_FEWER : status;
}

nvme_status nvme_secondary_offline(struct nvme *nvme, uint16_t controller)
{
    return manage(nvme, controller, GO_OFFLINE, 0, 0);
}

nvme_status nvme_secondary_online(struct nvme *nvme, uint16_t controller, uint16_t queues, uint16_t interrupts)
{
    nvme_status status = nvme_secondary_offline(nvme, controller); /* resources change only then, 8.5 */

    if (status == 0)
        status = manage(nvme, controller, ASSIGN, QUEUES, queues);
    if (status == 0)
        status = manage(nvme, controller, ASSIGN, INTERRUPTS, interrupts);
    return status ? status : manage(nvme, controller, GO_ONLINE, 0, 0);
}

const char *nvme_error(nvme_status status)
{
    static const struct {
        nvme_status status;
        const char *text;
    } texts[] = {
        {0, "success"},
        {NVME_FAILED, "the controller has failed"},
        {NVME_BUSY, "too many commands under way"},
        {NVME_INVALID, "not a possible request"},
        {NVME_FEWER, "the controller gave fewer resources than it was asked for"},
        {NVME_FORMAT, "formatted with metadata or in blocks of another size than 512 to 4096 bytes"},
        {NVME_NONSENSE, "what the controller says of itself cannot be true"},
        {0x001, "invalid opcode"},
        {0x002, "invalid field in the command"},
        {0x003, "command id in use"},
        {0x004, "data transfer error"},
        {0x006, "internal error"},
        {0x007, "aborted"},
        {0x00b, "invalid namespace or format"},
        {0x00c, "commands out of order"},
        {0x013, "invalid data pointer"},
        {0x01a, "invalid queue entries"},
        {0x020, "namespace is write protected"},
        {0x080, "block out of range"},
        {0x081, "capacity exceeded"},
        {0x082, "namespace not ready"},
        {0x100, "invalid completion queue"},
        {0x101, "invalid queue id"},
        {0x102, "invalid queue size"},
        {0x108, "invalid interrupt vector"},
        {0x118, "namespace is attached already"},
        {0x119, "namespace is private and attached elsewhere"},
        {0x11a, "namespace is not attached"},
        {0x11c, "invalid list of controllers"},
        {0x11f, "invalid controller id"},
        {0x120, "the secondary controller is in the wrong state"},
        {0x121, "invalid number of resources"},
        {0x122, "not so many resources are left"},
        {0x280, "write fault"},
        {0x281, "unrecovered read error"},
        {0x286, "access denied"},
    };

    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "another error";
}
