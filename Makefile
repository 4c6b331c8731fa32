# make demo    install, start the server on embedded defaults, play calls through it
# make test    lint, types, unit tests, rehearsals and whole calls over real sockets; ARGS="PATH …" runs these tests only
# make lint    only the lint and type checks of make test
# make serve   answer calls; needs GEMINI_API_KEY
# make bench   list the measurements; make bench ARGS="NAME …" runs one
# make clean   remove what was installed and cached; var/ with the bookings stays
.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench serve lock install clean

VENV := .venv
PY := $(VENV)/bin/python
LOCK := requirements.lock
READY := $(VENV)/.ready
ARGS ?=
# More than cores where these are few: many tests wait for a browser, a database or other processes.
WORKERS ?= $(shell cores=$$(nproc 2>/dev/null || echo 2); echo $$((cores < 4 ? 2 * cores : cores)))

help:
	@sed -n 's/^# make/make/p' Makefile

# A Python that has gone since the installation calls for a new one.
ifneq ($(shell $(PY) -c 'print("runs")' 2>/dev/null),runs)
.PHONY: $(READY)
endif

# What the machine lacks is said before anything is installed.
$(READY): pyproject.toml $(LOCK)
	@python=$$(.ci/preflight) && "$$python" -m venv --clear $(VENV)
	@echo "Installing the locked packages into $(VENV) …"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r $(LOCK)
	@touch $@

install: $(READY)

demo: $(READY)
	@$(PY) main.py demo $(ARGS)

serve: $(READY)
	@$(PY) main.py serve $(ARGS)

# Whole calls keep time with a clock, and mostly wait: a few go side by side, and nothing else beside them.
test: $(READY) lint
ifeq ($(strip $(ARGS)),)
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal --ignore=tests/calls
	@$(PY) -m pytest -n 4 --dist loadgroup tests/calls
else
	@$(PY) -m pytest $(ARGS)
endif

lint: $(READY)
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) $(VENV)/bin/lint-imports --no-logo

format: $(READY)
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench: $(READY)
	@$(PY) -m bench $(ARGS)

# Writes the lock anew from pyproject.toml; commit the result.
lock:
	@uv pip compile --universal --python-version 3.11 --group dev pyproject.toml \
		--no-emit-index-url --no-emit-find-links --no-header -q -o $(LOCK)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
