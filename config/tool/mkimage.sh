#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mkimage.sh FOLDER IMAGE: a bootable image (CD, or raw on a disk or USB stick; GRUB for BIOS and UEFI) of what the build left in FOLDER:
# bulkhead.elf, grub.cfg and payloads/. Symbols for the debugger stay behind.
set -eu
folder=$1
image=$2
tree=$folder/iso
rm -rf "$tree"
mkdir -p "$tree/boot/grub"
cp "$folder/grub.cfg" "$tree/boot/grub/"
cp "$folder"/payloads/*.img "$tree/boot/"
objcopy --strip-debug "$folder/bulkhead.elf" "$tree/boot/bulkhead.elf"
if ! grub-mkrescue -o "$image.new" "$tree" >"$folder/grub-mkrescue.log" 2>&1; then
    cat "$folder/grub-mkrescue.log" >&2
    exit 1
fi
rm -rf "$tree"
mv "$image.new" "$image" # one that is running keeps what it has
