"""What a machine lacks is said in one line, before anything is installed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

PREFLIGHT = Path(__file__).parent.parent / ".ci" / "preflight"


class Machine:
    """A machine that has only the programs put into its `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.include = folder / "include"
        self.include.mkdir()

    def python(self, name: str, version: str, *, venv: bool = True, headers: bool = True) -> None:
        if headers:
            (self.include / "Python.h").touch()
        answers = {
            "*version_info*": f"echo {version}",
            "*ensurepip*": f"exit {int(not venv)}",
            "*sysconfig*": f"echo {self.include}",
        }
        cases = " ".join(f"{asked}) {answer};;" for asked, answer in answers.items())
        self._program(name, f'case "$2" in {cases} esac')

    def compiler(self, *, headers: bool = True) -> None:
        self._program("cc", f"exit {int(not headers)}")

    def check(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", PREFLIGHT],
            env={"PATH": str(self.folder), **environment},
            capture_output=True,
            text=True,
        )

    def missing(self, **environment: str) -> str:
        """The one line said about what is missing."""
        done = self.check(**environment)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        return line

    def _program(self, name: str, script: str) -> None:
        file = self.folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("name", "version"), [("python3.12", "3.12"), ("python3.11", "3.11"), ("python3", "3.11")]
)
def test_a_python_that_will_do_is_printed(machine: Machine, name: str, version: str) -> None:
    machine.compiler()
    machine.python("python", "3.13")
    machine.python(name, version)
    done = machine.check()
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{machine.folder}/{name}\n", "")


def test_no_python_at_all(machine: Machine) -> None:
    machine.compiler()
    line = machine.missing()
    assert line.startswith("Missing: Python 3.11 or 3.12. Debian 12: apt-get install python3 ")


@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_a_python_too_old_or_too_new_is_named(machine: Machine, version: str) -> None:
    machine.compiler()
    machine.python("python3", version)
    assert machine.missing().startswith(f"Missing: Python 3.11 or 3.12; found {version}, and durable-rules")


def test_the_python_asked_for_is_not_silently_replaced(machine: Machine) -> None:
    machine.compiler()
    machine.python("python3.12", "3.12")
    assert machine.missing(PYTHON="/no/python").startswith("Missing: Python 3.11 or 3.12 as /no/python.")


def test_no_compiler(machine: Machine) -> None:
    machine.python("python3.12", "3.12")
    line = machine.missing()
    assert line.startswith("Missing: a C compiler ")
    assert "apt-get install gcc libc6-dev" in line


def test_a_compiler_named_otherwise_will_do(machine: Machine) -> None:
    machine.python("python3.12", "3.12")
    machine.compiler()
    (machine.folder / "cc").rename(machine.folder / "tcc")
    assert machine.check(CC="tcc").returncode == 0
    assert machine.missing().startswith("Missing: a C compiler ")


def test_no_venv(machine: Machine) -> None:
    machine.compiler()
    machine.python("python3.11", "3.11", venv=False)
    assert machine.missing() == "Missing: the venv module of python3.11. Debian: apt-get install python3-venv"


def test_no_headers_of_python(machine: Machine) -> None:
    machine.compiler()
    machine.python("python3.11", "3.11", headers=False)
    line = machine.missing()
    assert line.startswith("Missing: the C headers of python3.11 ")
    assert line.endswith("apt-get install python3-dev")


def test_no_headers_of_the_c_library(machine: Machine) -> None:
    machine.compiler(headers=False)
    machine.python("python3.11", "3.11")
    assert machine.missing().startswith("Missing: the C library headers ")
