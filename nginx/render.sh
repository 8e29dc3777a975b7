#!/bin/sh
# Writes nginx's files with the values of one installation: the files beside this script hold the defaults, which are replaced.
set -eu
LC_ALL=C
export LC_ALL

usage() {
    cat <<'TEXT'
usage: render.sh --out DIR [option value]…

  --out DIR             where the files go (made if missing)
  --conf-dir DIR        where nginx will read them, if not from --out (a DESTDIR)
  --prefix PATH         /jupyterhub
  --gateway-socket PATH /run/hubgate/gateway.sock
  --server-sockets DIR  /run/jupyter
  --tls DIR             /etc/hubgate/tls, with server.crt and server.key
  --cert FILE           a certificate of one's own (chain, PEM) …
  --key FILE            … and its key
  --port N              443
  --http-port N|none    80: plain HTTP redirects to --port
  --api-port N|none     8081, of 127.0.0.1 alone: the API for servers and services, and nothing else
  --server-name NAMES   "localhost": names and addresses, space separated; the first is where redirects lead
  --share DIR           /usr/share/hubgate, with nginx/html
  --log-dir DIR         /var/log/nginx
  --no-ipv6             listen on IPv4 alone
  --plain-http          no TLS at all: passwords cross the network readable
  --standalone RUNDIR   also a whole nginx.conf; its pid, logs and temporary files are in RUNDIR
  --user NAME           of the standalone nginx's workers, when root starts it: www-data
TEXT
}

fail() {
    echo "render.sh: $1" >&2
    exit 2
}

# check OPTION VALUE PATTERN MEANING: refuses a value with a character outside PATTERN.
check() {
    case $2 in
        '' | *[!$3]*) fail "$1 '$2' is not $4" ;;
    esac
}

check_path() {
    check "$1" "$2" 'A-Za-z0-9_./+-' 'an absolute path of the characters A-Z a-z 0-9 _ . / + - (choose or link another folder)'
    case $2/ in
        /*/../* | /../* | //* | /*//*) fail "$1 '$2' has a .. or // in it" ;;
        /*) ;;
        *) fail "$1 '$2' does not begin with /" ;;
    esac
}

check_port() {
    check "$1" "$2" '0-9' 'a port number'
    { [ "${#2}" -le 5 ] && [ "$2" -ge 1 ] && [ "$2" -le 65535 ]; } || fail "$1 '$2' is not between 1 and 65535"
}

here=$(cd "$(dirname "$0")" && pwd)
out='' conf='' prefix=/jupyterhub gateway=/run/hubgate/gateway.sock servers=/run/jupyter tls=/etc/hubgate/tls cert='' key=''
port=443 http_port=80 api_port=8081 names=localhost share=/usr/share/hubgate log='' ipv6=yes tls_on=yes run='' user=www-data

while [ $# -gt 0 ]; do
    case $1 in
        --no-ipv6) ipv6=no; shift; continue ;;
        --plain-http) tls_on=no; shift; continue ;;
        -h | --help) usage; exit 0 ;;
    esac
    [ $# -ge 2 ] || fail "$1 needs a value (see --help)"
    case $1 in
        --out) out=$2 ;;
        --conf-dir) conf=$2 ;;
        --prefix) prefix=$2 ;;
        --gateway-socket) gateway=$2 ;;
        --server-sockets) servers=$2 ;;
        --tls) tls=$2 ;;
        --cert) cert=$2 ;;
        --key) key=$2 ;;
        --port) port=$2 ;;
        --http-port) http_port=$2 ;;
        --api-port) api_port=$2 ;;
        --server-name) names=$2 ;;
        --share) share=$2 ;;
        --log-dir) log=$2 ;;
        --standalone) run=$2 ;;
        --user) user=$2 ;;
        *) fail "unknown option $1 (see --help)" ;;
    esac
    shift 2
done

[ -n "$out" ] || fail "--out is missing (see --help)"
[ -n "$conf" ] || conf=$out
# A nginx of one's own need not name what the machine does not have; an installation may be rendered on another machine.
[ -z "$run" ] || grep -q . /proc/net/if_inet6 2>/dev/null || ipv6=no

check_path --tls "$tls"
[ -z "$run" ] || check_path --standalone "$run"
[ -n "$cert" ] || cert=$tls/server.crt
[ -n "$key" ] || key=$tls/server.key
[ -n "$log" ] || log=${run:-/var/log/nginx}

check_path --out "$out"
check_path --conf-dir "$conf"
check_path --gateway-socket "$gateway"
check_path --server-sockets "$servers"
check_path --cert "$cert"
check_path --key "$key"
check_path --share "$share"
check_path --log-dir "$log"
check --prefix "$prefix" 'a-z0-9_/-' 'a path like /jupyterhub: a-z 0-9 _ - /'
case $prefix in
    */ | *//* | [!/]*) fail "--prefix '$prefix' must begin with / and neither end with it nor have two in a row" ;;
esac
check --user "$user" 'a-z0-9_-' 'a user name'
check_port --port "$port"
[ "$http_port" = none ] || check_port --http-port "$http_port"
[ "$api_port" = none ] || check_port --api-port "$api_port"
[ "$http_port" != "$port" ] || fail "--port and --http-port are both $port"
case $api_port in "$port" | "$http_port") [ "$api_port" = none ] || fail "--api-port $api_port is also --port or --http-port" ;; esac
# A unix socket's path has 107 bytes: the folder's, a slash, a name of 32, and .sock.
[ "${#servers}" -le 69 ] || fail "--server-sockets '$servers' is longer than 69 bytes: paths of sockets would not fit"
[ "${#gateway}" -le 107 ] || fail "--gateway-socket '$gateway' is longer than a unix socket's path can be (107 bytes)"

