/* SPDX-License-Identifier: Apache-2.0 */
/* What holds of the machine's PCI functions whatever their owners do. */
#ifndef FUZZ_FUNCTIONS_H
#define FUZZ_FUNCTIONS_H

#include <stddef.h>
#include <stdint.h>

/* Ends the program where a bit of a configuration space has changed that no owner may change, or an entry of MSI-X or MSI that is not
 * masked has another message than its entry of the IOMMU. */
void fuzz_functions_promises(void);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
