#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debian's own kernel and a small initial RAM disk for the demo's Linux partition.
#
#   build.sh OUTDIR    writes OUTDIR/kernel (bzImage), OUTDIR/initrd (gzipped cpio), OUTDIR/version (package and version),
#                      OUTDIR/modules/ and OUTDIR/installer-modules, the names of those that the installer's stick loads
#
# The kernel is what Debian's linux-image-amd64 depends on today, fetched by apt without root into OUTDIR and kept there:
# with all in place nothing is fetched again (remove OUTDIR/version to update). The initrd has the same bytes for the same
# kernel, busybox and scripts, whenever and wherever it is made.
set -eu

[ $# = 1 ] || { echo "usage: build.sh OUTDIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
busybox=/bin/busybox
# What the init scripts may load; of those for the disk and for virtio ports each after the ones it needs.
disk_modules="crc64 crc64-rocksoft crct10dif_common crc-t10dif t10-pi nvme-core nvme crc16 crc32c_generic mbcache jbd2 ext4"
port_modules="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover net_failover virtio_net virtio_blk"
modules="ib700wdt $disk_modules $port_modules"
# What the installer's stick loads besides, for disks and keyboards of boxes (config/installer/); also in order.
installer_modules="crc64 crc64-rocksoft crct10dif_common crc-t10dif t10-pi nvme-core nvme scsi_common scsi_mod sd_mod libata libahci ahci \
    mmc_core cqhci sdhci sdhci-pci sdhci-acpi mmc_block usb-common usbcore xhci-hcd xhci-pci ehci-hcd ehci-pci hid usbhid hid-generic"

fail() {
    echo "linux: $*" >&2
    exit 1
}

for tool in apt-get apt-cache dpkg-deb cpio gzip; do
    command -v $tool >/dev/null || fail "$tool is not installed"
done
"$busybox" true 2>/dev/null || fail "$busybox does not run: install busybox-static"
! ldd "$busybox" >/dev/null 2>&1 || fail "$busybox is not static: install busybox-static instead of busybox"

fetch() {
    package=$(apt-cache depends --important linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*-amd64\)$/\1/p' | head -n 1)
    [ -n "$package" ] || fail "no package linux-image-amd64 is known: run apt-get update"
    rm -rf "$out/fetch" "$out/root"
    mkdir "$out/fetch"
    echo "linux: fetching $package"
    (cd "$out/fetch" && apt-get download -qq "$package" 2>"$out/fetch/errors") ||
        fail "cannot fetch $package: $(tail -n 1 "$out/fetch/errors"); run apt-get update"
    deb=$(ls "$out/fetch/"*.deb)
    dpkg-deb -x "$deb" "$out/root"
    echo "$package $(dpkg-deb -f "$deb" Version)" >"$out/version.new"
    cp "$out/root/boot/vmlinuz-"* "$out/kernel.new"
    rm -rf "$out/modules"
    mkdir "$out/modules"
    for module in $modules $installer_modules; do
        find "$out/root/" -name "$module.ko" -exec cp {} "$out/modules/" \;
        [ -s "$out/modules/$module.ko" ] || fail "$package has no module $module"
    done
    rm -rf "$out/fetch" "$out/root"
    mv "$out/kernel.new" "$out/kernel"
    mv "$out/version.new" "$out/version"
}

have_all() {
    for file in version kernel $(printf 'modules/%s.ko ' $modules $installer_modules); do
        [ -s "$out/$file" ] || return 1
    done
}

# Everything a file in the archive shows is fixed: order, owner, times, inode numbers, gzip header.
pack() {
    tree=$out/tree
    rm -rf "$tree"
    mkdir -p "$tree/bin" "$tree/dev" "$tree/etc" "$tree/proc" "$tree/root" "$tree/run" "$tree/sys" "$tree/tmp" "$tree/disk" "$tree/lib/modules"
    cp "$busybox" "$tree/bin/busybox"
    "$busybox" --list | while read -r applet; do
        [ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"
    done
    (cd "$out/modules" && cp $(printf '%s.ko ' $modules) "$tree/lib/modules/")
    echo "$disk_modules" >"$tree/lib/modules/disk"
    echo "$port_modules" >"$tree/lib/modules/ports"
    gcc -Os -static -nostdlib -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -Wall -Wextra -Werror -s \
        -Wl,--build-id=none,-z,noexecstack -o "$tree/bin/sntp" "$here/sntp.c" || fail "sntp.c does not compile"
    cp "$here/init" "$tree/init"
    cp "$here/disk" "$here/fetch" "$here/ports" "$tree/bin/"
    cp "$here/inittab" "$here/rc" "$here/profile" "$tree/etc/"
    chmod -R u=rwX,go=rX "$tree"
    chmod 755 "$tree/init" "$tree/etc/rc" "$tree/bin/busybox" "$tree/bin/disk" "$tree/bin/fetch" "$tree/bin/ports" "$tree/bin/sntp"
    find "$tree" -exec touch -h -d @0 {} +
    (cd "$tree" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0) | gzip -n -9 >"$out/initrd.new"
    mv "$out/initrd.new" "$out/initrd"
    rm -rf "$tree"
}

have_all || fetch
pack
echo $installer_modules >"$out/installer-modules"
touch "$out/kernel" # newer than these scripts, as make wants it
echo "linux: $(cat "$out/version"), initrd $(wc -c <"$out/initrd") bytes"
