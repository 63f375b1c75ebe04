/* SPDX-License-Identifier: Apache-2.0 */
/* No virtio port anywhere; how often somebody has asked. Linked with fake_port.c. */
#ifndef BULKHEAD_FAKE_PORT_H
#define BULKHEAD_FAKE_PORT_H

#include "port.h"

extern struct fake_port {
    unsigned starts, serves, wakes, ticks;
} fake_port;

#endif
