/* SPDX-License-Identifier: Apache-2.0 */
/* Machine checks. SDM3 15. */
#ifndef BULKHEAD_MACHINE_CHECK_H
#define BULKHEAD_MACHINE_CHECK_H

#include "types.h"

/* This core's banks say that what runs here may go on: the processor context is whole and the return address valid. Clears the
 * status of the banks it has looked at. Callable from the #MC handler. */
bool machine_check_survivable(void);
/* Have machine checks delivered: CR4.MCE and all banks on. Once per core. */
void machine_check_init(void);

#endif
