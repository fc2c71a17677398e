# Needs Python 3.11 or newer and make. `make setup` is repeated only when a dependency changed.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
METADATA := setup.cfg pyproject.toml $(wildcard plugins/*/*/setup.cfg plugins/*/*/pyproject.toml)
# One process a core; TEST_PROCESSES=0 runs everything in one, where a debugger can stop it.
TEST_PROCESSES ?= auto
CODE := core plugins tests tools benchmarks cli.py

.DEFAULT_GOAL := help
.PHONY: help setup servers demo test lint format type imports tests tox bench simulate mutants clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "arb needs Python 3.11 or newer with the venv module; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)

# setuptools is installed once and builds every editable distribution; isolated builds would fetch it each time.
$(VENV)/.run.stamp: $(METADATA) requirements.txt | $(BIN)/python
	$(PIP) install 'setuptools>=77'
	$(PIP) install --no-build-isolation --requirement requirements.txt
	@touch $@

$(VENV)/.dev.stamp: requirements-dev.txt $(VENV)/.run.stamp
	$(PIP) install --no-build-isolation --requirement requirements-dev.txt
	@touch $@

setup: $(VENV)/.dev.stamp ## make .venv: the kernel and every plugin editable, and the tools

servers: ## the programs of the servers that tests start by themselves: PostgreSQL
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null \
		|| { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q postgresql; } \
		|| { echo "the tests need PostgreSQL's server; install it and say make again" >&2; exit 1; }

demo: $(VENV)/.run.stamp ## run thirty simulated days on three simulated exchanges
	$(BIN)/arb demo

test: lint type imports tests ## the gate of CI: lint, types, import contracts, all tests

lint: setup
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

type: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports --no-logo

tests: setup servers
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --maxprocesses 4 --dist worksteal $(PYTEST_ARGS)

format: setup ## rewrite the code in our layout
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

tox: setup ## the whole matrix: built wheels, each plugin alone, every Python found
	$(BIN)/tox

bench: setup ## run the benchmarks one after another
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

simulate: setup ## the campaign: ten thousand episodes with every fault, a quarter of an hour
	$(BIN)/arb simulate --episodes 10000 $(SIMULATE_ARGS)

mutants: setup ## put known bugs back one at a time: the simulation has to catch 98 of 100
	$(BIN)/python tools/mutants.py $(MUTANTS_ARGS)

clean: ## remove what builds and tests leave behind; .venv stays
	rm -rf build dist .tox .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find core plugins tests tools benchmarks -name __pycache__ -prune -exec rm -rf {} +
