#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetch lwIP's source: build.sh OUTDIR, which then has src/ and COPYING. Debian's own changes are for its shared library.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUTDIR" >&2; exit 2; }
exec "$(dirname "$0")/../debian_source.sh" "$1" lwip 2.1.3 0a8276d09fc4e97bbba2f953d74af2388fc2195ea156be9d7589e297a68fde24 \
    '*/src/core' '*/src/include' '*/src/netif/ethernet.c' '*/COPYING'
