#!/bin/bash
# `make run`: a whole hubgate in the foreground, on https://localhost:$PORT/jupyterhub/. Everything it writes is in the run
# folder (and Cargo's target folder). No systemd, no account: virtual accounts, the process engine, passwords of its own.
# Settings by environment: PORT, RUN (the run folder), VENV (a users' environment that exists already), API_PORT (of the
# API for servers and services of this host), FLAVOUR (direct, or hub: servers are JupyterHub's own jupyterhub-singleuser).
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022

port=${PORT:-8443}
flavour=${FLAVOUR:-direct}
admin="admin"
gateway_uid=1999999 # of its own and without an account: below the uids that virtual accounts get
parts=()            # process ids, last started last
names=()
end_with_us=(setpriv --pdeathsig TERM) # a part ends also when this script is killed; a change of uid would undo it

say() { echo "hubgate: $*"; }
fail() { echo "hubgate: $*" >&2; exit 1; }

# Waits until a command succeeds, at most $1 seconds; gives up at once when a part has ended.
wait_until() { # seconds command…
    local end=$((SECONDS + $1))
    shift
    until "$@" 2>/dev/null; do
        look_after
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# Starts a part in a session of its own, so that Ctrl-C reaches this script alone, which ends the parts in order. The lock
# stays this script's.
begin() { # name command…
    local name=$1
    shift
    setsid "$@" </dev/null >>"$run/log/$name.log" 2>&1 9>&- &
    parts+=($!)
    names+=("$name")
}

# A part that ended by itself ends everything, and its last words are shown.
look_after() {
    local i
    for i in "${!parts[@]}"; do
        if ! kill -0 "${parts[$i]}" 2>/dev/null; then
            echo "hubgate: ${names[$i]} ended; the last lines of $run/log/${names[$i]}.log:" >&2
            tail -n 20 "$run/log/${names[$i]}.log" >&2
            [ "${names[$i]}" != nginx ] || tail -n 5 "$run/nginx/error.log" >&2
            exit 1
        fi
    done
}

# Ends the parts by their process ids, in the order of the requests: nginx, gateway, then the spawner with its servers.
finish() {
    local status=$? i pid end
    trap '' INT TERM HUP
    for ((i = ${#parts[@]} - 1; i >= 0; i--)); do
        pid=${parts[$i]}
        kill -TERM "$pid" 2>/dev/null || continue
        end=$((SECONDS + 15))
        while kill -0 "$pid" 2>/dev/null && [ "$SECONDS" -lt "$end" ]; do sleep 0.05; done
        if kill -0 "$pid" 2>/dev/null; then
            say "${names[$i]} did not end in 15 s and is killed"
            kill -KILL "$pid" 2>/dev/null || true
        fi
    done
    if [ "${#parts[@]}" -gt 0 ]; then
        rm -rf "$sockets"
        say "ended; users and files stay in $run"
    fi
    exit "$status"
}

# The run folder is this script's alone while it runs.
take_run_folder() {
    run=$(scripts/folder.sh)
    mkdir -p "$run/log"
    exec 9>"$run/lock"
    # One that was told to end may need a moment: make does not wait for it.
    flock -w 10 9 || fail "another hubgate runs in $run: end it first, or choose another folder: make run RUN=/some/folder PORT=9443"
    # The address of a unix socket has 107 bytes; the spawner takes a folder of 36 at most.
    sockets=$run/sock
    if [ "${#sockets}" -gt 28 ]; then
        sockets=/tmp/hubgate-$(printf %s "$run" | sha256sum | cut -c1-8)
        say "the path of $run is too long for unix sockets, so they are in $sockets"
    fi
    if [ -e "$sockets" ] && [ "$(stat -c %u "$sockets")" != "$(id -u)" ]; then
        fail "$sockets belongs to somebody else: remove it, or choose a shorter run folder: make run RUN=/some/folder"
    fi
}

in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

port_is_free() {
    [[ $port =~ ^[0-9]{1,5}$ ]] || fail "PORT=$port is not a port number"
    ! in_use "$port" || fail "port $port is in use; choose another: make run PORT=9443"
    [ "$(id -u)" = 0 ] || [ "$port" -ge "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" ] ||
        fail "port $port needs root; choose a port from 1024 on: make run PORT=8443"
}

# Servers and services are told the port at their start, so any will do: the next free one behind PORT.
choose_api_port() {
    api_port=${API_PORT:-}
    if [ -n "$api_port" ]; then
        ! in_use "$api_port" || fail "port $api_port is in use; choose another: make run API_PORT=9081"
        return
    fi
    for api_port in $(seq $((port + 1)) $((port + 100))); do
        in_use "$api_port" || return 0
    done
    fail "no port from $((port + 1)) to $((port + 100)) is free; choose one: make run API_PORT=9081"
}

what_servers_are() {
    requirements=(jupyter/requirements.txt)
    case $flavour in
        direct) server='"jupyter", "lab"' environment=venv ;;
        hub) server='"jupyterhub-singleuser"' environment=hub-jupyter requirements+=(jupyter/requirements-hub.txt) ;;
        *) fail "FLAVOUR=$flavour is neither direct nor hub" ;;
    esac
    venv=${VENV:-$run/$environment}
    server=${server/\"/\"$venv/bin/}
}

who_runs_what() {
    if [ "$(id -u)" = 0 ]; then
        group=$(getent group www-data | cut -d: -f3)
        as_gateway=(setpriv --reuid="$gateway_uid" --regid="$group" --clear-groups --no-new-privs)
    else
        gateway_uid=$(id -u)
        group=$(id -g)
        as_gateway=()
        say "without root: every server runs under your own uid ($gateway_uid), so users are not protected from each other"
    fi
}

build() {
    PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    command -v cargo >/dev/null || fail "there is no cargo: install Rust from https://rustup.rs"
    say "building (some minutes the first time)"
    scripts/build.sh
    install -d "$run/bin" "$run/share/nginx"
    # Copies, because the target folder may be in a place that other uids cannot reach.
    install -m 0755 "${CARGO_TARGET_DIR:-target}/debug/hubgate" "${CARGO_TARGET_DIR:-target}/debug/hubgate-spawner" "$run/bin/"
    install -m 0644 jupyter/hubgate_server.py "$run/share/"
    install -D -m 0644 -t "$run/share/labextensions/hubgate" jupyter/labextensions/hubgate/package.json
    install -D -m 0644 -t "$run/share/labextensions/hubgate/static" jupyter/labextensions/hubgate/static/remoteEntry.js
    install -m 0755 jupyter/named-account "$run/share/"
    cp -R nginx/html "$run/share/nginx/"
}

write_files() {
    install -d "$run/etc" "$run/homes" "$run/nginx"
    install -d -m 0700 "$run/spawner"
    if [ "$(id -u)" = 0 ]; then
        install -d -m 0700 -o "$gateway_uid" -g "$group" "$run/state"
    else
        install -d -m 0700 "$run/state"
    fi
    cat >"$run/etc/spawner.toml" <<TOML
# Written by make run at each start.
engine = "process"
accounts = "virtual"
gateway_user = $gateway_uid
nginx_group = $group
state_dir = "$run/spawner"
socket_dir = "$sockets/servers"
listen = "$sockets/spawner.sock"
idle_exit_s = 0
cut_ports = [$port]
services_file = "$run/etc/services.toml"

[hub]
api_url = "http://127.0.0.1:$api_port/jupyterhub/hub/api"

[process]
command = ["$run/share/named-account", $server, "--config=$run/share/hubgate_server.py"]
home_dir = "$run/homes"
path = "$venv/bin:/usr/local/bin:/usr/bin:/bin"
TOML
    local heading="# Written by make run for $run with sockets in $sockets. Your changes are kept; remove the file to have it written anew."
    if [ "$(head -n 1 "$run/etc/hubgate.toml" 2>/dev/null)" != "$heading" ]; then
        cat >"$run/etc/hubgate.toml" <<TOML
$heading
listen = "$sockets/hub/gateway.sock"
listen_group = $group
state_dir = "$run/state"
spawner_socket = "$sockets/spawner.sock"
socket_dir = "$sockets/servers"
authenticator = "file"
watch = "spawner"
ca_certificate = "$run/tls/ca.crt"
services_file = "$run/etc/services.toml"
TOML
    fi
    # The one line that is not kept: it has to agree with what the spawner starts.
    sed -i -e '/^flavour = /d' -e "1a flavour = \"$flavour\"" "$run/etc/hubgate.toml"
    certificate
    local options=()
    grep -q . /proc/net/if_inet6 2>/dev/null || options+=(--no-ipv6)
    sh nginx/render.sh --out "$run/nginx/conf" --standalone "$run/nginx" --share "$run/share" --tls "$run/tls" \
        --port "$port" --http-port none --api-port "$api_port" --server-name "localhost 127.0.0.1" \
        --gateway-socket "$sockets/hub/gateway.sock" --server-sockets "$sockets/servers" "${options[@]}"
}

# Browsers refuse a certificate of more than 397 days; the CA, which somebody may have imported, stays the same.
certificate() {
    if [ ! -e "$run/tls/server.crt" ]; then
        "$run/bin/hubgate" cert --out "$run/tls" --name localhost --name 127.0.0.1 >>"$run/log/init.log"
    elif [ -n "$(find "$run/tls/server.crt" -mtime +360)" ]; then
        "$run/bin/hubgate" cert --out "$run/tls" --renew >>"$run/log/init.log"
    fi
}

# The password is made once and kept, because it is shown at each start.
first_user() {
    export HUBGATE_CONFIG=$run/etc/hubgate.toml
    if [ ! -e "$run/password" ]; then
        (umask 077 && head -c 15 /dev/urandom | base64 | tr '+/' '-_' >"$run/password.new")
        "$run/bin/hubgate" user add "$admin" --admin --password-stdin <"$run/password.new" >>"$run/log/init.log" ||
            fail "the first user could not be made (see above)"
        mv "$run/password.new" "$run/password"
    fi
}

start_parts() {
    rm -rf "$sockets"
    install -d "$sockets"
    if [ "$(id -u)" = 0 ]; then
        install -d -m 0750 -o "$gateway_uid" -g "$group" "$sockets/hub"
    else
        install -d -m 0700 "$sockets/hub"
    fi
    begin spawner "${end_with_us[@]}" "$run/bin/hubgate-spawner" --config "$run/etc/spawner.toml"
    wait_until 30 test -S "$sockets/spawner.sock" || fail "the spawner does not listen after 30 s; see $run/log/spawner.log"
    begin gateway "${as_gateway[@]}" "${end_with_us[@]}" "$run/bin/hubgate" --config "$run/etc/hubgate.toml" gateway
    wait_until 30 test -S "$sockets/hub/gateway.sock" || fail "the gateway does not listen after 30 s; see $run/log/gateway.log"
    begin nginx "${end_with_us[@]}" nginx -e "$run/nginx/error.log" -c "$run/nginx/conf/nginx.conf"
    wait_until 30 curl --silent --fail --output /dev/null --noproxy '*' --cacert "$run/tls/ca.crt" \
        "https://localhost:$port/jupyterhub/hub/login" || fail "the login page does not answer after 30 s; see $run/log"
}

take_run_folder
port_is_free
choose_api_port
scripts/apt.sh scripts/packages/run
who_runs_what
what_servers_are
scripts/venv.sh "$venv" "${requirements[@]}"
build
write_files
first_user
trap finish EXIT
trap 'exit 0' INT TERM HUP # what was asked for
start_parts
echo "url: https://localhost:$port/jupyterhub/"
echo "user: $admin"
echo "password: $(cat "$run/password")"
echo "config: $run/etc/hubgate.toml"
while :; do
    look_after
    # A signal ends the wait at once, where a plain sleep would hold it up.
    sleep 1 &
    wait $! || true
done
