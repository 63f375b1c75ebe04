/* SPDX-License-Identifier: Apache-2.0 */
/* NVM Express controllers (base specification 1.4): a physical function, or a virtual one that its owner has brought online. One admin
 * queue, polled; up to NVME_QUEUES pairs of I/O queues with an interrupt each where there are enough, 32 commands deep. A queue is for one
 * core at a time, all else for one core at all.
 *
 * Every wait is bounded. The device is not trusted: completions that match no command, and times without an answer, make the controller
 * `failed`: it is disabled, so that it touches no buffer any more, all commands end with NVME_FAILED, and nvme_open() begins anew.
 *
 * Results: 0 is success; else the status of the completion, or one of the codes below. nvme_error() says it in words. */
#ifndef NVME_H
#define NVME_H

#include "bh_pci.h"

#define NVME_CLASS 0x010802u
#define NVME_QUEUES 4u
#define NVME_DEPTH 32u
#define NVME_TRANSFER_MAX (1u << 20) /* bytes of one command; nvme->transfer_max may be less */
#define NVME_SECONDARIES 127u
#define NVME_CONTROLLERS 2047u
#define NVME_PAGE 4096u

typedef uint32_t nvme_status; /* 0; status code | status code type << 8 as completed; or: */
enum {
    NVME_FAILED = 0x10000, /* the controller has failed; nvme->why */
    NVME_BUSY,             /* NVME_DEPTH commands are under way */
    NVME_INVALID,          /* the caller's numbers: no such queue, alignment, length */
    NVME_FEWER,            /* the controller gave fewer resources than it was asked for */
    NVME_FORMAT,           /* a namespace with metadata, or in blocks that this driver has not */
    NVME_NONSENSE,         /* what the controller says of itself cannot be true */
};

struct nvme_queue {
    volatile uint8_t *submission; /* 64 bytes each */
    volatile uint8_t *completion; /* 16 bytes each */
    volatile uint8_t *submission_bell, *completion_bell;
    uint64_t *lists; /* of PRP entries, one per command */
    uint16_t id, size, tail, head, in_flight;
    uint8_t phase;
    bool interrupts;
    volatile uint64_t wakes;
    uint64_t polled; /* completions that were found although no interrupt had come: lost ones, where interrupts are on */
    struct {
        bool busy;
        void *token;
        uint64_t deadline;
    } commands[NVME_DEPTH];
};

struct nvme {
    struct bh_pci *pci;
    volatile uint8_t *registers;
    uint64_t registers_size;
    uint64_t ready_ns;        /* what CAP.TO allows */
    unsigned doorbell_stride; /* bytes */
    uint16_t controller_id;
    uint16_t queues; /* pairs for I/O that there are */
    uint32_t transfer_max;
    uint32_t namespaces_max;
    bool can_attach; /* Namespace Attachment; that there are virtual functions no bit says reliably */
    char serial[21], model[41], firmware[9];
    struct nvme_queue admin, io[NVME_QUEUES];
    void *page; /* for the admin commands' data */
    bool failed;
    const char *why;
    uint64_t timeout_ns; /* of a command: 10 s; the caller may change it */
};

struct nvme_namespace {
    uint32_t id;
    uint64_t blocks;
    uint32_t block_size; /* bytes: 512 to 4096 */
};

/* Reset the controller and start it with up to `queues` pairs; queue n interrupts core n % `cores`; `cores` 0: all is polled. 0, or what
 * went wrong. *nvme is zero the first time, `pci` lives as long. May be called again: what was under way is forgotten. */
const char *nvme_open(struct nvme *nvme, struct bh_pci *pci, unsigned queues, unsigned cores);
/* Orderly shutdown (caches written), then off. */
void nvme_close(struct nvme *nvme);
/* nvme_open() said no because it is a virtual function that nobody has brought online yet: try again later. */
extern const char nvme_offline[];
const char *nvme_error(nvme_status status);

/* Any admin command, for what this driver has no call for: its 64 bytes but for command id and data pointer, which are set here, and a page
 * of data in and out. *result: the first word of the completion. */
nvme_status nvme_admin(struct nvme *nvme, const uint32_t command[16], void *data, uint32_t *result);
/* A page of what Identify says: `cns` selects it. */
nvme_status nvme_identify(struct nvme *nvme, uint8_t cns, uint32_t space, uint16_t controller, void *page);

/* --- namespaces ---------------------------------------------------------------------------------------------------------- */
/* Ids of those attached to this controller, ascending, at most `room`; *count: how many. `allocated`: all of the subsystem (needs
 * can_attach). */
nvme_status nvme_namespaces(struct nvme *nvme, bool allocated, uint32_t *ids, unsigned room, unsigned *count);
nvme_status nvme_namespace(struct nvme *nvme, uint32_t id, struct nvme_namespace *space); /* not active: blocks 0 */
/* Controllers that namespace `id` is attached to. */
nvme_status nvme_attached(struct nvme *nvme, uint32_t id, uint16_t *controllers, unsigned room, unsigned *count);
nvme_status nvme_attach(struct nvme *nvme, uint32_t id, uint16_t controller, bool attach);

/* --- input and output ------------------------------------------------------------------------------------------------------ */
enum nvme_operation { NVME_FLUSH = 0, NVME_WRITE = 1, NVME_READ = 2 };
/* One command, to its end. `memory`: multiple of 4 bytes; blocks * block_size at most nvme->transfer_max; ignored for a flush. */
nvme_status nvme_io(struct nvme *nvme, unsigned queue, enum nvme_operation operation, const struct nvme_namespace *space,
                    uint64_t block, uint32_t blocks, void *memory);
/* The same, started only (0, or why not), and what has ended since: false: nothing. The token is the caller's. */
nvme_status nvme_start(struct nvme *nvme, unsigned queue, enum nvme_operation operation, const struct nvme_namespace *space,
                       uint64_t block, uint32_t blocks, void *memory, void *token);
bool nvme_done(struct nvme *nvme, unsigned queue, void **token, nvme_status *status);
/* Would it say that something has? Looks at memory only. */
bool nvme_ready(const struct nvme *nvme, unsigned queue);
/* Halt until something may have ended, or bh_now_ns() reaches `deadline`; at most 10 ms, so that a lost interrupt costs no more. */
void nvme_wait(struct nvme *nvme, unsigned queue, uint64_t deadline);

/* --- virtual functions, for the owner of the physical one ------------------------------------------------------------------ */
struct nvme_resources {                                                /* Identify: primary controller capabilities */
    uint32_t queues, queues_assigned, interrupts, interrupts_assigned; /* flexible ones, and how many of them secondaries have */
    uint16_t queues_max, interrupts_max;                               /* of one secondary */
};
struct nvme_secondary {
    uint16_t controller, function; /* its id; VF number, from 1 */
    bool online;
    uint16_t queues, interrupts; /* queues: the admin queue counts */
};
nvme_status nvme_resources(struct nvme *nvme, struct nvme_resources *resources);
nvme_status nvme_secondaries(struct nvme *nvme, struct nvme_secondary *list, unsigned room, unsigned *count);
/* Take it offline, give it so many queues and interrupts, bring it online. */
nvme_status nvme_secondary_online(struct nvme *nvme, uint16_t controller, uint16_t queues, uint16_t interrupts);
nvme_status nvme_secondary_offline(struct nvme *nvme, uint16_t controller);

#endif
