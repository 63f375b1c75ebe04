/* SPDX-License-Identifier: Apache-2.0 */
/* What a target links and never reaches; in the unit tests the test itself has it. */
#include "vcpu.h"

void vcpu_breathe(void)
{
}
