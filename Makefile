PYTHON ?= python3
BIN := .venv/bin
# Several processes, which take tests from one another; `make test SIDE_BY_SIDE=` runs them in one.
SIDE_BY_SIDE ?= -n auto --maxprocesses 8 --dist worksteal
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)

# The oldest torch that is supported; the builds for the CPU alone are in an index of their own.
LOWEST_TORCH ?= torch==2.10.0
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

.PHONY: train test test-slow test-lowest check docs lock audit reliability clean
train: $(BIN)/.ready
	$(BIN)/recurra train copy ntm

test: $(BIN)/.ready
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-slow: $(BIN)/.ready
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m slow

# All tests with the lowest version of every dependency that the packages allow.
test-lowest: $(BIN)/.ready
	rm -rf .venv-lowest && $(PYTHON) -m venv .venv-lowest && echo "$(LOWEST_TORCH)" > .venv-lowest/torch.txt
	$(BIN)/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct \
		--override .venv-lowest/torch.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX) --index-strategy unsafe-best-match) -r requirements.txt
	.venv-lowest/bin/python -m pytest $(SIDE_BY_SIDE) $(TESTS)

reliability: $(BIN)/.ready
	$(BIN)/python benchmarks/reliability

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

$(BIN)/.ready: requirements.txt constraints.txt $(wildcard */pyproject.toml plugins/*/*/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "recurra needs Python 3.11 or later; select one with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.txt
	@touch $@

# Pins and hashes of all dependencies for development but torch, which constraints.txt pins, and whose build each machine chooses.
lock: $(BIN)/.ready
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --upgrade --no-header --no-annotate --no-emit-package torch \
		$(foreach file,$(wildcard */pyproject.toml plugins/*/*/pyproject.toml),--no-emit-package $(shell sed -n 's/^name = "\(.*\)"/\1/p' $(file))) \
		requirements.txt -o requirements.lock

# Known vulnerabilities of the locked dependencies; needs a network.
audit: $(BIN)/.ready
	$(BIN)/uv tool run pip-audit --disable-pip --require-hashes -r requirements.lock

clean:
	rm -rf .venv .venv-lowest docs/_build docs/_generated
