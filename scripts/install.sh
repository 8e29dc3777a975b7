#!/bin/sh
# `make install` and `make uninstall`: every file of the product, once, in `files` below.
# install.sh install|uninstall, settings by environment: DESTDIR PREFIX NGINX_GROUP NGINX_OPTIONS CARGO_PROFILE PAM_FAMILY
set -eu
cd "$(dirname "$0")/.."

DESTDIR=${DESTDIR:-}
PREFIX=${PREFIX:-/usr}
NGINX_GROUP=${NGINX_GROUP:-www-data}
CARGO_PROFILE=${CARGO_PROFILE:-release}
case $CARGO_PROFILE in dev) built=target/debug ;; *) built=target/$CARGO_PROFILE ;; esac

say() { echo "hubgate: $1"; }
fail() { echo "hubgate: $1" >&2; exit 1; }
case "$PREFIX$NGINX_GROUP" in *[!A-Za-z0-9_./-]*) fail "PREFIX and NGINX_GROUP may hold letters, digits and _ . / - only" ;; esac

# Debian's PAM stacks are included by name, Red Hat's otherwise.
pam_family() {
    if [ -n "${PAM_FAMILY:-}" ]; then echo "$PAM_FAMILY"; return; fi
    for release in "$DESTDIR/etc/os-release" /etc/os-release; do
        [ -r "$release" ] || continue
        if grep -Eq '^ID(_LIKE)?=.*(rhel|fedora|centos)' "$release"; then echo redhat; else echo debian; fi
        return
    done
    echo debian
}
pam=$(pam_family)
[ -f "systemd/pam.d/hubgate.$pam" ] || fail "PAM_FAMILY is debian or redhat, not $pam"

# mode, source, destination; a template has @PREFIX@ or @NGINX_GROUP@ in it.
files() {
    echo "0755 $built/hubgate $PREFIX/bin/hubgate"
    echo "0755 $built/hubgate-spawner $PREFIX/libexec/hubgate-spawner"
    echo "0755 systemd/hubgate-jupyter $PREFIX/libexec/hubgate-jupyter"
    for unit in systemd/*.socket systemd/*.service systemd/*.slice; do
        echo "0644 $unit $PREFIX/lib/systemd/system/${unit#systemd/}"
    done
    for protected in system.slice init.scope nginx.service; do
        echo "0644 systemd/protect/$protected.conf $PREFIX/lib/systemd/system/$protected.d/50-hubgate.conf"
    done
    echo "0644 systemd/sysctl.d/hubgate.conf $PREFIX/lib/sysctl.d/50-hubgate.conf"
    echo "0644 systemd/sysusers.d/hubgate.conf $PREFIX/lib/sysusers.d/hubgate.conf"
    echo "0644 systemd/tmpfiles.d/hubgate.conf $PREFIX/lib/tmpfiles.d/hubgate.conf"
    echo "0644 systemd/pam.d/hubgate.$pam $PREFIX/share/hubgate/pam.d/hubgate"
    echo "0644 systemd/pam.d/hubgate-server.$pam $PREFIX/share/hubgate/pam.d/hubgate-server"
    echo "0644 systemd/hubgate-oidc.conf $PREFIX/share/hubgate/systemd/hubgate-oidc.conf"
    echo "0644 jupyter/hubgate_server.py $PREFIX/share/hubgate/hubgate_server.py"
    echo "0644 jupyter/login_environment.py $PREFIX/share/hubgate/login_environment.py"
    for part in jupyter/labextensions/hubgate/package.json jupyter/labextensions/hubgate/static/remoteEntry.js; do
        echo "0644 $part $PREFIX/share/hubgate/${part#jupyter/}"
    done
    for part in nginx/render.sh nginx/*.conf nginx/include/*.conf nginx/html/*; do
        echo "0644 $part $PREFIX/share/hubgate/$part"
    done
    for page in docs/man/*.[1-8]; do
        echo "0644 $page $PREFIX/share/man/man${page##*.}/${page##*/}"
    done
}

