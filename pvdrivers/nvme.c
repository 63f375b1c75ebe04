/* SPDX-License-Identifier: Apache-2.0 */
/* NVM Express: the controller, its queues, reading and writing. Section numbers: NVM Express base specification, revision 1.4. */
#include "nvme.h"

#include <string.h>

#include "bh.h"
#include "bh_mmio.h"

enum { CAP = 0x00, CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ = 0x28, ACQ = 0x30, DOORBELLS = 0x1000 }; /* 3.1 */
#define CAP_QUEUE_SIZE(cap) ((uint32_t)((cap)&0xffff) + 1)
#define CAP_TIMEOUT_NS(cap) (((cap) >> 24 & 0xff) * 500000000ull)
#define CAP_STRIDE(cap) (4u << ((cap) >> 32 & 15))
#define CAP_NVM_COMMANDS (1ull << 37)
#define CAP_PAGE_LEAST(cap) ((cap) >> 48 & 15) /* 0: pages of 4 KiB are possible */
#define CC_ENABLE 1u
#define CC_SHUTDOWN (1u << 14)
#define CC_ENTRIES (6u << 16 | 4u << 20) /* 64 bytes a command, 16 a completion */
#define CSTS_READY 1u
#define CSTS_FATAL 2u
#define CSTS_SHUTDOWN_MASK 0x0cu
#define CSTS_SHUTDOWN_DONE 0x08u

enum { CREATE_SUBMISSION = 0x01, CREATE_COMPLETION = 0x05, IDENTIFY = 0x06, SET_FEATURES = 0x09 };
#define FEATURE_QUEUES 7u
#define QUEUE_CONTIGUOUS 1u
#define QUEUE_INTERRUPTS 2u
#define INVALID_VECTOR 0x108u

#define QUEUE_SIZE 64u
#define COMMAND_BYTES 64u
#define COMPLETION_BYTES 16u
#define LIST_ENTRIES (NVME_TRANSFER_MAX / NVME_PAGE) /* half a page each: none crosses into another one */
#define SHUTDOWN_NS 5000000000ull
#define COMMAND_NS 10000000000ull
#define LOOK_NS 100000ull
#define SLICE_NS 10000000ull

const char nvme_offline[] = "it is a virtual function that is offline: the owner of its physical function brings it online";

static uint32_t get(const struct nvme *nvme, unsigned offset)
{
    return bh_mmio_read32(nvme->registers + offset);
}

static uint64_t get64(const struct nvme *nvme, unsigned offset)
{
    return get(nvme, offset) | (uint64_t)get(nvme, offset + 4) << 32;
}

static void put(const struct nvme *nvme, unsigned offset, uint32_t value)
{
    bh_mmio_write32(nvme->registers + offset, value);
}

static void put64(const struct nvme *nvme, unsigned offset, uint64_t value)
{
    put(nvme, offset, (uint32_t)value);
    put(nvme, offset + 4, (uint32_t)(value >> 32));
}

/* Its memory accesses end here, whatever it thinks of CC. */
static void fail(struct nvme *nvme, const char *why)
{
    if (nvme->failed)
        return;
    nvme->failed = true;
    nvme->why = why;
    put(nvme, CC, 0);
    bh_pci_stop(nvme->pci);
}

/* Until (CSTS & bits) == value. */
static bool settled(const struct nvme *nvme, uint32_t bits, uint32_t value, uint64_t patience)
{
    uint64_t deadline = bh_now_ns() + patience;

    for (;;) {
        uint32_t status = get(nvme, CSTS);
        if (status == ~0u)
            return false;
        if ((status & bits) == value)
            return true;
        if (bh_now_ns() >= deadline || (value == CSTS_READY && status & CSTS_FATAL))
            return false;
        bh_sleep_ns(LOOK_NS);
    }
}

/* --- queues --------------------------------------------------------------------------------------------------------------------- */

