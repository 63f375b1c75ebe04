#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetch what an update's signature and digests are checked with, of libsodium's source: build.sh OUTDIR, which then has src/ and LICENSE.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUTDIR" >&2; exit 2; }
exec "$(dirname "$0")/../debian_source.sh" "$1" libsodium 1.0.18 d59323c6b712a1519a5daf710b68f5e7fde57040845ffec53850911f10a5d4f4 \
    '*/src/libsodium/include' '*/src/libsodium/crypto_sign/ed25519/ref10' '*/src/libsodium/crypto_core/ed25519/ref10' \
    '*/src/libsodium/crypto_hash/sha256/cp' '*/src/libsodium/crypto_hash/sha512/cp' '*/src/libsodium/crypto_verify/sodium' '*/LICENSE'
