#!/bin/sh
# promtool.sh DIR ARGUMENTS…: Prometheus' own checker of rules, out of Debian's package, which is not installed: it would bring
# a service.
set -eu

fail() { echo "hubgate: $1" >&2; exit 1; }

dir=$1
shift
if [ ! -x "$dir/usr/bin/promtool" ]; then
    mkdir -p "$dir"
    [ "$(id -u)" != 0 ] || apt-get -q -q update || fail "apt-get update failed: look at /etc/apt/sources.list and the network"
    (cd "$dir" && apt-get -q -q -o APT::Sandbox::User=root download prometheus) || fail "Debian's package prometheus could not be fetched"
    dpkg-deb -x "$dir"/prometheus_*.deb "$dir"
    rm "$dir"/prometheus_*.deb
fi
exec "$dir/usr/bin/promtool" "$@"