static void on_interrupt(void *arg)
{
    struct nvme_queue *queue = arg;

    queue->wakes++;
}

/* Memory once, contents each time. */
static bool queue_prepare(struct nvme *nvme, struct nvme_queue *queue, uint16_t id, uint16_t size)
{
    if (!queue->submission)
        queue->submission = bh_dma_memory(QUEUE_SIZE * COMMAND_BYTES, NVME_PAGE);
    if (!queue->completion)
        queue->completion = bh_dma_memory(NVME_PAGE, NVME_PAGE);
    if (!queue->lists)
        queue->lists = bh_dma_memory(NVME_DEPTH * LIST_ENTRIES * 8, NVME_PAGE);
    if (!queue->submission || !queue->completion || !queue->lists)
        return false;
    for (unsigned i = 0; i < QUEUE_SIZE * COMPLETION_BYTES / 8; i++)
        ((volatile uint64_t *)queue->completion)[i] = 0;
    memset(queue->commands, 0, sizeof(queue->commands));
    queue->submission_bell = nvme->registers + DOORBELLS + 2ul * id * nvme->doorbell_stride;
    queue->completion_bell = queue->submission_bell + nvme->doorbell_stride;
    queue->id = id;
    queue->size = size;
    queue->tail = queue->head = queue->in_flight = 0;
    queue->phase = 1; /* 4.6: of the first round */
    queue->interrupts = false;
    queue->wakes = queue->polled = 0;
    return true;
}

/* `slot` of queue_slot(). */
static void queue_put(struct nvme *nvme, struct nvme_queue *queue, unsigned slot, const uint32_t command[16], void *token)
{
    volatile uint32_t *entry = (volatile uint32_t *)(queue->submission + queue->tail * COMMAND_BYTES);

    entry[0] = (command[0] & 0xffff) | slot << 16;
    for (unsigned i = 1; i < 16; i++)
        entry[i] = command[i];
    queue->commands[slot].busy = true;
    queue->commands[slot].token = token;
    queue->commands[slot].deadline = bh_now_ns() + nvme->timeout_ns;
    queue->in_flight++;
    queue->tail = (uint16_t)((queue->tail + 1) % queue->size);
    bh_dma_release();
    bh_mmio_write32(queue->submission_bell, queue->tail);
}

/* A command id that is free; NVME_DEPTH: none. Commands under way always leave room in both rings. */
static unsigned queue_slot(const struct nvme_queue *queue)
{
    unsigned slot = 0;

    if (queue->in_flight + 1u >= queue->size)
        return NVME_DEPTH;
    while (slot < NVME_DEPTH && queue->commands[slot].busy)
        slot++;
    return slot;
}

static uint32_t completion_word(const struct nvme_queue *queue, unsigned word)
{
    return ((const volatile uint32_t *)(queue->completion + queue->head * COMPLETION_BYTES))[word];
}

static bool queue_ready(const struct nvme_queue *queue)
{
    return (completion_word(queue, 3) >> 16 & 1) == queue->phase;
}

/* The next completion: 4.6. */
static bool queue_take(struct nvme *nvme, struct nvme_queue *queue, void **token, nvme_status *status, uint32_t *result)
{
    if (nvme->failed || !queue_ready(queue))
        return false;
    bh_dma_acquire();
    uint32_t last = completion_word(queue, 3), slot = last & 0xffff;
    if (slot >= NVME_DEPTH || !queue->commands[slot].busy || completion_word(queue, 2) >> 16 != queue->id) {
        fail(nvme, "it completed a command that it was not given");
        return false;
    }
    *result = completion_word(queue, 0);
    *status = last >> 17 & 0x7ff;
    *token = queue->commands[slot].token;
    queue->commands[slot].busy = false;
    queue->in_flight--;
    queue->head = (uint16_t)((queue->head + 1) % queue->size);
    if (queue->head == 0)
        queue->phase ^= 1;
    bh_mmio_write32(queue->completion_bell, queue->head);
    return true;
}

