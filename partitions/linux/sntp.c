/* SPDX-License-Identifier: Apache-2.0 */
/* `sntp ADDRESS`: ask that host for the time (RFC 4330) and set the clock; says by how much. For an initrd without a C library: busybox of
 * Debian has no such client. */
#include <asm/unistd.h>
#include <linux/in.h>
#include <linux/socket.h>
#include <linux/time.h>
#include <linux/time_types.h>

#define STREAM_NONE 2 /* SOCK_DGRAM */
#define RECEIVE_TIMEOUT 20
#define SOCKET_LEVEL 1
#define PORT 123
#define SIZE 48
#define FROM_1900 2208988800ull

static long call(long number, long a, long b, long c, long d, long e)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    long result;

    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
    return result;
}

static void say(const char *text)
{
    long length = 0;

    while (text[length])
        length++;
    call(__NR_write, 1, (long)text, length, 0, 0);
}

static unsigned long be32(const unsigned char *at)
{
    return (unsigned long)at[0] << 24 | (unsigned long)at[1] << 16 | (unsigned long)at[2] << 8 | at[3];
}

/* In the order of the wire; 0: not an address. */
static unsigned address(const char *text)
{
    unsigned result = 0;

    for (int i = 0; i < 4; i++) {
        unsigned byte = 0;
        if (i && *text++ != '.')
            return 0;
        while (*text >= '0' && *text <= '9')
            byte = byte * 10 + (unsigned)(*text++ - '0');
        result |= (byte & 255) << 8 * i;
    }
    return *text ? 0 : result;
}

static int ask(unsigned host, unsigned char message[SIZE])
{
    struct sockaddr_in to = {.sin_family = 2, .sin_port = (PORT & 255) << 8 | PORT >> 8, .sin_addr = {host}};
    struct __kernel_old_timeval patience = {.tv_sec = 2};
    long fd = call(__NR_socket, 2, STREAM_NONE, 0, 0, 0);
    unsigned long cookie, returned;

    if (fd < 0 || call(__NR_connect, fd, (long)&to, sizeof(to), 0, 0) < 0 ||
        call(__NR_getrandom, (long)&cookie, sizeof(cookie), 0, 0, 0) != sizeof(cookie))
        return 0;
    call(__NR_setsockopt, fd, SOCKET_LEVEL, RECEIVE_TIMEOUT, (long)&patience, sizeof(patience));
    for (int i = 0; i < SIZE; i++)
        message[i] = i ? 0 : 0x23; /* version 4, a client */
    __builtin_memcpy(message + 40, &cookie, 8);
    if (call(__NR_write, fd, (long)message, SIZE, 0, 0) != SIZE || call(__NR_read, fd, (long)message, SIZE, 0, 0) != SIZE)
        return 0;
    __builtin_memcpy(&returned, message + 24, 8);
    return (message[0] & 7) == 4 && message[0] >> 6 != 3 && message[1] > 0 && message[1] < 16 && returned == cookie;
}

__attribute__((noreturn, used)) static void start(long *stack)
{
    unsigned char message[SIZE];
    unsigned host = stack[0] == 2 ? address((const char *)stack[2]) : 0;
    int status = 1;

    if (!host) {
        say("usage: sntp ADDRESS\n");
    } else if (!ask(host, message)) {
        say("sntp: no answer, or the server does not know the time\n");
    } else {
        struct __kernel_timespec now = {.tv_sec = (long)(be32(message + 40) - FROM_1900),
                                        .tv_nsec = (long)(be32(message + 44) * 1000000000 >> 32)};
        status = call(__NR_clock_settime, 0, (long)&now, 0, 0, 0) != 0;
        say(status ? "sntp: the clock cannot be set\n" : "sntp: clock set\n");
    }
    call(__NR_exit, status, 0, 0, 0, 0);
    __builtin_unreachable();
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
