/* SPDX-License-Identifier: Apache-2.0 */
/* Control registers of the hypervisor. */
#ifndef BULKHEAD_CPU_H
#define BULKHEAD_CPU_H

/* CR0 and CR4 of this core from constants: write protection on, SMEP where present, nothing inherited. Once per core. */
void cpu_init(void);

#endif
