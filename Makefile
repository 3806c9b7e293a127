# `make` alone lists what there is. Everything lives in .venv; nothing outside the checkout is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
WORKERS ?= auto
PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help run test check lint types contracts format bench drills screenshots migration clean

help: ## list what make can do
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

run: $(VENV)/.runtime ## load the demo marketplace, serve it on http://127.0.0.1:8000 and run the scheduler
	@$(BIN)/operator-qos demo --port $(PORT)

test: $(VENV)/.tests ## every test but the drills, on SQLite and (where it is) PostgreSQL, then the coverage gates
	@rm -rf .coverage
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow" -rs -p tests.measuring
	@$(BIN)/python -m tests.gates

check: lint types contracts ## everything that reads the code without running it

lint: $(VENV)/.tests ## ruff
	@$(BIN)/ruff check .

types: $(VENV)/.tests ## mypy --strict
	@$(BIN)/mypy

contracts: $(VENV)/.tests ## who may import whom, sizes, what the wheel holds
	@$(BIN)/lint-imports
	@$(BIN)/pytest tests/architecture

format: $(VENV)/.tests ## let ruff mend what it can
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.tests ## measure; one JSON line per figure
	@$(PIP) --editable '.[bench]'
	@$(BIN)/operator-qos demo --no-serve
	@$(BIN)/python -m benchmarks

drills: $(VENV)/.tests ## the slow tests: kills, restarts, long histories, Spark (needs Java 17 or newer)
	@$(PIP) --editable '.[spark]'
	@$(BIN)/pytest -m slow -rs

screenshots: $(VENV)/.tests ## take the pictures of the README anew (needs Chromium)
	@$(BIN)/operator-qos demo --no-serve
	@$(BIN)/python -m benchmarks.screenshots

migration: $(VENV)/.tests ## draft a migration for changed models: make migration m="what changes"
	@test -n '$(m)' || { echo 'say what changes: make migration m="add a column for …"'; exit 1; }
	@$(BIN)/python -c 'import sys; from operator_qos import migrate; migrate.draft_next_revision(sys.argv[1])' '$(m)'

clean: ## remove the environment, caches and the demo database
	@rm -rf $(VENV) var .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name yours with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "the environment could not be made (Debian: apt-get install python3-venv)"; rm -rf $(VENV); exit 1; }

# A stamp is newer than pyproject.toml while what was installed is what is asked for.
$(VENV)/.runtime: pyproject.toml | $(BIN)/python
	@echo "Installing what the application needs into $(VENV) (once)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.tests: pyproject.toml $(VENV)/.runtime | $(BIN)/python
	@echo "Installing what the tests need into $(VENV) (once)"
	@$(PIP) --editable '.[test]'
	@touch $@
