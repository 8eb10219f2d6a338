# On a fresh machine `make demo` and `make test` do all the set-up by themselves.
# `make help` lists the targets.

ifndef PYTHON
# The first that really runs and is new enough; python3 if none is, so that preflight can name it.
PYTHON := $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && exit; \
	done; echo python3)
endif
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
JOBS := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
COMPILED := setup.py $(wildcard govproxy/_fastpath/*.pyx govproxy/_fastpath/*.pxd govproxy/_fastpath/*.h)
SOURCES := govproxy tests $(wildcard bench) setup.py

ifdef UV
INSTALL := $(UV) pip install -q --python $(BIN)/python -c constraints.txt
CREATE := $(UV) venv -q --allow-existing --python $(PYTHON) $(VENV)
else
INSTALL := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt
CREATE := $(PYTHON) -m venv $(VENV)
endif

.PHONY: help demo test fuzz bench quality check format build build-strict clean
.NOTPARALLEL:
.DEFAULT_GOAL := help

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo $(VENV)/.built ## PostgreSQL with sample data, the proxy before it, a tour; stays up until Ctrl-C
	$(BIN)/govproxy demo

# The order of sets is one and the same in every run, as examples and masking key are (tests/conftest.py).
test: export PYTHONHASHSEED ?= 0
test: $(VENV)/.test $(VENV)/.built ## The whole test-suite
	$(BIN)/python -m pytest $(ARGS)

SECONDS := 3600
SEED := 1
fuzz: $(VENV)/.test $(VENV)/.built ## Look for leaks with generated schemas and statements: SECONDS=3600 SEED=1
	$(BIN)/python -m tests.fuzz.leaks --seconds $(SECONDS) --seed $(SEED) $(ARGS)

bench: $(VENV)/.test $(VENV)/.built ## In-process floors, then the comparison with other proxies: bench/out/report.md
	@mkdir -p bench/out
	$(BIN)/python -m pytest -q bench --benchmark-only --benchmark-json=bench/out/benchmark.json
	$(BIN)/python -m bench.compare $(ARGS)

quality: $(VENV)/.test $(VENV)/.built ## How well sensitive columns and values are found: bench/out/quality.md
	$(BIN)/python -m bench.quality $(ARGS)

CHECKS := check-format check-lint check-types check-stubs check-cython check-imports check-words check-docs
.PHONY: $(CHECKS)

check: $(CHECKS) ## Format, lint, types, stubs, import directions, spelling, documents (-k: all of them)

$(CHECKS): $(VENV)/.dev $(VENV)/.built

check-format:
	$(BIN)/ruff format --check $(SOURCES)

check-lint:
	$(BIN)/ruff check $(SOURCES)

check-types:
	$(BIN)/mypy

check-stubs:
	$(BIN)/python -m mypy.stubtest --concise --ignore-disjoint-bases \
		--allowlist tests/architecture/stubtest_allowlist.txt govproxy._fastpath

check-cython:
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint govproxy/_fastpath

check-imports:
	$(BIN)/lint-imports --no-cache

check-words:
	$(BIN)/codespell

check-docs:
	$(BIN)/python -m pytest -q tests/architecture

format: $(VENV)/.dev ## Put all sources into the house format
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

build: $(VENV)/.built ## Compile the data plane

build-strict: $(VENV)/.python ## Compile everything anew, with compiler warnings as errors
	GOVPROXY_STRICT=1 $(BIN)/python setup.py -q build_ext --inplace --force --parallel $(JOBS)
	@touch $(VENV)/.built

clean: ## Remove everything that was built or installed here
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks bench/out
	rm -f govproxy/_fastpath/*.c govproxy/_fastpath/*.so
	find govproxy tests $(wildcard bench) -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: each says that its extra is installed as constraints.txt wants it. The data plane is
# compiled first, in place; installing the package then finds it done.

$(VENV)/.python: constraints.txt
	@scripts/preflight $(PYTHON) $(UV)
	@echo "First time: installing what govproxy needs and compiling its data plane, a minute or two."
	$(CREATE)
	$(INSTALL) setuptools cython
	@touch $@

$(VENV)/.built: $(COMPILED) $(VENV)/.python
	$(BIN)/python setup.py -q build_ext --inplace --parallel $(JOBS)
	@touch $@

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/.built
	$(INSTALL) --no-build-isolation -e '.[demo]'
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/.built
	$(INSTALL) --no-build-isolation -e '.[demo,test]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/.built
	$(INSTALL) --no-build-isolation -e '.[demo,test,dev]'
	@touch $@