check --server-name "$names" ']A-Za-z0-9.: [-' 'a list of host names and addresses'
first='' listed='' sni='' by_address=no
for name in $names; do
    case $name in
        *:*)
            name=${name#\[} name=${name%\]}
            check --server-name "$name" '0-9A-Fa-f:.' 'an IPv6 address'
            name="[$name]" by_address=yes
            ;;
        -* | .*) fail "--server-name '$name' is not a host name" ;;
        *)
            check --server-name "$name" 'A-Za-z0-9.-' 'a host name'
            case $name in *[!0-9.]*) ;; *) by_address=yes ;; esac
            ;;
    esac
    first=${first:-$name}
    listed="$listed $name"
    sni="$sni    $name 0;\\
"
done
[ -n "$first" ] || fail "--server-name is empty"
sni=${sni%\\?}
authority=$first
[ "$port" = 443 ] || authority=$first:$port

edits=''
edit() {
    edits="$edits
$1"
}
# Defaults to marks first, marks to values then: a value that looks like another default stays what it is.
edit 's#/run/hubgate/gateway\.sock#@GATEWAY@#g'
edit 's#unix:/run/jupyter/#unix:@SERVERS@/#g'
edit 's#/etc/hubgate/tls/server\.crt#@CERT@#g'
edit 's#/etc/hubgate/tls/server\.key#@KEY@#g'
edit 's#/usr/share/hubgate#@SHARE@#g'
edit 's#/etc/nginx/hubgate#@CONF@#g'
edit 's#/var/log/nginx#@LOG@#g'
edit 's#/run/hubgate-nginx#@RUN@#g'
edit 's#listen 127\.0\.0\.1:8081#listen 127.0.0.1:@API@#'
edit 's#https://localhost/jupyterhub/#https://@AUTHORITY@@PREFIX@/#g'
edit 's#/jupyterhub#@PREFIX@#g'
[ "$ipv6" = yes ] || edit '/listen \[::\]/d'
if [ "$http_port" = none ] || [ "$tls_on" = no ]; then edit '/^include .*redirect\.conf;/d'; fi
[ "$api_port" != none ] || edit '/^include .*api-listener\.conf;/d'
if [ "$tls_on" = no ]; then
    edit '/include .*tls\.conf;/d'
    edit '/ssl_reject_handshake/d'
    edit 's#443 ssl http2#443#'
elif [ "$by_address" = yes ]; then
    # A client that comes by address sends no name: the default server must be able to shake hands before it refuses.
    edit 's#ssl_reject_handshake on;#include @CONF@/include/tls.conf;#'
fi
edit "s#^\\( *listen .*\\)443\\([ ;]\\)#\\1$port\\2#"
edit "s#^\\( *listen .*\\)80\\([ ;]\\)#\\1$http_port\\2#"
edit "s#server_name localhost;#server_name$listed;#"
edit "s#^    localhost 0;#$sni#"
if [ "$(id -u)" = 0 ]; then edit "s#^user www-data;#user $user;#"; else edit '/^user www-data;/d'; fi
edit "s#@GATEWAY@#$gateway#g"
edit "s#@SERVERS@#$(printf %s "$servers" | sed 's#[.+]#\\\\&#g')#g"
edit "s#@API@#$api_port#g"
edit "s#@CERT@#$cert#g"
edit "s#@KEY@#$key#g"
edit "s#@SHARE@#$share#g"
edit "s#@CONF@#$conf#g"
edit "s#@LOG@#$log#g"
edit "s#@RUN@#$run#g"
edit "s#@AUTHORITY@#$authority#g"
edit "s#@PREFIX@#$prefix#g"

mkdir -p "$out/include"
[ "$(cd "$out" && pwd -P)" != "$(cd "$here" && pwd -P)" ] || fail "--out is the folder of the originals"
for file in hubgate.conf hubgate-http.conf location.conf include; do
    for path in "$here/$file" "$here/$file"/*.conf; do
        if [ -f "$path" ]; then sed "$edits" "$path" > "$out/${path#"$here/"}"; fi
    done
done
if [ -n "$run" ]; then
    mkdir -p "$run/tmp"
    sed "$edits" "$here/standalone.conf" > "$out/nginx.conf"
fi
