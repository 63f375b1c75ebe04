#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Print every C file and header of the tree, for the formatter and the style checks.
cd "$(dirname "$0")/../.." && find arch board config core partitions pvdrivers tests -name '*.[ch]' | sort
