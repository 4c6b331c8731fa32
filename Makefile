# make demo   install, start the server on embedded defaults, play calls through it
# make test   lint, types, unit tests, rehearsals and whole calls over real sockets
.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench serve lock install clean

VENV := .venv
PY := $(VENV)/bin/python
LOCK := requirements.lock
READY := $(VENV)/.ready
ARGS ?=

help:
	@sed -n 's/^# make/make/p' Makefile

# Checked on every run, so that what is missing is said before anything else.
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

test: $(READY) lint
	@$(PY) -m pytest $(ARGS)

lint: $(READY)
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo

format: $(READY)
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

bench: $(READY)
	@$(PY) -m bench $(ARGS)

# Writes the lock anew from pyproject.toml; commit the result.
lock:
	@uv pip compile --universal --python-version 3.11 --group dev pyproject.toml \
		--no-emit-index-url --no-emit-find-links --no-header -q -o $(LOCK)

clean:
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis
