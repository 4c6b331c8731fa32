"""Imports point one way (DESIGN, "Where things live"), and only the edges know sockets, SQL and the time of day."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("engine", "rules", "fsm", "storage", "transport")
LAYERS = {
    "transport": {"engine", "rules", "fsm", "storage"},
    "engine": {"rules", "fsm", "storage"},
    "rules": set(),
    "fsm": set(),
    "storage": set(),
}
# Foreign packages that only one place of ours may speak to.
KEPT_TO = {
    "durable": ("rules.decider",),
    "statemachine": ("fsm",),
    "peewee": ("storage",),
    "playhouse": ("storage",),
    "psycopg2": ("storage",),
    "sqlite3": ("storage",),
    "cryptography": ("storage",),
    "prometheus_client": ("transport.metrics", "transport.workers"),
    "aiohttp": ("transport",),
    "aiohttp_jinja2": ("transport",),
    "google": ("transport",),
    "google_auth_httplib2": ("transport.calendar.google",),
    "googleapiclient": ("transport.calendar.google",),
    "httplib2": ("transport.calendar.google",),
    "icalendar": ("transport.calendar.ics",),
    "websockets": ("transport",),
    "socket": ("transport",),
    "ssl": ("transport",),
}


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


def importers(of: str) -> set[str]:
    """Our modules that import `of`, or something in it, directly."""
    names = {name for name in graph().modules if name == of or name.startswith(f"{of}.")}
    found = {importer for name in names for importer in graph().find_modules_that_directly_import(name)}
    return {name for name in found if name.split(".")[0] in PACKAGES}


def inside(module: str, *places: str) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def test_the_contracts_in_pyproject_hold() -> None:
    # In a process of its own: import-linter turns off every logger of the process it runs in.
    linter = "import sys, importlinter.cli as cli; sys.exit(cli.lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", linter], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_from_rooms_below(package: str) -> None:
    seen = {
        (name, imported)
        for name in graph().modules
        if inside(name, package)
        for imported in graph().find_modules_directly_imported_by(name)
        if imported.split(".")[0] in set(PACKAGES) - {package} - LAYERS[package]
    }
    assert seen == set()


def test_no_package_imports_the_composition_root() -> None:
    assert importers("main") == set()
    assert importers("tests") == set()


@pytest.mark.parametrize(("foreign", "places"), KEPT_TO.items(), ids=KEPT_TO)
def test_a_foreign_package_is_kept_to_its_place(foreign: str, places: tuple[str, ...]) -> None:
    assert {name for name in importers(foreign) if not inside(name, *places)} == set()


def test_durable_rules_has_exactly_one_door() -> None:
    assert importers("durable") == {"rules.decider"}


def test_what_stands_in_for_the_outside_world_is_used_by_no_production_code() -> None:
    outside = {name for name in importers("transport.simulation") if not inside(name, "transport.simulation")}
    assert outside == set()


def calls_of(path: Path) -> Iterator[str]:
    """What is called in a file, as written: "datetime.now", "time.time"."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


# Timings of the machine itself, which no call and no booking depends on.
_WAITS = frozenset({"time.sleep", "time.monotonic"})
REAL_TIME = {"storage/database.py": _WAITS, "storage/migrating.py": _WAITS}


@pytest.mark.parametrize("package", ["engine", "rules", "fsm", "storage"])
def test_the_time_is_told_from_outside(package: str) -> None:
    clocks = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "dt.datetime.now"}
    clocks |= {"dt.date.today", "time.time", "time.monotonic", "time.sleep", "asyncio.sleep"}
    for path in (ROOT / package).rglob("*.py"):
        name = str(path.relative_to(ROOT))
        assert set(calls_of(path)) & clocks <= REAL_TIME.get(name, frozenset()), name
