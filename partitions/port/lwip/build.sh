#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetch lwIP's source from Debian's archive: build.sh OUTDIR. Takes seconds, once; OUTDIR then has src/ and COPYING. apt checks the
# signatures; the digest below says that it is the very source this port was written for. Debian's own changes are for its shared
# library and are left out. No root is needed, and the system's package lists stay as they are.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUTDIR" >&2; exit 2; }
version=2.1.3
digest=0a8276d09fc4e97bbba2f953d74af2388fc2195ea156be9d7589e297a68fde24
mkdir -p "$(dirname "$1")"
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")

# One at a time; a second one waits and then finds the work done.
exec 9>"$out.lock"
flock 9
if [ "$(cat "$out/stamp" 2>/dev/null || true)" = "$version $digest" ]; then
    touch "$out/stamp" # so that make sees the target as up to date
    exit 0
fi

work=$out.work
fail() {
    echo "lwip: $*" >&2
    exit 1
}
rm -rf "$work" "$out"
mkdir -p "$work/sources" "$work/lists/partial" "$work/cache/archives/partial" "$work/download" "$work/result"

# The machine's own sources, asked for source packages, in a place of their own. Both forms that apt knows.
for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] && sed 's/^Types:.*/Types: deb-src/' "$file" >"$work/sources/$(basename "$file")"
done
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] && sed -n 's/^deb\(-src\)\{0,1\} /deb-src /p' "$file" >"$work/sources/$(basename "$file" .list).list"
done
apt() {
    apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/sources" -o Dir::State::lists="$work/lists" \
        -o Dir::Cache="$work/cache" -o APT::Sandbox::User= -o APT::Get::List-Cleanup=false "$@" >"$work/log" 2>&1 9>&-
}
echo "lwip: fetching the source of $version"
apt update || fail "no list of source packages: $(tail -n 1 "$work/log")"
(cd "$work/download" && apt source --download-only lwip) || fail "no source package: $(tail -n 1 "$work/log")"
archive=$(ls "$work/download/lwip_$version"*.orig.tar.xz 2>/dev/null) || fail "the archive has another version than $version: $(ls "$work/download")"
[ "$(sha256sum <"$archive" | cut -d' ' -f1)" = "$digest" ] || fail "$(basename "$archive") is not the source that this port was written for"
tar -xmf "$archive" -C "$work/result" --strip-components=1 --wildcards '*/src/core' '*/src/include' '*/src/netif/ethernet.c' '*/COPYING'
echo "$version $digest" >"$work/result/stamp"
mv "$work/result" "$out"
rm -rf "$work"
