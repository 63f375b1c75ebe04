/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel whose only purpose is to be a bad driver of virtio ports. machine.c: console, time, interrupts, PCI; driver.c: a driver as it
 * should be; rogue.c: what it does instead. */
#ifndef ROGUE_H
#define ROGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAM_SIZE 0x8000000u /* as its product has it: 128 MiB, the least that a Linux may have */
#define VECTOR_TICK 0x40u
#define VECTOR_PORT 0x50u
#define TICKS_PER_SECOND 100u

extern volatile uint32_t interrupts[256];

void machine_start(void);
void say(const char *format, ...); /* %s %u %x %c, nothing else */
bool line_read(char *line, unsigned size);
uint32_t apic_id(void);
uint32_t ticks(void);
void wait_ticks(uint32_t count);
uint32_t random32(void);
void out8(uint16_t port, uint8_t value);
void out16(uint16_t port, uint16_t value);
void out32(uint16_t port, uint32_t value);
uint32_t in(uint16_t port, unsigned size);
uint32_t config_read(unsigned slot, unsigned at);
void config_write(unsigned slot, unsigned at, uint32_t value);

/* --- driver.c --- */
#define ENTRIES 64u
#define BUFFER 2048u
#define DESCRIPTOR_NEXT 1u
#define DESCRIPTOR_WRITE 2u
#define STATUS_RUNS 0x0fu
#define STATUS_BROKEN 0x40u
enum {
    AT_SHOWN_SELECT = 0x00,
    AT_TAKEN_SELECT = 0x08,
    AT_TAKEN = 0x0c,
    AT_CONFIG_VECTOR = 0x10,
    AT_STATUS = 0x14,
    AT_SELECT = 0x16,
    AT_SIZE = 0x18,
    AT_VECTOR = 0x1a,
    AT_ENABLE = 0x1c,
    AT_AREAS = 0x20,
    AT_NOTIFY = 0x38,
    AT_DEVICE = 0x40
};

struct descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};
struct queue {
    struct descriptor descriptors[ENTRIES];
    struct {
        uint16_t flags, index, entries[ENTRIES], event;
    } available;
    struct {
        uint16_t flags, index;
        struct {
            uint32_t head, size;
        } entries[ENTRIES];
        uint16_t event;
    } used __attribute__((aligned(4)));
    uint16_t looked_at; /* of used.index */
    uint8_t buffers[ENTRIES][BUFFER];
} __attribute__((aligned(16)));
struct port {
    unsigned slot;
    uint16_t registers;
    volatile uint32_t *messages; /* page of MSI-X */
    bool net;
    uint8_t mac[6];
    volatile struct queue *queues; /* two */
};
#define PORTS 4u
extern struct port ports[PORTS];
extern unsigned port_count;

void ports_find(void);
/* Reset, agree on features, open the queues, run; vectors as these, 0xffff for none. */
void port_open(struct port *port, uint16_t vector);
void port_areas(struct port *port, unsigned queue, uint64_t descriptors, uint64_t available, uint64_t used);
uint32_t port_status(const struct port *port);
void notify(struct port *port, unsigned queue);
/* Put the chain that begins at this descriptor. */
void give(struct port *port, unsigned queue, uint16_t head);
/* The next one that comes back, in so many ticks. False: none. */
bool take(struct port *port, unsigned queue, uint32_t patience, uint32_t *head, uint32_t *size);
/* A frame, or a request of a disk, there and back; the answer's status, or above 0xff: none. */
bool frame_there_and_back(struct port *port);
uint32_t request(struct port *port, uint32_t type, uint32_t sector, uint32_t fill);

#endif
