#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetch a source from Debian's archive: debian_source.sh OUTDIR PACKAGE VERSION DIGEST PATTERN..., PATTERN: what of the archive is kept, below
# its first folder. Takes seconds, once. apt checks the signatures; the digest says that it is the very source that a port was written for.
# Debian's own changes are left out. No root is needed, and the system's package lists stay as they are.
set -eu

[ $# -ge 5 ] || { echo "usage: $0 OUTDIR PACKAGE VERSION DIGEST PATTERN..." >&2; exit 2; }
mkdir -p "$(dirname "$1")"
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
package=$2 version=$3 digest=$4
shift 4

# One at a time; a second one waits and then finds the work done.
exec 9>"$out.lock"
flock 9
if [ "$(cat "$out/stamp" 2>/dev/null || true)" = "$version $digest" ]; then
    touch "$out/stamp" # so that make sees the target as up to date
    exit 0
fi

work=$out.work
fail() {
    echo "$package: $*" >&2
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
        -o Dir::Cache="$work/cache" -o APT::Sandbox::User= -o APT::Get::List-Cleanup=false -o APT::Update::Error-Mode=any "$@" >"$work/log" 2>&1 9>&-
}
echo "$package: fetching the source of $version"
apt update || fail "no list of source packages; is there a network? $(tail -n 1 "$work/log")"
(cd "$work/download" && apt source --download-only "$package") || fail "no source package: $(tail -n 1 "$work/log")"
archive=$(ls "$work/download/${package}_$version"*.orig.tar.?z 2>/dev/null) || fail "the archive has another version than $version: $(ls "$work/download")"
[ "$(sha256sum <"$archive" | cut -d' ' -f1)" = "$digest" ] || fail "$(basename "$archive") is not the source that this port was written for"
tar -xmf "$archive" -C "$work/result" --strip-components=1 --wildcards "$@"
echo "$version $digest" >"$work/result/stamp"
mv "$work/result" "$out"
rm -rf "$work"
