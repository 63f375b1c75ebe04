# SPDX-License-Identifier: Apache-2.0
# How the board apu2 is built for. Facts about it are in board.c.

VIRT := svm

# amdvi once iommu.units is known.
IOMMU := none
