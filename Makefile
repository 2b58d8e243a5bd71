# Every target sets up what it needs. A fresh machine needs Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
CONSTRAINTS := --constraint constraints.txt
BENCHES := $(filter-out common plain_script spoken,$(basename $(notdir $(wildcard bench/*.py))))
export DAGSTER_HOME := $(CURDIR)/dagster_home

.DEFAULT_GOAL := help
.PHONY: help demo dev test soak check format bench clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## Run the pipeline on sample links with a local S3 server, and show the result
	@$(BIN)/bookmarkai demo

dev: $(VENV)/.demo ## Start Dagster's UI and daemon on http://127.0.0.1:3000 over dagster_home/
	@$(BIN)/python -W 'ignore:Function `dev_command` is superseded' -m dagster dev --workspace workspace.yaml --host 127.0.0.1 --port 3000

test: $(VENV)/.dev ## Run the whole test suite
	@$(BIN)/python -m pytest -n auto --dist loadgroup

soak: $(VENV)/.dev ## Run 10,000 kills of the crash machine (some 15 minutes), and 200 shares of which 40 are hostile
	@$(BIN)/python -m tests.crash.machine --kills 10000 --seconds 7200
	@$(BIN)/python -m tests.load.backlog --shares 200

check: $(VENV)/.dev ## Check formatting, lint, types, layers, and the definitions with Dagster's own check
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/dg check defs

format: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## Run the benchmarks, or one of them with make bench ONLY=speech
	@for name in $(or $(ONLY),$(BENCHES)); do echo "== bench/$$name.py"; $(BIN)/python bench/$$name.py || exit 1; done

clean: ## Remove what the targets made, except the media and dagster_home/
	rm -rf $(VENV) .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "expected Python 3.11 or later, found " + sys.version.split()[0] + "; run make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	$(PIP) install --quiet --upgrade pip

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet $(CONSTRAINTS) --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet $(CONSTRAINTS) --editable '.[demo,openai-whisper]' --group dev
	@touch $@
