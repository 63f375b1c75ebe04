#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mkimage.sh FOLDER IMAGE: the survey's bootable image (CD, or raw on a USB stick; GRUB for BIOS and UEFI) of the two programs in FOLDER.
set -eu
folder=$1
image=$2
tree=$folder/iso
rm -rf "$tree"
mkdir -p "$tree/boot/grub"
cp "$(dirname "$0")/grub.cfg" "$tree/boot/grub/"
for name in survey serial; do
    objcopy --strip-debug "$folder/$name.elf" "$tree/boot/$name.elf"
done
if ! grub-mkrescue -o "$image.new" "$tree" >"$folder/grub-mkrescue.log" 2>&1; then
    cat "$folder/grub-mkrescue.log" >&2
    exit 1
fi
rm -rf "$tree"
mv "$image.new" "$image"
