/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler and the C library, as lwIP wants to know them. Also compiled on the host, for tests. */
#ifndef BH_LWIP_CC_H
#define BH_LWIP_CC_H

#include <errno.h>
#include <limits.h>
#include <sys/types.h>

#include "net_random.h"

#define LWIP_NO_UNISTD_H 1 /* sys/types.h has ssize_t */
#ifndef SSIZE_MAX
#define SSIZE_MAX LONG_MAX
#endif
#define LWIP_ERRNO_STDINCLUDE 1
#define LWIP_RAND() net_random()

#endif
