/* SPDX-License-Identifier: Apache-2.0 */
/* Intel 82574L Gigabit Ethernet (QEMU's e1000e): one receive and one transmit ring, one MSI-X vector, one core at a time.
 *
 * Buffers are the caller's, so that a network stack's own can be used without a copy:
 *   receive   e1000e_give() a buffer of E1000E_BUFFER bytes with a token; e1000e_receive() hands the token back with a frame in it, and
 *             the buffer is the caller's again. Give one for each taken, or the ring runs dry.
 *   send      e1000e_send() a frame in up to E1000E_PIECES pieces with a token; they must stay as they are until e1000e_sent() hands the
 *             token back.
 * The device is not trusted: what it says of lengths and ends is checked, and addresses are kept where it cannot write.
 *
 * A loop without lost wake-ups:
 *     for (;;) {
 *         while (e1000e_receive(nic, &frame)) ...;
 *         while ((token = e1000e_sent(nic))) ...;
 *         bh_irq_off();
 *         if (e1000e_arm(nic)) bh_wait(deadline);      // nothing has come meanwhile
 *         bh_irq_restore(true);
 *     }
 * and about once a second e1000e_check(). */
#ifndef E1000E_H
#define E1000E_H

#include "bh_pci.h"

#define E1000E_VENDOR 0x8086u
#define E1000E_ID 0x10d3u
#define E1000E_BUFFER 2048u    /* bytes of a receive buffer */
#define E1000E_FRAME_MAX 1518u /* that is sent or received, without checksum; with a VLAN tag */
#define E1000E_RECEIVE 256u    /* descriptors; one stays empty */
#define E1000E_TRANSMIT 256u
#define E1000E_PIECES 16u
#define E1000E_GROUPS 32u /* multicast addresses at a time; more open the filter for all */

struct e1000e_frame {
    void *token, *buffer;
    uint16_t length;
    bool ip_checked, tcp_checked; /* the device found the IPv4 header's, the TCP or UDP checksum right */
};

struct e1000e_piece {
    const void *bytes;
    uint16_t length;
};

struct e1000e_statistics {
    uint64_t received, received_bytes, sent, sent_bytes;
    uint64_t missed;  /* frames that found no buffer */
    uint64_t bad;     /* checksum, length or symbol errors on the wire */
    uint64_t refused; /* descriptors that the driver did not believe: no end, too short, too long */
    uint64_t no_room; /* e1000e_send() said no */
    uint64_t interrupts, link_changes, stalls;
};

struct e1000e {
    struct bh_pci *pci;
    volatile uint8_t *registers;
    uint64_t registers_size;
    volatile struct e1000e_receive_descriptor *receive;
    volatile struct e1000e_transmit_descriptor *transmit;
    void *receive_token[E1000E_RECEIVE], *receive_buffer[E1000E_RECEIVE];
    void *transmit_token[E1000E_TRANSMIT]; /* with a frame's last descriptor */
    bool transmit_last[E1000E_TRANSMIT];
    unsigned receive_head, receive_tail, transmit_head, transmit_tail; /* head: next that the device finishes; tail: next free */
    unsigned receive_told;                                             /* tail as the device knows it */
    bool skipping;                                                     /* the rest of a frame that was too long */
    bool want_room;
    uint64_t progress_ns; /* when a transmit descriptor was last finished, or the ring was last empty */
    uint8_t mac[6];
    bool link;
    uint16_t speed; /* Mbit/s */
    bool full_duplex;
    unsigned group_count;
    bool all_groups;
    struct {
        uint8_t mac[6];
        uint16_t users;
    } groups[E1000E_GROUPS];
    struct e1000e_statistics statistics;
    volatile bool woken; /* an interrupt came since e1000e_arm() */
    void (*wake)(void *arg);
    void *wake_arg;
};

/* Reset the device and start it without receive buffers. Its interrupt goes to `core` and calls wake(arg) (0: it only wakes the core). 0,
 * or what went wrong. *nic is zero the first time, `pci` lives as long; about 2 ms. To begin anew: e1000e_close(), e1000e_leftover() until
 * there is none, e1000e_open(); groups and statistics stay. */
const char *e1000e_open(struct e1000e *nic, struct bh_pci *pci, unsigned core, void (*wake)(void *arg), void *arg);
/* Stop it: it touches no memory any more. Buffers and tokens are the caller's again; those that the rings held come one by one. */
void e1000e_close(struct e1000e *nic);
void *e1000e_leftover(struct e1000e *nic); /* after e1000e_close(): the next such token, 0: no more */

bool e1000e_give(struct e1000e *nic, void *buffer, void *token); /* token not 0. False: the ring is full */
bool e1000e_receive(struct e1000e *nic, struct e1000e_frame *frame);

/* token not 0. False: no room now (e1000e_arm() then wakes when there is), or not a frame: no bytes, more than E1000E_FRAME_MAX. Short ones
 * are padded by the device. */
bool e1000e_send(struct e1000e *nic, const struct e1000e_piece *pieces, unsigned count, void *token);
void *e1000e_sent(struct e1000e *nic); /* token of the next frame that has left; 0: none */

/* Allow the next interrupt. True: nothing waits to be received, and no e1000e_send() that found no room could be tried again: halting until
 * it comes is right. */
bool e1000e_arm(struct e1000e *nic);
/* Link state and the device's counters into nic->statistics. False: a frame has waited two seconds to leave although there is a link, or the
 * device does not answer: close it and open it again. */
bool e1000e_check(struct e1000e *nic);

/* Receive frames for this multicast address; or no longer, after as many calls. */
void e1000e_group_join(struct e1000e *nic, const uint8_t mac[6]);
void e1000e_group_leave(struct e1000e *nic, const uint8_t mac[6]);

#endif