static const char *silence(const struct nvme *nvme)
{
    uint32_t status = get(nvme, CSTS);

    return status == ~0u ? "it does not answer any more" : status & CSTS_FATAL ? "it reports a fatal error" : 0;
}

static void queue_check_time(struct nvme *nvme, const struct nvme_queue *queue)
{
    uint64_t now = bh_now_ns();

    if (nvme->failed || queue->in_flight == 0)
        return;
    for (unsigned i = 0; i < NVME_DEPTH; i++)
        if (queue->commands[i].busy && now >= queue->commands[i].deadline)
            fail(nvme, silence(nvme) ? silence(nvme) : "it did not answer a command in time");
}

/* --- admin commands -------------------------------------------------------------------------------------------------------------- */

static nvme_status admin_run(struct nvme *nvme, uint32_t command[16], uint32_t *result)
{
    struct nvme_queue *queue = &nvme->admin;
    nvme_status status = NVME_FAILED;
    void *token;

    *result = 0;
    if (nvme->failed)
        return NVME_FAILED;
    queue_put(nvme, queue, queue_slot(queue), command, 0);
    for (unsigned looks = 0; !nvme->failed; looks++) {
        if (queue_take(nvme, queue, &token, &status, result))
            return status;
        queue_check_time(nvme, queue);
        if (looks >= 1000)
            bh_sleep_ns(LOOK_NS);
    }
    return NVME_FAILED;
}

nvme_status nvme_admin(struct nvme *nvme, const uint32_t command[16], void *data, uint32_t *result)
{
    uint32_t words[16], ignored;

    memcpy(words, command, sizeof(words));
    words[0] &= 0xff;
    memset(&words[6], 0, 16);
    if (data) {
        uint64_t address = bh_dma_address(nvme->page);
        memcpy(nvme->page, data, NVME_PAGE);
        words[6] = (uint32_t)address;
        words[7] = (uint32_t)(address >> 32);
    }
    nvme_status status = admin_run(nvme, words, result ? result : &ignored);
    if (data)
        memcpy(data, nvme->page, NVME_PAGE);
    return status;
}

nvme_status nvme_identify(struct nvme *nvme, uint8_t cns, uint32_t space, uint16_t controller, void *page)
{
    memset(page, 0, NVME_PAGE);
    return nvme_admin(nvme, (uint32_t[16]){[0] = IDENTIFY, [1] = space, [10] = cns | (uint32_t)controller << 16}, page, 0);
}

/* --- start and stop --------------------------------------------------------------------------------------------------------------- */

static const char *capabilities_read(struct nvme *nvme)
{
    uint64_t cap = get64(nvme, CAP);

    if (cap == ~0ull)
        return "it does not answer";
    if (cap == 0)
        return nvme_offline;
    if (CAP_QUEUE_SIZE(cap) < 2 || !(cap & CAP_NVM_COMMANDS) || CAP_PAGE_LEAST(cap) != 0)
        return "it has no queues, no NVM commands, or no pages of 4 KiB";
    nvme->doorbell_stride = CAP_STRIDE(cap);
    if (DOORBELLS + 2ull * nvme->doorbell_stride > nvme->registers_size)
        return "its doorbells do not lie in BAR 0";
    nvme->ready_ns = CAP_TIMEOUT_NS(cap) + 500000000ull; /* some say 0 and mean soon */
    nvme->admin.size = (uint16_t)(CAP_QUEUE_SIZE(cap) < QUEUE_SIZE ? CAP_QUEUE_SIZE(cap) : QUEUE_SIZE);
    return 0;
}

