PYTHON ?= python3
BIN := .venv/bin
# Several processes, which take tests from one another; `make test SIDE_BY_SIDE=` runs them in one.
SIDE_BY_SIDE ?= -n auto --maxprocesses 8 --dist worksteal
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)

.PHONY: train test test-slow check docs clean
train: $(BIN)/.ready
	$(BIN)/recurra train copy ntm

test: $(BIN)/.ready
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-slow: $(BIN)/.ready
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m slow

check: $(BIN)/.ready
	$(BIN)/ruff check && $(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/python tools/typecheck.py

docs: $(BIN)/.docs-ready
	$(BIN)/python -m sphinx -b html -W --keep-going docs docs/_build/html
	@echo "open docs/_build/html/index.html"

$(BIN)/.docs-ready: $(BIN)/.ready pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --group docs
	@touch $@

$(BIN)/.ready: requirements.txt constraints.txt $(wildcard */pyproject.toml integrations/*/pyproject.toml plugins/*/*/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "recurra needs Python 3.11 or later; select one with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.txt
	@touch $@

clean:
	rm -rf .venv docs/_build docs/_generated
