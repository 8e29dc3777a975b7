#!/bin/sh
# The ring `lint`: format, clippy, shell, what the root daemon may be linked with, and alert rules.
set -eu
cd "$(dirname "$0")/.."
failed=0
step() { # title command…
    echo "-- $1"
    shift
    "$@" || { failed=1; echo "lint: failed: $*"; }
}

# The crates that serve the web or keep data have no business in the process that is root. That the question is asked
# rightly is shown by the same question about the gateway, which links them all.
spawner_is_lean() {
    lean=0
    for crate in actix-web actix-http awc diesel hyper h2 rustls askama; do
        if cargo tree --locked --quiet -p hubgate-spawner -e normal --invert "$crate" >/dev/null 2>&1; then
            echo "hubgate-spawner is linked with $crate; see: cargo tree -p hubgate-spawner -e normal --invert $crate"
            lean=1
        fi
    done
    for crate in actix-web diesel; do
        cargo tree --locked --quiet -p hubgate -e normal --invert "$crate" >/dev/null 2>&1 ||
            { echo "the control failed: cargo tree does not find $crate in hubgate, so its silence says nothing"; lean=1; }
    done
    return "$lean"
}

if ! cargo fmt --version >/dev/null || ! cargo clippy --version >/dev/null; then
    echo "lint: failed: cargo fmt or cargo clippy is missing: rustup component add rustfmt clippy"
    exit 1
fi
step "cargo fmt --check" cargo fmt --all --check
step "cargo clippy" cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
step "what the spawner is linked with" spawner_is_lean
step "shellcheck" shellcheck --severity=warning scripts/*.sh nginx/*.sh systemd/hubgate-jupyter jupyter/named-account tests/hub/proxy.sh tests/jupyter/in_root .ci/run
step "alert rules, and the incidents that they are for" scripts/promtool.sh run/promtool test rules tests/alerts/replays.yml
[ "$failed" = 0 ] || exit 1
echo "lint: ok"
