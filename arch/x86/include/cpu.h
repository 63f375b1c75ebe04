/* SPDX-License-Identifier: Apache-2.0 */
/* Control registers of the hypervisor, and machine checks. */
#ifndef BULKHEAD_CPU_H
#define BULKHEAD_CPU_H

#include "types.h"

/* CR0 and CR4 of this core from constants: write protection on, SMEP where present, nothing inherited. Once per core. */
void cpu_init(void);

/* --- machine checks, SDM3 15 --- */
/* Have machine checks delivered: CR4.MCE and all banks on. Once per core. */
void machine_check_init(void);

#endif
