# Two commands do everything on a fresh machine: make demo, make test.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
# only files whose hash is written down, and none that would have to be built from what is not
LOCKED := --require-hashes --only-binary :all:
RESOLVE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade pyproject.toml \
	--custom-compile-command "make lock"
# as many processes as the machine has cores and one more, because tests wait a lot; one for a file or a test
PYTEST = $(if $(findstring tests/,$(ARGS)),,-n $(shell n=$$(nproc 2>/dev/null || sysctl -n hw.ncpu); \
	echo $$((n < 5 ? n + 1 : 6))) --dist loadfile --no-loadscope-reorder)

# what is compiled once need not be compiled by each process of a run
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo up test check bench chaos ataque lint format lock clean

help: ## Show what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/local ## The main job from nothing but Python 3.11+: two consultas, from POST to download
	$(BIN)/climaguru demo $(ARGS)

up: $(VENV)/local ## The whole stack at http://127.0.0.1:5000 until Ctrl-C (ARGS="--puerto 5001 --trabajadores 2")
	$(BIN)/climaguru up $(ARGS)

test: $(VENV)/test ## All tests, on real MariaDB and Redis servers that each process of the run starts itself
	sh tests/servidores.sh
	$(BIN)/python -m pytest $(PYTEST) $(ARGS)

check: lint ## What can be said in a minute: lint, and the tests that need no server (ARGS as for test)
	$(BIN)/python -m pytest $(PYTEST) -m "not servidor" $(ARGS)

bench: $(VENV)/test ## Measure, as ratios within one run: clients waiting, logins, consultas per second; ARGS=--reportes or --limpieza: a million consultas
	sh tests/servidores.sh
	$(BIN)/python -m tests.bench $(ARGS)

chaos: $(VENV)/test ## Every fault under load on real servers; ends with a table of what was lost (nothing)
	sh tests/servidores.sh caos
	$(BIN)/python -m tests.caos $(ARGS)

ataque: $(VENV)/test ## A hostile user against a whole installation on its defaults; ends with a table of what got through (nothing)
	sh tests/servidores.sh
	$(BIN)/python -m tests.ataque $(ARGS)

lint: $(VENV)/test ## ruff, mypy --strict, import contracts, known vulnerabilities of the locked packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tests.auditoria

format: $(VENV)/test ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/test ## Resolve pyproject.toml again into the three files of locked packages
	$(BIN)/pip install --quiet uv
	$(RESOLVE) --all-extras -o requirements-test.lock
	$(RESOLVE) --no-annotate -c requirements-test.lock --extra build --extra local -o requirements-local.lock
	$(RESOLVE) --no-annotate -c requirements-test.lock --extra build -o requirements.lock

clean: ## Remove the virtual environment and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/local: pyproject.toml requirements-local.lock
	@test -n "$(PYTHON)" || { echo "ClimaGuru needs Python 3.11 or newer on PATH (or: make PYTHON=/path/to/python)"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { \
		echo "Could not make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PIP) $(LOCKED) -r requirements-local.lock
	$(PIP) --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/test: $(VENV)/local requirements-test.lock
	$(PIP) $(LOCKED) -r requirements-test.lock
	@touch $@
