#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Are all Debian packages of config/packages.txt here? If not: `deps.sh install` installs them as root or by passwordless sudo,
# after printing their names; otherwise, and with `deps.sh print`, the command to type is printed and the status is 1.
set -eu
list=$(dirname "$0")/../packages.txt
wanted=$(sed 's/#.*//' "$list" | tr -s ' \t\n' ' ')

# "name status" of each that dpkg knows; what is not "installed" is missing.
present=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null | sed -n 's/ installed$//p' | tr '\n' ' ') || true
missing=
for package in $wanted; do
    case " $present " in
    *" $package "*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

command="apt-get install --yes --no-install-recommends$missing"
echo "missing Debian packages:$missing" >&2
if [ "${1:-print}" = install ]; then
    if [ "$(id -u)" = 0 ]; then
        sudo=
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo="sudo -n"
    else
        sudo=none
    fi
    if [ "$sudo" != none ]; then
        echo "installing them" >&2
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get update --quiet=2 >&2
        $sudo env DEBIAN_FRONTEND=noninteractive $command --quiet >&2
        exit 0
    fi
fi
echo "install them with:" >&2
echo "    sudo $command" >&2
exit 1
