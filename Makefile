# Every target sets up what it needs. A fresh machine needs Python 3.11 to 3.13 and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
# --no-compile: half of pip's time would go into compiling modules that nobody imports. Python compiles those that are.
INSTALL := $(PIP) install --quiet --no-compile --constraint constraints.txt
BENCHES := $(or $(ONLY),$(filter-out common plain_script spoken,$(basename $(notdir $(wildcard bench/*.py)))))
# What drives whole systems: real daemons, a browser, killed processes, the corpora of hostile sites and odd media, and
# what is only true of real speech models. The contracts of both engines stay in `make test`.
SYSTEM := tests/crash tests/demo tests/integration tests/load tests/deploy/test_login.py \
	tests/adapters/downloader/test_hostile_sites.py tests/contracts/test_multilingual_speech.py \
	$(addprefix tests/adapters/speech/,test_faster_whisper.py test_media_corpus.py test_openai_whisper.py)
QUICK := tests/core tests/settings tests/operations tests/defs tests/cli $(wildcard tests/*.py)
export DAGSTER_HOME := $(CURDIR)/dagster_home
# With it, as containers often have it, each of the many processes would compile again what pip has not.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo cluster dev test test-system test-quick test-cluster image-check soak check infra-check docs format bench ministack openai-whisper clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## Run the pipeline on sample links with a local S3 server, and show the result
	@$(BIN)/bookmarkai demo

cluster: $(VENV)/.cluster ## Run the sample links on PostgreSQL, RabbitMQ and WORKERS=2 workers; KEEP=1 leaves it up
	@$(BIN)/bookmarkai demo --cluster --directory .cluster --workers $(or $(WORKERS),2) $(if $(KEEP),--keep-ui)

dev: $(VENV)/.demo ## Start Dagster's UI and daemon on http://127.0.0.1:3000 over dagster_home/, and the HTTP door on port 8080
	@$(BIN)/python -m tools.dev

test: $(VENV)/.dev $(VENV)/.openai-whisper ## Run the tests, except those of whole systems and of the cluster
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(addprefix --ignore=,$(SYSTEM))

test-system: $(VENV)/.dev $(VENV)/.openai-whisper .venv-ministack/.installed ## Run the tests of whole systems: kills, browser, daemons, load, corpora, speech models
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(SYSTEM)

test-quick: $(VENV)/.dev ## Run the tests that are quick, on another Python with PYTHON=python3.13 VENV=.venv-3.13
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(QUICK)

test-cluster: $(VENV)/.dev ## Run the tests of the cluster, which need Debian's rabbitmq-server
	@$(BIN)/python -m pytest -m cluster tests/cluster

image-check: $(VENV)/.dev ## Build the container image without an engine, and run the services from it; needs root, buildah and debootstrap
	@$(BIN)/python -m tests.image.check

soak: $(VENV)/.dev $(VENV)/.openai-whisper ## Run 10,000 kills, 300 on a cluster, 200 shares of which 40 are hostile, 500 uploads of which 100 are, 2,000 damaged files, all media with both engines, the tests marked soak, and all properties with all examples
	@$(BIN)/python -m tests.crash.machine --kills 10000 --seconds 7200
	@$(BIN)/python -m tests.load.backlog --shares 200
	@$(BIN)/python -m tests.load.uploads --uploads 500 --bad 100
	@$(BIN)/python -m tests.load.mutants --mutants 2000
	@$(BIN)/python -m tests.load.media
	@$(BIN)/python -m tests.cluster.chaos --kills 300
	@$(BIN)/python -m pytest -n auto --dist loadgroup --hypothesis-profile soak -m 'soak or hypothesis'

check: $(VENV)/.check ## Check formatting, lint, types, layers, and the definitions with Dagster's own check
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/dg check defs

infra-check: infra/.venv/.check ## Check the stacks for AWS in infra/ without an account: types, tools, rules, planted faults
	@cd infra && .venv/bin/python -m mypy && .venv/bin/python -m pytest -q

docs: $(VENV)/.docs ## Build the documentation as a site in build/docs, and fail for a dead link
	@$(BIN)/python -m sphinx --fail-on-warning --keep-going --nitpicky --quiet --builder html docs build/docs
	@echo "open build/docs/index.html"

format: $(VENV)/.check ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.dev $(if $(filter speech,$(BENCHES)),$(VENV)/.openai-whisper) ## Run the benchmarks, or one of them with make bench ONLY=speech
	@for name in $(BENCHES); do echo "== bench/$$name.py"; $(BIN)/python bench/$$name.py || exit 1; done

ministack: .venv-ministack/.installed ## Install ministack, an emulator of AWS, for the tests of upload events

openai-whisper: $(VENV)/.openai-whisper ## Install the second speech engine with PyTorch, as make test does

clean: ## Remove what the targets made, except the media and dagster_home/
	rm -rf $(VENV) .venv-3.* .venv-ministack infra/.venv .demo .cluster .image-check .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "expected Python 3.11 to 3.13, found " + sys.version.split()[0] + "; run make PYTHON=python3.13")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	$(PIP) install --quiet --upgrade pip

$(VENV)/.check: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[door,cdn]' --group check
	@touch $@

# An environment of its own: the CDK has 600 MB, and infra/ imports nothing of the pipeline.
infra/.venv/.check: infra/pyproject.toml infra/constraints.txt
	$(PYTHON) -m venv infra/.venv || { rm -rf infra/.venv; exit 1; }
	infra/.venv/bin/python -m pip install --quiet --upgrade pip
	infra/.venv/bin/python -m pip install --quiet --no-compile --constraint infra/constraints.txt \
	  --editable infra --group infra/pyproject.toml:check
	@touch $@

$(VENV)/.docs: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable . --group docs
	@touch $@

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[demo,door]'
	@touch $@

$(VENV)/.cluster: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[demo,postgres,celery]' --group cluster
	@touch $@

# An environment of its own: it pins another release of botocore.
.venv-ministack/.installed:
	$(PYTHON) -m venv .venv-ministack
	.venv-ministack/bin/python -m pip install --quiet --no-compile ministack==1.5.33
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[demo,door,cdn,postgres,celery]' --group dev
	@touch $@

# Several gigabytes, so only for the targets that use it. It is not in `.dev`, because `make check` and `make demo` run without.
$(VENV)/.openai-whisper: pyproject.toml constraints.txt | $(VENV)/.dev
	$(INSTALL) --editable '.[openai-whisper]'
	@touch $@
