# Two commands do everything on a fresh machine, set-up included: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# A target directory outside the checkout is kept between clones.
export CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TERM_COLOR ?= never

BODIES ?=
N ?=

.PHONY: help demo test fmt clippy unit deny conformance bench docs tools soak fuzz mutants

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

tools: ## what the other targets need beside a Rust toolchain, or its name
	@command -v cargo >/dev/null || { echo "cargo is missing: install a Rust toolchain (1.95 or newer) with rustup"; exit 1; }
	@command -v cc >/dev/null || { echo "cc is missing: install a C compiler, such as Debian's package build-essential"; exit 1; }
	@cargo fmt --version >/dev/null 2>&1 || { echo "rustfmt is missing: rustup component add rustfmt"; exit 1; }
	@cargo clippy --version >/dev/null 2>&1 || { echo "clippy is missing: rustup component add clippy"; exit 1; }

demo: ## Muster at work on three simulated client tenants; open the address it prints
	@command -v cargo >/dev/null || { echo "cargo is missing: install a Rust toolchain (1.95 or newer) with rustup"; exit 1; }
	cargo build --locked --package muster --bin muster
	$(CARGO_TARGET_DIR)/debug/muster demo $(DEMO)

test: tools fmt clippy unit deny ## everything that must hold

fmt:
	cargo fmt --all --check

clippy:
	cargo clippy --locked --workspace --all-targets -- -D warnings

unit:
	cargo test --locked --workspace

# Pinned, and built into the target directory: nothing of the user's is changed.
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(CARGO_TARGET_DIR)/tools/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny

$(CARGO_DENY):
	cargo install --locked --quiet --debug --root $(CARGO_TARGET_DIR)/tools/cargo-deny-$(CARGO_DENY_VERSION) --version $(CARGO_DENY_VERSION) cargo-deny

deny: $(CARGO_DENY) ## licences, bans and sources of every dependency
	$(CARGO_DENY) --locked check bans licenses sources

conformance: ## BODIES=DIR: syncs a directory of recorded Graph bodies and compares every column
	@test -n "$(BODIES)" || { echo "say which bodies: make conformance BODIES=DIR"; exit 2; }
	cargo run --locked --quiet --package muster-it --bin conformance -- "$(BODIES)"

bench: ## records per CPU second, peak memory and requests for 1,000 and 50,000 users
	cargo build --locked --profile measured --quiet --package muster --package muster-bench --bins
	$(CARGO_TARGET_DIR)/measured/bench

soak: ## N=20000: so many seeded schedules of faults; `N="500 100"` begins at seed 500
	@test -n "$(N)" || { echo "say how many: make soak N=20000"; exit 2; }
	cargo run --locked --quiet --profile measured --package muster-soak --bin soak -- $(N)

fuzz: ## N=1000000: so many inputs on every parser of what comes from outside
	cargo run --locked --quiet --profile measured --package muster-soak --bin soak -- --fuzz $(or $(N),1000000)
	PROPTEST_CASES=$(or $(N),1000000) cargo test --locked --quiet --package muster-portal --package muster-oauth-callback --lib anything

mutants: ## plants every bug of tests/soak/mutants and expects the suite to catch it
	tests/soak/mutants/run

docs: ## writes docs/datasets.md anew from the registry
	UPDATE_DOCS=1 cargo test --locked --package muster-domain --test datasets
