#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# claim.sh PROCESS: claims build/ for the make with this number, waiting while another one has it: two would read each other's
# half-written files. A claim ends with its process, however that ended; "make run" gives it up when it has built.
exec 9<"$0" # to be locked: the one file that all have, whatever becomes of build/

# A process's number and start, which together are never used again; neither for one that has ended.
life() {
    sed 's/) Z .*//' "/proc/$1/stat" 2>/dev/null | cut -s -d ' ' -f 1,22
}

me=$(life "$1")
while flock 9; owner=$(cat build/.claim 2>/dev/null); [ -n "$owner" ] && [ "$owner" != "$me" ] && [ "$owner" = "$(life "${owner% *}")" ]; do
    [ -n "$told" ] || echo "waiting for another make at work in build/, process ${owner% *}" >&2
    told=yes
    flock -u 9
    sleep 0.2
done
mkdir -p build
echo "$me" >build/.claim
echo "${me% *}"
