"""`main.py users …`: who may sign in, from the command line to the store; passwords come by no argument."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from main import main
from storage import people, sessions, tries, users
from storage.database import Database
from storage.secret import Secret
from storage.users import Role
from transport.clock import SystemClock
from transport.console import user_commands
from transport.console.lockout import Lockout
from transport.console.passwords import Passwords
from transport.console.settings import ConsoleSettings

T = TypeVar("T")
Command = Callable[..., tuple[int, str, str]]
PASSWORD = "tre mele rosse al sole"


@pytest.fixture(autouse=True)
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("DATABASE_URL", "JOURNAL_KEY"):
        monkeypatch.delenv(name, raising=False)
    address = f"sqlite:///{tmp_path}/booking.db"
    monkeypatch.setenv("VBS_STORAGE__URL", address)
    return address


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `main.py users …` with a line on standard input: exit status, what was printed, what it complained of."""

    def run(*words: str, typed: str = f"{PASSWORD}\n") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        capsys.readouterr()
        status = main(["users", *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def stored(url: str, read: Callable[[], T]) -> T:
    with Database(url, Secret.read(Path(url.removeprefix("sqlite:///")).with_suffix(".key"))) as database:
        return database.run_blocking(read)


def add_consultants(url: str, *names: str) -> None:
    with Database(url) as database:
        database.migrate()
        for name in names:
            database.run_blocking(lambda name=name: people.add_consultant(name))


def test_users_are_added_and_listed(command: Command, url: str) -> None:
    add_consultants(url, "Marco")
    assert command("list") == (0, "there is no user yet: main.py users add NAME --role ROLE\n", "")
    assert command("add", "Ada", "--role", "amministratore") == (0, "ada   amministratore\n", "")
    added = command("add", "Bea", "--role", "revisore", "--role", "consulente")
    assert added == (0, "bea   consulente, revisore   consultant 1\n", "")
    assert command("list")[1].splitlines() == [
        "ada   amministratore",
        "bea   consulente, revisore   consultant 1",
    ]
    user = stored(url, lambda: users.by_name("ada"))
    assert user is not None
    assert Passwords().check(PASSWORD, user.password)


def test_a_consulente_is_told_apart_where_there_are_several(command: Command, url: str) -> None:
    add_consultants(url, "Marco", "Sara")
    status, _, said = command("add", "Bea", "--role", "consulente")
    assert (status, said) == (
        2,
        "there are 2 consultants: say whose agenda it is with --consultant ID\n",
    )
    assert command("add", "Bea", "--role", "consulente", "--consultant", "2")[0] == 0


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("corta\n", "the password cannot be used: it has fewer than 12 characters\n"),
        ("", "the password cannot be used: it has fewer than 12 characters\n"),
        ("aaaaaaaaaaaaaaa\n", "the password cannot be used: it has hardly any different characters\n"),
        ("adabianchi.12\n", "the password cannot be used: it is too much like the name\n"),
    ],
)
def test_a_weak_password_is_refused(command: Command, url: str, typed: str, said: str) -> None:
    assert command("add", "adabianchi", "--role", "analista", typed=typed) == (2, "", said)
    assert stored(url, users.users) == []


def test_at_a_terminal_it_is_typed_twice_and_not_shown(
    command: Command, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    answers = [PASSWORD, PASSWORD + "!", PASSWORD, PASSWORD]

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return answers.pop(0)

    monkeypatch.setattr(user_commands.getpass, "getpass", ask)
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert main(["users", "add", "ada", "--role", "analista"]) == 2
    assert "differ" in capsys.readouterr().err
    assert main(["users", "add", "ada", "--role", "analista"]) == 0
    assert asked == ["Password for ada: ", "The same again: "] * 2
    assert len(stored(url, users.users)) == 1


def test_the_password_is_no_argument(command: Command) -> None:
    with pytest.raises(SystemExit):
        command("add", "ada", PASSWORD, "--role", "analista")
    with pytest.raises(SystemExit):
        command("add", "ada", "--role", "capo")


def test_disabled_and_let_in_again(command: Command, url: str) -> None:
    command("add", "ada", "--role", "amministratore")
    status, _, said = command("disable", "ada")
    assert (status, said) == (2, "'ada' is the last who administers: add another amministratore first\n")
    command("add", "bea", "--role", "amministratore")
    assert command("disable", "ADA") == (0, "ada   amministratore   disabled\n", "")
    assert command("disable", "ada", "--undo") == (0, "ada   amministratore\n", "")
    assert command("disable", "carla")[2] == "there is no user 'carla'\n"


def test_a_new_password_ends_sessions_and_waits(command: Command, url: str) -> None:
    command("add", "ada", "--role", "amministratore")
    now, settings = SystemClock().now(), ConsoleSettings()
    secret = Secret.read(Path(url.removeprefix("sqlite:///")).with_suffix(".key"))
    assert secret is not None, "the counting hangs on the key that servers share"
    (subject,) = Lockout(secret, settings).of_user("Ada")

    def sign_in_and_fail() -> None:
        ada = users.by_name("ada")
        assert ada is not None
        sessions.begin(
            ada.id, now=now, longest=settings.longest, idle=settings.idle, address="x", browser="x"
        )
        for _ in range(settings.free_tries):
            tries.begin([tries.Subject(subject, 5)], now=now, longest=settings.longest_wait)

    def waits() -> bool:
        return tries.begin([tries.Subject(subject, 5)], now=now, longest=timedelta(minutes=1)) is not None

    stored(url, sign_in_and_fail)
    assert stored(url, waits)
    assert command("list")[1] == "ada   amministratore   signed in 1×\n"
    new = "quattro pere verdi"
    changed = command("password", "Ada", typed=f"{new}\n")
    assert changed == (0, "ada: the password is changed, and their sessions have ended\n", "")
    assert command("list")[1] == "ada   amministratore\n"
    assert not stored(url, waits)
    user = stored(url, lambda: users.by_name("ada"))
    assert user is not None and Passwords().check(new, user.password)
    assert command("password", "carla") == (2, "", "there is no user 'carla'\n")


def test_roles_are_those_that_pages_ask(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command("add", "--help")
    assert "{" + ",".join(Role) + "}" in capsys.readouterr().out
