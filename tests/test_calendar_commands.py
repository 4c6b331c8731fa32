"""`main.py calendar …`: calendars are set, shown, fed and tried again from the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from main import main
from storage import bookings, calendar_tasks, calendars, people
from storage.availability import available_starts
from storage.database import Database
from storage.results import Hold
from tests.storage.ready import bring_up

CALENDAR = "rossi@example.it"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("DATABASE_URL", "GOOGLE_CALENDAR_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    address = f"sqlite:///{tmp_path}/booking.db"
    monkeypatch.setenv("VBS_STORAGE__URL", address)
    with Database(address) as database:
        bring_up(database)
        database.run_blocking(lambda: people.add_consultant("Marco Rossi"))
        database.run_blocking(lambda: people.add_client("Ada", "+393401111111", consultant_id=1))
    return address


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `main.py calendar …`: exit status, what was printed, what was complained about."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(["calendar", *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def book() -> None:
    now = datetime.now(UTC)
    start = available_starts(1, now, now + timedelta(days=30), 60, now=now, limit=1)[0]
    held = bookings.propose(consultant_id=1, conversation="c", client_id=1, start=start, minutes=60, now=now)
    assert isinstance(held, Hold)
    bookings.confirm(token=held.token, conversation="c", client_id=1, now=now)


def give_up() -> None:
    now = datetime.now(UTC) + timedelta(minutes=1)
    (task,) = calendar_tasks.take("w", most=1, lease=timedelta(minutes=1), now=now)
    calendar_tasks.failed(task, "w", "it was refused", again_at=None)


def test_a_calendar_is_set_shown_and_taken_away(run: Run, url: str) -> None:
    assert run("show") == (0, "consultant 1: Marco Rossi: no calendar; no feed\n", "")
    with Database(url) as database:
        database.run_blocking(book)
    told = f"consultant 1: {CALENDAR}; bookings still to come that it will get: 1\n"
    assert run("set", "1", CALENDAR) == (0, told, "")
    status, said, _ = run("show")
    assert status == 0
    assert said.splitlines() == [
        f"consultant 1: Marco Rossi: {CALENDAR}, never read; no feed",
        "open  1: create for Marco Rossi, 0 tries",
    ]
    assert run("set", "1", CALENDAR)[1].endswith("will get: 0\n")  # it is on its way already
    assert run("set", "1")[1].startswith("consultant 1: no calendar")
    assert run("set", "9", CALENDAR) == (2, "", "there is no consultant 9\n")


def test_what_was_given_up_is_shown_and_tried_again(run: Run, url: str) -> None:
    run("set", "1", CALENDAR)
    with Database(url) as database:
        database.run_blocking(book)
        database.run_blocking(give_up)
    status, said, _ = run("show")
    assert status == 1
    assert said.splitlines()[-1] == "DEAD  1: create for Marco Rossi, 1 tries, last: it was refused"
    assert run("retry", "7") == (2, "", "task 7 is no dead letter\n")
    assert run("retry", "1") == (0, "to be tried again: 1\n", "")
    assert run("retry") == (0, "to be tried again: 0\n", "")
    assert run("show")[1].splitlines()[-1] == (
        "open  1: create for Marco Rossi, 0 tries, last: it was refused"
    )


def test_a_feed_has_a_secret_address_until_it_is_revoked(
    run: Run, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, said, _ = run("feed", "1")
    found = re.fullmatch(r"http://127\.0\.0\.1:8080/ics/([\w-]{43})\.ics\n", said)
    assert status == 0 and found is not None

    def opens() -> bool:
        return calendars.feed(found[1], now=datetime.now(UTC)) is not None

    with Database(url) as database:
        assert database.run_blocking(opens)
    monkeypatch.setenv("VBS_CONSOLE__PUBLIC_URL", "https://voice.example.com")
    assert run("feed", "1")[1].startswith("https://voice.example.com/ics/")
    with Database(url) as database:
        assert not database.run_blocking(opens)
    assert run("show")[1] == "consultant 1: Marco Rossi: no calendar; has a feed\n"
    assert run("feed", "1", "--revoke") == (0, "consultant 1: no feed any more\n", "")
    assert run("show")[1] == "consultant 1: Marco Rossi: no calendar; no feed\n"


def test_an_address_of_the_newer_kind_is_one_that_can_be_opened(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VBS_SERVER__HOST", "::1")
    assert run("feed", "1")[1].startswith("http://[::1]:8080/ics/")


def test_unreadable_credentials_stop_the_server_before_it_answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VBS_GEMINI__EMULATOR", "true")
    monkeypatch.setenv("VBS_SERVER__PORT", "0")
    monkeypatch.setenv("GOOGLE_CALENDAR_CREDENTIALS", '{"type": "service_account", "private_key": "k3y"}')
    assert main(["serve"]) == 2
    said = capsys.readouterr().err
    assert "GOOGLE_CALENDAR_CREDENTIALS cannot be read" in said and "k3y" not in said
