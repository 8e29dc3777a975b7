#!/bin/sh
# apt.sh LIST…: installs the packages named in the lists as far as they are missing. Without root it says who must do what.
set -eu

fail() { echo "hubgate: $1" >&2; exit 1; }

wanted=$(sed -e 's/#.*//' "$@" | tr '\n' ' ')
command -v dpkg-query >/dev/null || fail "this is no Debian: install what corresponds to $wanted and start nginx, gateway and spawner by hand"

missing=''
for package in $wanted; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true) in
        *' installed') ;;
        *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

[ "$(id -u)" = 0 ] || fail "packages are missing. An administrator must run: apt-get update && apt-get install -y --no-install-recommends$missing"
echo "hubgate: installing packages:$missing (some minutes)"
# apt's own lines are the progress; its questions are answered by the packages' defaults.
export DEBIAN_FRONTEND=noninteractive
apt-get -o Dpkg::Use-Pty=0 -q update || fail "apt-get update failed: look at /etc/apt/sources.list and the network"
# shellcheck disable=SC2086 # a list of words
apt-get -o Dpkg::Use-Pty=0 -q install -y --no-install-recommends $missing </dev/null || fail "apt-get could not install:$missing"
