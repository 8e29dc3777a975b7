# What can be made. `make install DESTDIR= PREFIX=/usr NGINX_GROUP=www-data` puts a built hubgate in place.

PORT ?= 8443
export PORT

PREFIX ?= /usr
DESTDIR ?=
NGINX_GROUP ?= www-data
NGINX_OPTIONS ?=
CARGO_PROFILE ?= release
export PREFIX DESTDIR NGINX_GROUP NGINX_OPTIONS CARGO_PROFILE

.PHONY: run test test-limits screenshots check build bench install uninstall

run: ## a whole hubgate in the foreground on https://localhost:$(PORT)/jupyterhub/ (RUN= another run folder)
	@exec setpriv --pdeathsig TERM scripts/run.sh

test: ## every ring; RINGS="unit nginx" runs those alone
	@exec scripts/test.sh $(RINGS)

test-limits: ## the ring that holds servers to their limits, in an emulated machine
	@exec scripts/test.sh limits

screenshots: ## pictures of every page for docs/screenshots, to be compared by eye
	@exec scripts/test.sh screenshots

check: ## format, clippy, shellcheck, and what the root daemon is linked with
	@exec scripts/lint.sh

build: ## the programs, optimised, for `make install`
	@exec scripts/build.sh --profile $(CARGO_PROFILE)

bench: ## measures and writes bench/RESULTS.md
	@exec tests/bench/run.sh

install: ## put the product in place (as root; DESTDIR= for a package)
	@scripts/install.sh install

uninstall: ## take it away again; configuration and state stay
	@scripts/install.sh uninstall