static const char *controller_start(struct nvme *nvme)
{
    uint16_t size = nvme->admin.size;

    put(nvme, CC, 0);
    if (!settled(nvme, CSTS_READY, 0, nvme->ready_ns))
        return "it cannot be switched off";
    if (!nvme->page)
        nvme->page = bh_dma_memory(NVME_PAGE, NVME_PAGE);
    if (!nvme->page || !queue_prepare(nvme, &nvme->admin, 0, size))
        return "no memory for its queues";
    bh_pci_start(nvme->pci);
    put(nvme, AQA, (size - 1u) << 16 | (size - 1u));
    put64(nvme, ASQ, bh_dma_address(nvme->admin.submission));
    put64(nvme, ACQ, bh_dma_address(nvme->admin.completion));
    put(nvme, CC, CC_ENTRIES);
    put(nvme, CC, CC_ENTRIES | CC_ENABLE);
    if (!settled(nvme, CSTS_READY, CSTS_READY, nvme->ready_ns))
        return get(nvme, CSTS) & CSTS_FATAL ? "it reports a fatal error at its start" : "it does not become ready";
    return 0;
}

/* Text of an Identify page, without the blanks at its end and what a terminal would take for a command. */
static void text_copy(char *to, const uint8_t *from, unsigned length)
{
    while (length > 0 && (from[length - 1] == ' ' || from[length - 1] == 0))
        length--;
    for (unsigned i = 0; i < length; i++)
        to[i] = from[i] >= ' ' && from[i] < 0x7f ? (char)from[i] : '?';
    to[length] = 0;
}

/* 5.15.2.2 */
static const char *controller_identify(struct nvme *nvme)
{
    uint8_t page[NVME_PAGE];
    nvme_status status = nvme_identify(nvme, 1, 0, 0, page);

    if (status)
        return nvme->failed ? nvme->why : "it does not identify itself";
    text_copy(nvme->serial, page + 4, 20);
    text_copy(nvme->model, page + 24, 40);
    text_copy(nvme->firmware, page + 64, 8);
    nvme->controller_id = (uint16_t)(page[78] | page[79] << 8);
    nvme->can_attach = page[256] & 0x08;
    nvme->namespaces_max = page[516] | (uint32_t)page[517] << 8 | (uint32_t)page[518] << 16 | (uint32_t)page[519] << 24;
    nvme->transfer_max = page[77] == 0 || page[77] > 8 ? NVME_TRANSFER_MAX : NVME_PAGE << page[77];
    if ((page[512] & 15) > 6 || page[512] >> 4 < 6 || (page[513] & 15) > 4 || page[513] >> 4 < 4)
        return "its queue entries are not of 64 and 16 bytes";
    return 0;
}

/* 5.3, 5.4: first the completion queue. An interrupt that the function has not, though its table is larger, is done without. */
static nvme_status queue_create(struct nvme *nvme, struct nvme_queue *queue, unsigned vector)
{
    uint64_t completion = bh_dma_address(queue->completion), submission = bh_dma_address(queue->submission);
    uint32_t ids = (queue->size - 1u) << 16 | queue->id, result;
    uint32_t command[16] = {[0] = CREATE_COMPLETION, [6] = (uint32_t)completion, [7] = (uint32_t)(completion >> 32), [10] = ids};

    command[11] = QUEUE_CONTIGUOUS | (queue->interrupts ? QUEUE_INTERRUPTS | vector << 16 : 0);
    nvme_status status = admin_run(nvme, command, &result);
    if (status == INVALID_VECTOR && queue->interrupts) {
        queue->interrupts = false;
        command[11] = QUEUE_CONTIGUOUS;
        status = admin_run(nvme, command, &result);
    }
    if (status)
        return status;
    memcpy(command, (uint32_t[16]){[0] = CREATE_SUBMISSION, [6] = (uint32_t)submission, [7] = (uint32_t)(submission >> 32)},
           sizeof(command));
    command[10] = ids;
    command[11] = QUEUE_CONTIGUOUS | (uint32_t)queue->id << 16;
    return admin_run(nvme, command, &result);
}

