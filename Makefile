# Everything runs in .venv, which is built once from requirements.lock. `make help` lists the targets.

PYTHON ?= python3
# More options for `pip install`, e.g. another index for torch (README, "Installation").
PIP_FLAGS ?=
# Pins for the CUDA packages that torch may bring; /dev/null for a build for another CUDA version.
CONSTRAINTS ?= requirements-cuda.lock
# The torch that `make lock` pins; every other package gets its newest allowed version.
TORCH := 2.13.0

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install report test test-all gpu statements lint lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

install: $(STAMP) ## set up .venv (every other target does so by itself)

# The stamp goes first and comes back last: an interrupted installation is never taken for a whole one.
$(STAMP): requirements.lock requirements-cuda.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "make: PYTHON=$(PYTHON) is missing or older than 3.11; try make PYTHON=python3.12" >&2; exit 1; }
	@rm -f $(STAMP)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check $(PIP_FLAGS) -r requirements.lock -c $(CONSTRAINTS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $(STAMP)

report: $(STAMP) ## write reports/quick/index.html and results.json (at most 3 minutes on 2 cores)
	$(BIN)/ml2o report

test: $(STAMP) ## run the default tests
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: $(STAMP) ## run every test, the slow ones included
	$(BIN)/python -m pytest -n 2 --dist worksteal

gpu: $(STAMP) ## hold a GPU against the CPU (5 minutes), then train at the paper's size, 9 minutes a profile and call
	$(BIN)/ml2o run device-parity --preset standard --device cuda --out reports/gpu
	$(BIN)/ml2o run training --profile paper --preset paper --device cuda --time-limit 540 --out runs/training-paper --trainings reports/trainings
	$(BIN)/ml2o run training --profile released --preset paper --device cuda --time-limit 540 --out runs/training-released --trainings reports/trainings

statements: $(STAMP) ## rewrite STATEMENTS.md from the runs kept in reports/
	$(BIN)/python -m analyses.statement_index

lint: $(STAMP) ## check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# torch's build (+cpu, +cu130) is the installer's choice and stays out of the lock; the CUDA packages
# of the default build go into a file of constraints, which installs nothing by itself.
lock: ## resolve pyproject.toml afresh and rewrite the lock files
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install $(PIP_FLAGS) torch==$(TORCH) -e '.[dev]'
	build/lock/bin/python -m pip freeze --all --exclude ml2o --exclude pip \
	  | sed 's/^\(torch==[0-9.]*\)+.*/\1/' > build/frozen
	{ echo "# Every package of .venv, written by 'make lock' with $$($(PYTHON) --version) on $$(uname -sm)."; \
	  echo "# 'make' installs it and then this project with --no-deps --no-build-isolation."; \
	  grep -vE '^(nvidia-|cuda-|triton==)' build/frozen; } > build/requirements.lock
	if grep -qE '^nvidia-' build/frozen; then \
	  { echo "# The CUDA packages of torch $(TORCH), as constraints: installed only where torch asks for them."; \
	    grep -E '^(nvidia-|cuda-|triton==)' build/frozen; } > requirements-cuda.lock; fi
	mv build/requirements.lock requirements.lock
	rm -rf build/lock build/frozen

clean: ## remove .venv, caches and generated reports that git does not keep
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis reports/quick
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
