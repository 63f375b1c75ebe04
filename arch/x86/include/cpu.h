/* SPDX-License-Identifier: Apache-2.0 */
/* Control registers of the hypervisor, and machine checks. */
#ifndef BULKHEAD_CPU_H
#define BULKHEAD_CPU_H

#include "types.h"

/* CR0 and CR4 of this core from constants: write protection on, SMEP where present, nothing inherited. Once per core. */
void cpu_init(void);

/* --- machine checks, SDM3 15 --- */
/* This core's banks say that what runs here may go on: the processor context is whole and the return address valid. Clears the
 * status of the banks it has looked at. Callable from the #MC handler. */
bool machine_check_survivable(void);
/* Have machine checks delivered: CR4.MCE and all banks on. Once per core. */
void machine_check_init(void);

#endif
