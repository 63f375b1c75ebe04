#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Build newlib for unikernels from Debian's newlib-source: build.sh OUTDIR. Takes about a minute, once; OUTDIR then has
# include/ and lib/. A stamp with the recipe's and the source's digests says when it must be built again. What is not finished
# is never taken for finished: everything happens beside OUTDIR, which appears at the end in one rename.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUTDIR" >&2; exit 2; }
mkdir -p "$(dirname "$1")"
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
script=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
cc=${CC_FOR_NEWLIB:-gcc}

source=
for candidate in /usr/src/newlib/newlib-*.tar.xz; do
    [ -f "$candidate" ] && source=$candidate
done
[ -n "$source" ] || { echo "newlib: no /usr/src/newlib/newlib-*.tar.xz: install the Debian package newlib-source" >&2; exit 1; }

# One builder at a time; a second one waits and then finds the work done.
exec 9>"$out.lock"
flock 9

stamp=$( { cat "$script"; sha256sum <"$source"; "$cc" -dumpfullversion; } | sha256sum | cut -d' ' -f1)
if [ "$(cat "$out/stamp" 2>/dev/null || true)" = "$stamp" ]; then
    touch "$out/stamp" # so that make sees the target as up to date
    exit 0
fi

work=$out.work
rm -rf "$work" "$out"
mkdir -p "$work/src" "$work/build"
echo "newlib: unpacking $(basename "$source")"
tar -xf "$source" -C "$work/src" --strip-components=1

# Small code model: programs are linked at 1 MiB. No red zone: interrupts are taken on the running stack.
flags="-O2 -ffreestanding -fno-pie -fno-stack-protector -fcf-protection=none -mno-red-zone -mcmodel=small
    -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -D_READ_WRITE_RETURN_TYPE=_ssize_t
    -ffile-prefix-map=$work/src=newlib -ffile-prefix-map=$work/build=newlib -w"
flags=$(echo $flags)

# Run one step with its output in a log, which is shown when the step fails.
step() {
    echo "newlib: $1"
    shift
    if ! "$@" >>"$work/log" 2>&1 9>&-; then
        tail -n 30 "$work/log" >&2
        echo "newlib: failed; the whole log is in $work/log" >&2
        exit 1
    fi
}

cd "$work/build"
step "configuring" ../src/configure --target=x86_64-elf --prefix="$work/prefix" --disable-multilib --disable-nls \
    --disable-libgloss --disable-newlib-supplied-syscalls --enable-newlib-io-long-long --enable-newlib-io-c99-formats \
    --enable-newlib-retargetable-locking --disable-dependency-tracking MAKEINFO=true CC_FOR_TARGET="$cc" \
    AR_FOR_TARGET=ar RANLIB_FOR_TARGET=ranlib AS_FOR_TARGET=as LD_FOR_TARGET=ld NM_FOR_TARGET=nm \
    READELF_FOR_TARGET=readelf STRIP_FOR_TARGET=strip OBJDUMP_FOR_TARGET=objdump CFLAGS_FOR_TARGET="$flags"
step "compiling (about a minute)" env -u MAKEFLAGS -u MAKELEVEL make -j2 all-target-newlib
step "installing" env -u MAKEFLAGS -u MAKELEVEL make install-target-newlib

mkdir "$work/result"
mv "$work/prefix/x86_64-elf/include" "$work/prefix/x86_64-elf/lib" "$work/result/"
cp "$work/src/COPYING.NEWLIB" "$work/result/"
echo "$stamp" >"$work/result/stamp"
mv "$work/result" "$out"
cd /
rm -rf "$work"
echo "newlib: done"
