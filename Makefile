# Everything a developer or a newcomer does. `make demo` and `make test` install what they need into .venv first.
#
# TORCH     the PyTorch to install: a requirement such as "torch==2.8.0", or a wheel. Default: the pinned one.
# PIP_ARGS  more arguments for pip, such as the index of PyTorch's own CPU build (see README.md).
# PYTHON    the Python (3.11 or later) that makes .venv.
# JOBS      test processes; each uses one thread.

TORCH ?= torch
PIP_ARGS ?=
PYTHON ?= python3
JOBS ?= auto

BIN := .venv/bin
INSTALLED := .venv/.installed
# A PyTorch of the user's own choice is kept as it is; ours is pinned, or another package pulls a different build.
CONSTRAINT := $(if $(filter torch,$(TORCH)),-c constraints.txt)

.PHONY: demo test lint types bench docs clean

demo: $(INSTALLED)
	$(BIN)/ohmloom run neurram-mnist --tier smoke --out runs/demo-$$(date +%Y%m%d-%H%M%S)
	@echo "The report: $$(ls -td runs/demo-* | head -n 1)/report.html"

test: lint types
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(INSTALLED)
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks

docs: $(INSTALLED)
	$(BIN)/python -m pip install $(PIP_ARGS) $(CONSTRAINT) -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "The pages: site/index.html"

clean:
	rm -rf .venv build dist site .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ohmloom needs Python 3.11 or later: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(PIP_ARGS) $(CONSTRAINT) '$(TORCH)'
	$(BIN)/python -m pip install $(PIP_ARGS) $(CONSTRAINT) -e '.[dev]'
	touch $@
