#!/bin/sh
# Builds the two programs, `build.sh [cargo's options]`. One after the other: cargo joins the features of what it builds
# together, and the gateway's tokio would end up inside the daemon that is root.
set -eu
cd "$(dirname "$0")/.."
for package in hubgate hubgate-spawner; do
    cargo build --locked --package "$package" --bins "$@"
done
