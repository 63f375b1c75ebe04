#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An initial RAM disk with further files: Linux unpacks one archive after the other. The same files make the same bytes.
#
#   more.sh INITRD OUT PLACE=FILE...    what is to lie below bin/ may be run
set -eu

[ $# -ge 3 ] || { echo "usage: more.sh INITRD OUT PLACE=FILE..." >&2; exit 2; }
initrd=$1 out=$2
shift 2
tree=$out.tree
rm -rf "$tree"
mkdir "$tree"
for word; do
    mkdir -p "$tree/$(dirname "${word%%=*}")"
    cp "${word#*=}" "$tree/${word%%=*}"
done
chmod -R u=rwX,go=rX "$tree"
find "$tree" -type f ! -path "$tree/bin/*" -exec chmod 644 {} +
[ ! -d "$tree/bin" ] || chmod 755 "$tree/bin/"*
find "$tree" -exec touch -h -d @0 {} +
{
    cat "$initrd"
    (cd "$tree" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0) | gzip -n -9
} >"$out.new"
mv "$out.new" "$out"
rm -rf "$tree"
