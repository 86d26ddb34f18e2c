# One door for everything that is done to this project. `make help` lists it.
#
# Needs: GNU make, bash, and a Python of at least 3.11 with venv. No root, no compiler. All that is
# installed goes into .venv, from the pinned and hashed locks beside this file.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Every run of dhtctl would compile two hundred modules again.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
PY := $(VENV)/bin/python

# The environment is rebuilt exactly when a lock's content changes: the stamps carry its checksum,
# so that neither a checkout's new timestamps nor an interrupted install can deceive us.
sum = $(shell cat $(1) | cksum | tr -s ' \t' '--')
RUN := $(VENV)/.run-$(call sum,requirements.txt)-$(call sum,pyproject.toml)
DEV := $(VENV)/.dev-$(call sum,requirements.txt requirements-dev.txt)

# One worker a core of the machines we know: measured to halve the time, and no test minds.
PARALLEL := -n 2 --dist worksteal
# How much each fuzzer throws, and which; `make test` runs the same code for a moment.
FUZZ ?= 1000000
SEED ?= 1
FUZZERS := $(subst /,.,$(basename $(filter-out tests/fuzz/test_% tests/fuzz/__%,$(wildcard tests/fuzz/*.py))))

.PHONY: help demo test check unit pure peers coverage wheel-test smoke interop bench fuzz live lock clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# --- environment ---------------------------------------------------------------------------------

$(RUN): requirements.txt pyproject.toml
	@.ci/venv $(VENV) requirements.txt
	@echo "installing this checkout into $(VENV) (editable)"
	@$(PY) -m pip install -qq --disable-pip-version-check --no-deps -e .
	@touch $@

$(DEV): $(RUN) requirements-dev.txt
	@echo "adding the pinned development tools of requirements-dev.txt to $(VENV)"
	@$(PY) -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# --- what people do ------------------------------------------------------------------------------

demo: $(RUN)  ## see it work: 50 nodes on loopback, values, names, providers, failures; a simulation
	@$(VENV)/bin/dhtctl demo
	@rm -rf build/demo
	@printf '\nThe same code in a network that is not there: 150 nodes that come and go, for ten minutes\n\n'
	@$(VENV)/bin/dhtctl sim run churn --seeds 2 --set network.nodes=150 --set "duration='10 min'" --out build/demo

live: $(RUN)  ## try it on the real Mainline network (talks to the internet; asks first)
	@$(PY) -m benchmarks.live

# --- proofs --------------------------------------------------------------------------------------

test: $(DEV)  ## every check and every test: what CI runs (about 15 min)
	@$(MAKE) check
	@$(MAKE) smoke
	@$(MAKE) pure
	@$(MAKE) peers
	@$(MAKE) wheel-test

check: $(DEV)  ## lint, format, types, import contracts, async rules
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/mypy --config-file tests/mypy.ini tests
	@$(VENV)/bin/lint-imports
	@# flake8-async (see .flake8) takes 1.5 ms a line: it is shown what can wait, which is a quarter of all.
	@$(VENV)/bin/flake8 $$(grep -rlwE --include='*.py' 'async|trio' dht torrent simulations cli benchmarks tests/interop)

unit: $(DEV)  ## all tests, here and now (ARGS='-k lookup' for some of them)
	@$(PY) -m pytest $(PARALLEL) $(ARGS)

# Tracing makes Python four times slower, so properties are tried on fewer cases here, and what is
# marked slow is left out. `wheel-test` runs all of it.
TRACED = HYPOTHESIS_PROFILE=quick $(PY) -m coverage run -m pytest -q -m "not slow" $(PARALLEL)

# What decides and performs nothing, and so can be tested whole.
PURE := dht/core dht/codec dht/mainline torrent/core torrent/cdn/gateway/core torrent/git/core
comma := ,
space := $(subst ,, )

pure: $(DEV)  ## the pure packages under coverage; fails below 100 % of their branches
	@rm -f .coverage .coverage.*
	@$(TRACED) $(PURE:%=tests/%)
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report --include='$(subst $(space),$(comma),$(PURE:%=%/*))' --skip-covered --show-missing --fail-under=100

peers: $(DEV)  ## real peers that PyPI has, both directions (libtorrent)
	@$(PY) -m pytest -q tests/interop

coverage: $(DEV)  ## everything under coverage; fails below 90 % (about 15 min)
	@rm -f .coverage .coverage.*
	@$(TRACED)
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report --skip-covered --fail-under=90

wheel-test: $(DEV)  ## build the wheel, install it without a compiler, test it from an empty directory
	@.ci/wheel-test

smoke: $(DEV)  ## every benchmark for a moment, so that none can rot
	@$(PY) -m benchmarks --smoke

interop: $(DEV)  ## real peers on loopback: libtorrent (PyPI), bittorrent-dht and -tracker (npm), opentracker, aria2, Chromium
	@.ci/interop

bench: $(DEV)  ## all benchmarks, each beside the peer it must beat, as one table (about 10 min)
	@$(PY) -m benchmarks

fuzz: $(DEV)  ## a million hostile packets for every decoder (FUZZ=1000000 SEED=1)
	@for fuzzer in $(FUZZERS); do $(PY) -m $$fuzzer --count $(FUZZ) --seed $(SEED); done

# --- upkeep --------------------------------------------------------------------------------------

LOCK := $(VENV)/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --custom-compile-command 'make lock'

lock: $(DEV)  ## renew the locks from pyproject.toml (UPGRADE=--upgrade for newer versions)
	@$(LOCK) $(UPGRADE) --extra sim pyproject.toml -o requirements.txt
	@$(LOCK) $(UPGRADE) --extra sim pyproject.toml -c requirements.txt --group test -o requirements-test.txt
	@$(LOCK) $(UPGRADE) --extra sim --extra dask pyproject.toml -c requirements-test.txt --group dev -o requirements-dev.txt

clean:  ## remove the environment and everything built
	@rm -rf $(VENV) build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