static const char *queues_create(struct nvme *nvme, unsigned queues, unsigned cores)
{
    uint32_t granted;
    uint32_t room = (uint32_t)((nvme->registers_size - DOORBELLS) / (2 * nvme->doorbell_stride)) - 1; /* doorbells in the BAR */

    if (queues > NVME_QUEUES)
        queues = NVME_QUEUES;
    if (queues > room)
        queues = room;
    nvme->queues = 0;
    if (queues == 0)
        return 0;
    uint32_t command[16] = {[0] = SET_FEATURES, [10] = FEATURE_QUEUES, [11] = (queues - 1) << 16 | (queues - 1)};
    if (admin_run(nvme, command, &granted))
        return nvme->failed ? nvme->why : "it grants no queues";
    if ((granted & 0xffff) + 1 < queues)
        queues = (granted & 0xffff) + 1;
    if ((granted >> 16) + 1 < queues)
        queues = (granted >> 16) + 1;
    for (unsigned i = 0; i < queues; i++) {
        struct nvme_queue *queue = &nvme->io[i];
        if (!queue_prepare(nvme, queue, (uint16_t)(i + 1), nvme->admin.size))
            return "no memory for its queues";
        queue->interrupts = cores > 0 && bh_pci_interrupt(nvme->pci, i, i % cores, on_interrupt, queue);
        nvme_status status = queue_create(nvme, queue, i);
        if (status)
            return nvme->failed ? nvme->why : i == 0 ? nvme_error(status) : 0; /* fewer than it said: those there are will do */
        nvme->queues++;
    }
    return 0;
}

const char *nvme_open(struct nvme *nvme, struct bh_pci *pci, unsigned queues, unsigned cores)
{
    if (nvme->pci != pci)
        *nvme = (struct nvme){.pci = pci, .timeout_ns = COMMAND_NS};
    nvme->failed = true;
    nvme->why = "BAR 0 does not hold the registers";
    nvme->queues = 0;
    nvme->registers = bh_pci_map(pci, 0, &nvme->registers_size);
    if (!nvme->registers || nvme->registers_size <= DOORBELLS)
        return nvme->why;
    nvme->failed = false;
    bh_pci_stop(pci); /* no memory access before it is known to be switched off */
    const char *wrong = capabilities_read(nvme);
    if (!wrong)
        wrong = controller_start(nvme);
    if (!wrong)
        wrong = controller_identify(nvme);
    if (!wrong)
        wrong = queues_create(nvme, queues, cores);
    if (wrong)
        fail(nvme, wrong);
    return wrong;
}

void nvme_close(struct nvme *nvme)
{
    if (!nvme->registers)
        return;
    if (!nvme->failed) {
        put(nvme, CC, CC_ENTRIES | CC_ENABLE | CC_SHUTDOWN);
        settled(nvme, CSTS_SHUTDOWN_MASK, CSTS_SHUTDOWN_DONE, SHUTDOWN_NS); /* off it goes in any case */
        put(nvme, CC, 0);
        settled(nvme, CSTS_READY, 0, nvme->ready_ns);
    }
    fail(nvme, "it has been closed");
    for (unsigned i = 0; i < nvme->queues; i++)
        bh_pci_interrupt(nvme->pci, i, 0, 0, 0);
}

/* --- input and output ---------------------------------------------------------------------------------------------------------------- */

/* 4.3: first page, then the second or the list of the others. */
static void pointers_set(uint64_t *list, uint64_t address, uint32_t bytes, uint32_t command[16])
{
    uint32_t first = NVME_PAGE - (uint32_t)(address % NVME_PAGE);
    uint64_t second = 0, next = address + first;

    if (bytes > first && bytes - first <= NVME_PAGE) {
        second = next;
    } else if (bytes > first) {
        second = bh_dma_address(list);
        for (uint32_t i = 0; i < (bytes - first + NVME_PAGE - 1) / NVME_PAGE; i++)
            list[i] = next + (uint64_t)i * NVME_PAGE;
    }
    command[6] = (uint32_t)address;
    command[7] = (uint32_t)(address >> 32);
    command[8] = (uint32_t)second;
    command[9] = (uint32_t)(second >> 32);
}

