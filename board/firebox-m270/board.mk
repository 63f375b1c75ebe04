# SPDX-License-Identifier: Apache-2.0
# How the board firebox-m270 is built for. Facts about it are in board.c.

VIRT := vmx

# vtd once iommu.units is known.
IOMMU := none
