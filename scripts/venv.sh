#!/bin/sh
# venv.sh DIR REQUIREMENTS…: a Python environment with exactly these requirements. Done already: takes no time.
set -eu

fail() { echo "hubgate: $1" >&2; exit 1; }

dir=$1
shift
python=/usr/bin/python3 # not one of a version manager: users' servers run it under other uids
wanted=$(cat "$@"; $python --version; echo "$dir")
[ "$(cat "$dir/made-from" 2>/dev/null || true)" != "$wanted" ] || exit 0

echo "hubgate: making the Python environment $dir (about a minute)"
rm -rf "$dir"
$python -m venv "$dir" || fail "no Python environment could be made: is python3-venv installed?"
cat "$@" >"$dir/requirements.txt"
"$dir/bin/pip" install --disable-pip-version-check --no-input --quiet --progress-bar off -r "$dir/requirements.txt" ||
    fail "pip could not install what $dir needs (see above); the network, or PIP_INDEX_URL, is needed"
printf '%s\n' "$wanted" >"$dir/made-from"
