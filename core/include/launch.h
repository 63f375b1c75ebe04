/* SPDX-License-Identifier: Apache-2.0 */
/* The portable part of the launch; arch/x86/boot/boot.c has the list. Boot processor only, before any partition runs. */
#ifndef BULKHEAD_LAUNCH_H
#define BULKHEAD_LAUNCH_H

#include <stdbool.h>

/* The launch begins: from here on its phases are timed. */
void launch_begin(void);
/* First line: what this image is. */
void launch_banner(void);
/* All payloads against the plan's SHA-256; prints one line for each that differs. False: the launch is to be refused. */
bool launch_verify_payloads(void);
/* A phase of the launch has ended: remembered, and printed in one line by launch_phases(), in TSC ticks. */
void launch_phase(const char *name);
void launch_phases(void);
/* Ask every partition that starts at boot to start: takes effect when its core enters its run loop. */
void launch_start_partitions(void);

#endif
