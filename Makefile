# What can be made. `make install DESTDIR= PREFIX=/usr NGINX_GROUP=www-data` puts a built hubgate in place.

PREFIX ?= /usr
DESTDIR ?=
NGINX_GROUP ?= www-data
NGINX_OPTIONS ?=
CARGO_PROFILE ?= release
export PREFIX DESTDIR NGINX_GROUP NGINX_OPTIONS CARGO_PROFILE

.PHONY: install uninstall

install: ## put the product in place (as root; DESTDIR= for a package)
	@scripts/install.sh install

uninstall: ## take it away again; configuration and state stay
	@scripts/install.sh uninstall
