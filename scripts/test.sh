#!/bin/bash
# shellcheck disable=SC2317 # the rings' functions are called by their names
# `make test`: every ring, one after the other, all of them even when one fails. `scripts/test.sh RING…` runs those alone.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
umask 022

all=(lint unit api protocol jupyter hub nginx oidc system limits browser)
began=$SECONDS
summary=()
failed=0

# What a ring needs is made by its own function, so that a ring that cannot run is a failed ring with its reason.
ring_lint() { scripts/lint.sh; }
ring_unit() {
    local package status=0
    # One package at a time: what is built together shares features, and the spawner is to be tested as it is shipped.
    for package in hubgate-protocol hubgate hubgate-spawner; do
        cargo test --locked -p "$package" --lib --bins --no-fail-fast || status=1
    done
    return "$status"
}
ring_api() { cargo test --locked -p hubgate --test '*' --no-fail-fast; }
ring_protocol() { cargo test --locked -p hubgate-spawner --test '*' --no-fail-fast; }
ring_jupyter() {
    scripts/venv.sh "$run/test-jupyter" jupyter/requirements.txt tests/jupyter/requirements.txt &&
        scripts/venv.sh "$run/test-jupyter5" jupyter/requirements.txt tests/jupyter/requirements-hub5.txt &&
        scripts/venv.sh "$run/hub-jupyter" jupyter/requirements.txt jupyter/requirements-hub.txt &&
        scripts/venv.sh "$run/test-jupyter3" tests/jupyter/requirements-old.txt &&
        HUBGATE_TEST_JUPYTER3=$run/test-jupyter3/bin/jupyter HUBGATE_TEST_JUPYTER=$run/test-jupyter/bin/jupyter HUBGATE_TEST_JUPYTERHUB5=$run/test-jupyter5/bin \
            HUBGATE_TEST_JUPYTERHUB6=$run/hub-jupyter/bin pytest_in tests/jupyter --timeout 180
}
ring_hub() {
    local venv=$run/hub-venv
    programs && scripts/venv.sh "$venv" tests/requirements.txt tests/hub/requirements.txt && tests/hub/proxy.sh "$venv" "$run/hub-proxy" &&
        scripts/venv.sh "$run/hub-jupyter" jupyter/requirements.txt jupyter/requirements-hub.txt &&
        scripts/venv.sh "$run/apps-jupyter" jupyter/requirements.txt tests/hub/requirements-apps.txt &&
        HUBGATE_TEST_APPLICATIONS=$run/apps-jupyter/bin HUBGATE_TEST_JUPYTERHUB6=$run/hub-jupyter/bin HUBGATE_TEST_RUN=$run/hub HUBGATE_TEST_HUB_VENV=$venv HUBGATE_TEST_PROXY=$run/hub-proxy/bin/configurable-http-proxy \
            "$venv/bin/python" -m pytest -p no:cacheprovider -v --color=no tests/hub --timeout 300
}
ring_nginx() { programs && pytest_in tests/nginx --timeout 300; }
ring_oidc() {
    programs && oidc_provider && HUBGATE_TEST_OIDC=$run/oidc-provider "$run/oidc-venv/bin/python" -m pytest -p no:cacheprovider -v --color=no tests/oidc --timeout 300
}
ring_system() {
    programs && scripts/venv.sh "$run/venv" jupyter/requirements.txt &&
        HUBGATE_TEST_VENV=$run/venv pytest_in tests/system --timeout 900
}
# In an emulator, which has a kernel of its own: on its host limits of a cgroup are often told and not enforced.
ring_limits() { programs && pytest_in tests/limits --timeout 300; }
ring_browser() { in_a_browser tests/browser; }
# Only by its name (`make screenshots`): the pictures of all pages go to docs/screenshots.
ring_screenshots() { HUBGATE_SCREENSHOTS=keep in_a_browser tests/browser/test_looks.py; }

in_a_browser() { # folder or file
    programs && scripts/venv.sh "$run/venv" jupyter/requirements.txt && oidc_provider &&
        scripts/npm.sh "$run/oidc-venv" tests/browser/package.json "$run/axe" &&
        HUBGATE_TEST_AXE=$run/axe HUBGATE_TEST_OIDC=$run/oidc-provider HUBGATE_TEST_RUN=$run/browser HUBGATE_TEST_VENV=$run/venv \
            pytest_in "$1" --timeout 600
}

# A certified provider of OpenID Connect, with node to run it.
oidc_provider() {
    scripts/venv.sh "$run/oidc-venv" tests/requirements.txt tests/oidc/requirements.txt &&
        scripts/npm.sh "$run/oidc-venv" tests/oidc/package.json "$run/oidc-provider"
}

programs() { scripts/build.sh; }

pytest_in() { # folder options…
    scripts/venv.sh "$run/test-venv" tests/requirements.txt || return 1
    "$run/test-venv/bin/python" -m pytest -p no:cacheprovider -v --color=no "$@"
}

# A ring's own closing lines, which are repeated at the end.
closing() { grep -E '^(test result: |=+ .* in [0-9].*=+$|lint: )' "$1" || tail -n 3 "$1"; }

ring() { # name
    local name=$1 log=$run/test-logs/$1.log start=$SECONDS verdict=passed
    echo
    echo "=== ring $name ($((SECONDS - began)) s since the start)"
    # A subshell, so that nothing of one ring reaches the next.
    ("ring_$name") </dev/null 2>&1 | tee "$log"
    if [ "${PIPESTATUS[0]}" != 0 ]; then
        verdict=FAILED
        failed=1
    fi
    echo "=== ring $name: $verdict in $((SECONDS - start)) s"
    summary+=("ring $name: $verdict in $((SECONDS - start)) s")
}

prepare() {
    if [ "$(id -u)" != 0 ]; then
        echo "hubgate: make test boots a Debian and runs servers of several uids, so it needs root: run it as root" >&2
        exit 1
    fi
    PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    command -v cargo >/dev/null || { echo "hubgate: there is no cargo: install Rust from https://rustup.rs" >&2; exit 1; }
    run=$(scripts/folder.sh) && mkdir -p "$run/test-logs" || exit 1
    scripts/apt.sh scripts/packages/run scripts/packages/test || exit 1
}

rings=("$@")
[ $# -gt 0 ] || rings=("${all[@]}")
prepare
for name in "${rings[@]}"; do
    case " ${all[*]} screenshots " in
        *" $name "*) ring "$name" ;;
        *) echo "hubgate: there is no ring $name; there are: ${all[*]} screenshots" >&2; exit 2 ;;
    esac
done
echo
echo "=== the rings' own last words"
for name in "${rings[@]}"; do closing "$run/test-logs/$name.log"; done
table() { for name in "${rings[@]}"; do sed -n 's/^measured: //p' "$run/test-logs/$name.log"; done; }
if [ -n "$(table)" ]; then
    echo "=== what was measured"
    table | sort | awk -F': ' '{ printf "%-44s %s\n", $1, substr($0, length($1) + 3) }'
fi
echo "=== make test, $((SECONDS - began)) s"
printf '%s\n' "${summary[@]}"
exit "$failed"
