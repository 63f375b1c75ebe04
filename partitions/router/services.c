/* SPDX-License-Identifier: Apache-2.0 */
/* Syslog and SNTP over lwIP. */
#include "services.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <lwip/udp.h>

#include "bh.h"
#include "clock.h"
#include "link.h"
#include "relay.h"

#define ASK_FIRST_NS (8 * NAT_SECOND) /* until the time is known */
#define ASK_THEN_NS (256 * NAT_SECOND)
#define MESSAGES 16u /* that wait to be sent; further ones are on the console only */
#define MESSAGE_NS (NAT_SECOND / 10)

static struct udp_pcb *log_pcb, *relay_pcb, *ask_pcb, *serve_pcb;
static struct relay relay;
static struct message {
    size_t size;
    char line[SYSLOG_MAX];
} messages[MESSAGES];
static unsigned message_first, message_end; /* count on for ever */
static uint64_t next_message;

static struct {
    uint64_t cookie, sent, next; /* cookie 0: no question is open */
    int64_t offset;
    uint8_t stratum; /* 0: not known */
} now;

uint64_t services_now(void)
{
    return now.stratum ? bh_wall_ns() + (uint64_t)now.offset : 0;
}

/* --- messages ---------------------------------------------------------------------------------------------------------------- */

static bool datagram(struct udp_pcb *pcb, const void *bytes, size_t size, const ip_addr_t *to, uint16_t port)
{
    struct pbuf *pbuf = pbuf_alloc(PBUF_TRANSPORT, (u16_t)size, PBUF_RAM);
    bool sent = false;

    if (pbuf) {
        memcpy(pbuf->payload, bytes, size);
        sent = udp_sendto(pcb, pbuf, to, port) == ERR_OK;
        pbuf_free(pbuf);
    }
    return sent;
}

/* One message at a time: lwIP keeps a single packet for a neighbour whose hardware address it asks for. */
static void message_out(void)
{
    struct message *first = &messages[message_first % MESSAGES];
    ip_addr_t to;

    if (!log_pcb || message_first == message_end || !router.nat.address || bh_now_ns() < next_message)
        return;
    ip_addr_set_ip4_u32_val(to, lwip_htonl(router.rules.syslog));
    datagram(log_pcb, first->line, first->size, &to, router.rules.syslog_port);
    message_first++;
    next_message = bh_now_ns() + MESSAGE_NS;
}

void say(unsigned severity, const char *id, const char *format, ...)
{
    struct message *last = &messages[message_end % MESSAGES];
    char text[200];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    printf("router: %s\n", text);
    if (!router.rules.syslog || message_end - message_first == MESSAGES)
        return;
    last->size = syslog_line(last->line, severity, services_now(), bh_start_info()->name, id, text);
    message_end++;
}

bool services_waiting(void)
{
    return log_pcb && message_first != message_end && router.nat.address;
}

/* Of those inside, as it is: it names its host itself, or the log host sees ours. */
static void on_message(void *arg, struct udp_pcb *pcb, struct pbuf *pbuf, const ip_addr_t *from, u16_t port)
{
    ip_addr_t to;

    (void)arg, (void)pcb, (void)from, (void)port;
    ip_addr_set_ip4_u32_val(to, lwip_htonl(router.rules.syslog));
    if (router.nat.address && pbuf->tot_len != 0 && relay_takes(&relay, bh_now_ns()))
        udp_sendto(log_pcb, pbuf, &to, router.rules.syslog_port);
    pbuf_free(pbuf);
}

/* A log host inside needs nobody between. */
static bool start_messages(void)
{
    bool host_inside = ((router.rules.syslog ^ router.rules.inside) & router.rules.inside_mask) == 0;
    ip_addr_t here;

    if (!router.rules.syslog)
        return true;
    log_pcb = udp_new_ip_type(IPADDR_TYPE_V4);
    if (!log_pcb || host_inside)
        return log_pcb;
    ip_addr_set_ip4_u32_val(here, lwip_htonl(router.rules.inside));
    relay_pcb = udp_new_ip_type(IPADDR_TYPE_V4);
    if (!relay_pcb || udp_bind(relay_pcb, &here, SYSLOG_PORT) != ERR_OK)
        return false;
    udp_recv(relay_pcb, on_message, 0);
    return true;
}

void services_show(void)
{
    if (relay_pcb)
        printf("messages from inside passed on %llu, beyond %u a second %llu\n", (unsigned long long)relay.passed, RELAY_PER_SECOND,
               (unsigned long long)relay.dropped);
}

/* --- the time ------------------------------------------------------------------------------------------------------------------ */

static void on_answer(void *arg, struct udp_pcb *pcb, struct pbuf *pbuf, const ip_addr_t *from, u16_t port)
{
    uint8_t bytes[SNTP_SIZE], before = now.stratum;
    size_t size = pbuf_copy_partial(pbuf, bytes, sizeof(bytes), 0);

    (void)arg, (void)pcb, (void)from, (void)port;
    pbuf_free(pbuf);
    if (!now.cookie || !sntp_answer(bytes, size, now.cookie, now.sent, bh_wall_ns(), &now.offset, &now.stratum))
        return;
    now.cookie = 0;
    now.next = bh_now_ns() + ASK_THEN_NS;
    if (!before)
        say(SYSLOG_NOTICE, "time", "the time is known, stratum %u, %+lld ms by our clock", now.stratum,
            (long long)(now.offset / 1000000));
}

static void ask(void)
{
    uint8_t question[SNTP_SIZE];
    ip_addr_t to;

    now.cookie = (uint64_t)LWIP_RAND() << 32 | LWIP_RAND() | 1;
    now.sent = bh_wall_ns();
    sntp_question(question, now.cookie);
    ip_addr_set_ip4_u32_val(to, lwip_htonl(router.rules.sntp));
    datagram(ask_pcb, question, sizeof(question), &to, SNTP_PORT);
    now.next = bh_now_ns() + ASK_FIRST_NS;
}

static void on_question(void *arg, struct udp_pcb *pcb, struct pbuf *pbuf, const ip_addr_t *from, u16_t port)
{
    uint8_t bytes[SNTP_SIZE], answer[SNTP_SIZE];
    size_t size = pbuf_copy_partial(pbuf, bytes, sizeof(bytes), 0);

    (void)arg;
    pbuf_free(pbuf);
    if (sntp_serve(bytes, size, services_now(), now.stratum, answer))
        datagram(pcb, answer, sizeof(answer), from, port);
}

static bool start_time(void)
{
    ip_addr_t from, here;

    if (!router.rules.sntp)
        return true;
    ip_addr_set_ip4_u32_val(from, lwip_htonl(router.rules.sntp));
    ip_addr_set_ip4_u32_val(here, lwip_htonl(router.rules.inside));
    ask_pcb = udp_new_ip_type(IPADDR_TYPE_V4);
    serve_pcb = udp_new_ip_type(IPADDR_TYPE_V4);
    if (!ask_pcb || !serve_pcb || udp_connect(ask_pcb, &from, SNTP_PORT) != ERR_OK ||
        udp_bind(serve_pcb, &here, SNTP_PORT) != ERR_OK)
        return false;
    udp_recv(ask_pcb, on_answer, 0);
    udp_recv(serve_pcb, on_question, 0);
    return true;
}

const char *services_start(void)
{
    if (!start_messages())
        return "lwIP has no room for syslog";
    return start_time() ? 0 : "lwIP has no room for the time";
}

void services_step(void)
{
    message_out();
    if (ask_pcb && router.nat.address && !services_waiting() && bh_now_ns() >= next_message && bh_now_ns() >= now.next)
        ask();
}
