#!/bin/bash
# `make bench`: builds what is optimised, measures, and writes bench/RESULTS.md. Needs root; about ten minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
umask 022

[ "$(id -u)" = 0 ] || { echo "hubgate: make bench starts servers under several uids, so it needs root" >&2; exit 1; }
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
scripts/apt.sh scripts/packages/run scripts/packages/bench
run=$(scripts/folder.sh)
mkdir -p "$run/bench"
scripts/venv.sh "$run/venv" jupyter/requirements.txt
scripts/venv.sh "$run/hub-venv" tests/requirements.txt tests/hub/requirements.txt
tests/hub/proxy.sh "$run/hub-venv" "$run/hub-proxy"
echo "hubgate: building optimised programs (five minutes or more the first time)"
cargo build --locked --release --package hubgate --bins --examples
cargo build --locked --release --package hubgate-spawner --bins
mkdir -p bench
exec /usr/bin/python3 tests/bench/bench.py --programs "${CARGO_TARGET_DIR:-target}/release" --venv "$run/venv" \
    --hub-venv "$run/hub-venv" --proxy "$run/hub-proxy/bin/configurable-http-proxy" --work "$run/bench" --out bench/RESULTS.md