put() { # mode source destination
    [ -f "$2" ] || fail "there is no $2: run \`make build\` first (CARGO_PROFILE is $CARGO_PROFILE)"
    mkdir -p "$DESTDIR$(dirname "$3")"
    # Written beside it and renamed: a running program or a unit that is being read is never half a file.
    new=$DESTDIR$3.new
    case $2 in
        systemd/*) sed -e "s|@PREFIX@|$PREFIX|g" -e "s|@NGINX_GROUP@|$NGINX_GROUP|g" "$2" >"$new" ;;
        *) cp "$2" "$new" ;;
    esac
    chmod "$1" "$new"
    mv -f "$new" "$DESTDIR$3"
}

# A PAM file is the site's as soon as it exists: it may have changed it.
put_pam() {
    mkdir -p "$DESTDIR/etc/pam.d"
    for name in hubgate hubgate-server; do
        theirs=$DESTDIR/etc/pam.d/$name ours=$DESTDIR$PREFIX/share/hubgate/pam.d/$name
        if [ ! -e "$theirs" ]; then
            cp "$ours" "$theirs"
            chmod 0644 "$theirs"
        elif ! cmp -s "$ours" "$theirs"; then
            say "kept your own /etc/pam.d/$name; ours is $PREFIX/share/hubgate/pam.d/$name"
        fi
    done
}

# nginx's files are ours and written anew each time; what is the site's own is the options they are written with.
put_nginx() {
    options=$DESTDIR/etc/hubgate/nginx.options
    mkdir -p "$DESTDIR/etc/hubgate" "$DESTDIR/etc/nginx/hubgate"
    [ -z "${NGINX_OPTIONS:-}" ] || echo "$NGINX_OPTIONS" >"$options"
    [ -e "$options" ] || echo '--server-name localhost' >"$options"
    xargs sh nginx/render.sh --out "$DESTDIR/etc/nginx/hubgate" --conf-dir /etc/nginx/hubgate --share "$PREFIX/share/hubgate" <"$options"
}

settle() { # only on the machine itself, and only where systemd is at hand
    [ -z "$DESTDIR" ] || return 0
    command -v systemd-sysusers >/dev/null && systemd-sysusers "$PREFIX/lib/sysusers.d/hubgate.conf"
    command -v systemd-tmpfiles >/dev/null && systemd-tmpfiles --create "$PREFIX/lib/tmpfiles.d/hubgate.conf"
    [ ! -d /run/systemd/system ] || systemctl daemon-reload
    [ ! -d /run/systemd/system ] || sysctl -q -p "$PREFIX/lib/sysctl.d/50-hubgate.conf" || true
}

next_steps() {
    say "installed under ${DESTDIR:-/}. Next, as root on that machine:"
    [ -z "$DESTDIR" ] || echo "  systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload"
    cat <<STEPS
  python3 -m venv /opt/hubgate/venv && /opt/hubgate/venv/bin/pip install jupyterlab    # or HUBGATE_JUPYTER= in /etc/hubgate/server.env
  hubgate init --name HOST.EXAMPLE.ORG --admin YOUR_NAME --allow-group GROUP    # or --allow-all; configuration, key, certificate, first administrator
  systemctl enable --now hubgate.socket hubgate-spawner.socket hubgate-accounts.socket hubgate.service
  make install NGINX_OPTIONS='--server-name HOST.EXAMPLE.ORG'    # kept in /etc/hubgate/nginx.options for the next time
  rm -f /etc/nginx/sites-enabled/default && ln -s ../hubgate/hubgate.conf /etc/nginx/conf.d/
  nginx -t && systemctl reload nginx
STEPS
}

case ${1:-install} in
    install)
        files | while read -r mode source destination; do put "$mode" "$source" "$destination"; done
        put_pam
        put_nginx
        settle
        next_steps
        ;;
    uninstall)
        if [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]; then
            systemctl disable --now hubgate.socket hubgate.service hubgate-spawner.socket hubgate-accounts.socket hubgate-spawner.service || true
            # Without their unit they would be started again from memory for ever.
            systemctl stop 'hubgate-service@*' || true
        fi
        files | while read -r _ _ destination; do rm -f "$DESTDIR$destination"; done
        rm -rf "$DESTDIR$PREFIX/share/hubgate" "$DESTDIR/etc/nginx/hubgate"
        [ -n "$DESTDIR" ] || [ ! -d /run/systemd/system ] || systemctl daemon-reload
        say "removed. Kept: /etc/hubgate, /etc/pam.d/hubgate*, /var/lib/hubgate*, the account hubgate, running servers"
        ;;
    *) fail "usage: install.sh install|uninstall" ;;
esac
