/* SPDX-License-Identifier: Apache-2.0 */
/* Ports that an unmodified guest may touch: one table (devices.c). Everything else reads ones and drops writes. */
#ifndef BULKHEAD_DEVICES_H
#define BULKHEAD_DEVICES_H

#include "partition.h"

/* Ports of the virtual platform, named in the generated ACPI tables. Values: ACPI 6.4, 4.8.3.7. */
#define PORT_SLEEP_CONTROL 0x600u
#define PORT_SLEEP_STATUS 0x601u
#define PORT_RESET 0x602u
#define RESET_VALUE 1u
#define SLEEP_TYPE_S5 5u
#define PORT_RTC_INDEX 0x70u
#define PORT_RTC_DATA 0x71u
#define PORT_PIT2 0x42u
#define PORT_IB700_STOP 0x441u
#define PORT_IB700_START 0x443u

/* One access of size 1, 2 or 4. False: denied (the caller counts it; a read then gives ones). Takes the gate. */
bool device_read(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t *value);
bool device_write(struct vcpu *vcpu, uint16_t u_port, unsigned size, uint32_t u_value);
/* True if some row names a port in [port, port + size): for the audit and the tests. */
bool device_present(enum image_kind kind, uint16_t port, unsigned size);
/* At a (re)start. */
void devices_reset(struct partition *partition);

#endif
