# Everything from a fresh clone: each target builds the environment that it needs, once.
# PYTHON chooses the interpreter (3.11, 3.12 or 3.13); the environment is rebuilt when the lock changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH := $(VENV)/.installed-bench

.PHONY: run test check bench lock
run: $(STAMP)
	$(BIN)/jaxinterp run
test: $(STAMP)
	$(BIN)/python -m pytest
check: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/python -m pytest
bench: $(BENCH)
	$(BIN)/python scripts/benchmark.py

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" || \
	  { echo "jaxinterp needs Python 3.11, 3.12 or 3.13; name one with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@
$(BENCH): $(STAMP)
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	@touch $@
# Needs uv. The lock names no index, and serves every supported Python.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --extra dev \
	  --python-version 3.11 --output-file requirements.lock pyproject.toml
