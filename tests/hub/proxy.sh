#!/bin/sh
# proxy.sh VENV DIR: configurable-http-proxy for the JupyterHub of this ring, with the node and npm of the Python environment
# VENV. Done already: takes no time.
set -eu
venv=$1 dir=$2 here=$(cd "$(dirname "$0")" && pwd)
"$here/../../scripts/npm.sh" "$venv" "$here/package.json" "$dir"
# One program, which ends with the hub also when that is killed.
mkdir -p "$dir/bin"
cat >"$dir/bin/configurable-http-proxy" <<TEXT
#!/bin/sh
exec setpriv --pdeathsig TERM "$dir/node" "$dir/node_modules/configurable-http-proxy/bin/configurable-http-proxy" "\$@"
TEXT
chmod 0755 "$dir/bin/configurable-http-proxy"