static bool is_valid(const struct nvme *nvme, enum nvme_operation operation, const struct nvme_namespace *space, uint64_t block,
                     uint32_t blocks, const void *memory)
{
    if (operation == NVME_FLUSH)
        return true;
    return blocks > 0 && blocks <= 0x10000 && block < space->blocks && blocks <= space->blocks - block &&
           (uint64_t)blocks * space->block_size <= nvme->transfer_max && bh_dma_address(memory) % 4 == 0;
}

nvme_status nvme_start(struct nvme *nvme, unsigned queue, enum nvme_operation operation, const struct nvme_namespace *space,
                       uint64_t block, uint32_t blocks, void *memory, void *token)
{
    uint32_t command[16] = {[0] = operation, [1] = space->id};

    if (nvme->failed)
        return NVME_FAILED;
    if (queue >= nvme->queues || !is_valid(nvme, operation, space, block, blocks, memory))
        return NVME_INVALID;
    struct nvme_queue *q = &nvme->io[queue];
    unsigned slot = queue_slot(q);
    if (slot == NVME_DEPTH)
        return NVME_BUSY;
    if (operation != NVME_FLUSH) {
        pointers_set(q->lists + slot * LIST_ENTRIES, bh_dma_address(memory), blocks * space->block_size, command);
        command[10] = (uint32_t)block;
        command[11] = (uint32_t)(block >> 32);
        command[12] = blocks - 1;
    }
    queue_put(nvme, q, slot, command, token);
    return 0;
}

bool nvme_done(struct nvme *nvme, unsigned queue, void **token, nvme_status *status)
{
    uint32_t result;

    if (queue >= NVME_QUEUES || !nvme->io[queue].submission)
        return false;
    struct nvme_queue *q = &nvme->io[queue];
    if (queue_take(nvme, q, token, status, &result))
        return true;
    queue_check_time(nvme, q);
    for (unsigned i = 0; nvme->failed && i < NVME_DEPTH; i++)
        if (q->commands[i].busy) {
            q->commands[i].busy = false;
            q->in_flight--;
            *token = q->commands[i].token;
            *status = NVME_FAILED;
            return true;
        }
    return false;
}

bool nvme_ready(const struct nvme *nvme, unsigned queue)
{
    return queue < nvme->queues && (nvme->failed || queue_ready(&nvme->io[queue]));
}

void nvme_wait(struct nvme *nvme, unsigned queue, uint64_t deadline)
{
    uint64_t slice = bh_now_ns() + SLICE_NS;

    if (queue >= nvme->queues)
        return;
    struct nvme_queue *q = &nvme->io[queue];
    if (deadline > slice)
        deadline = slice;
    bool were_on = bh_irq_off();
    uint64_t wakes = q->wakes;
    while (!nvme->failed && !queue_ready(q) && bh_now_ns() < deadline) {
        if (q->interrupts)
            bh_wait(deadline);
        else
            __asm__ volatile("pause");
    }
    q->polled += q->interrupts && queue_ready(q) && q->wakes == wakes && bh_now_ns() >= deadline;
    bh_irq_restore(were_on);
    if (q->in_flight > 0 && !queue_ready(q) && silence(nvme))
        fail(nvme, silence(nvme));
}

nvme_status nvme_io(struct nvme *nvme, unsigned queue, enum nvme_operation operation, const struct nvme_namespace *space,
                    uint64_t block, uint32_t blocks, void *memory)
{
    nvme_status status = nvme_start(nvme, queue, operation, space, block, blocks, memory, memory);
    void *token;

    if (status)
        return status;
    while (!nvme_done(nvme, queue, &token, &status)) /* ends: the command has its deadline */
        nvme_wait(nvme, queue, UINT64_MAX);
    return status;
}
