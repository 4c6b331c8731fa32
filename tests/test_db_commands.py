"""`main.py db …`: what is needed to start for real, from the command line to the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TypeVar

import pytest

from main import main
from storage import people
from storage.database import Database
from tests.storage.playground import MIGRATIONS

T = TypeVar("T")


@pytest.fixture(autouse=True)
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    address = f"sqlite:///{tmp_path}/booking.db"
    monkeypatch.setenv("VBS_STORAGE__URL", address)
    return address


@pytest.fixture
def db(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs `main.py db …`: exit status, what was printed, what was complained about."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(["db", *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def stored(url: str, read: Callable[[], T]) -> T:
    with Database(url) as database:
        return database.run_blocking(read)


def test_migrate_and_status(db: Callable[..., tuple[int, str, str]]) -> None:
    assert db("status") == (1, "".join(f"missing  {name}\n" for name in MIGRATIONS), "")
    assert db("migrate") == (0, "".join(f"{name}\n" for name in MIGRATIONS), "")
    assert db("migrate") == (0, "nothing to do\n", "")
    assert db("status") == (0, "".join(f"applied  {name}\n" for name in MIGRATIONS), "")


def test_a_consultant_is_added_with_zone_and_hours(db: Callable[..., tuple[int, str, str]], url: str) -> None:
    assert db("consultant", "Marco Rossi") == (0, "consultant 1\n", "")
    hours = ("--hours", "lun-gio 9:00-13:00", "--hours", "ven 10:00-12:00 13:00-17:30")
    assert db("consultant", "Anna Verdi", "--zone", "Europe/Zurich", *hours)[0] == 0
    marco, anna = stored(url, people.consultants)
    assert (marco.name, str(marco.zone)) == ("Marco Rossi", "Europe/Rome")
    assert set(marco.settings.weekly_hours) == {"lun", "mar", "mer", "gio", "ven"}
    assert (anna.name, str(anna.zone)) == ("Anna Verdi", "Europe/Zurich")
    assert dict(anna.settings.weekly_hours) == {
        **dict.fromkeys(("lun", "mar", "mer", "gio"), ((time(9), time(13)),)),
        "ven": ((time(10), time(12)), (time(13), time(17, 30))),
    }
    assert db("status")[1].splitlines()[len(MIGRATIONS) :] == [
        "consultant 1: Marco Rossi (Europe/Rome)",
        "consultant 2: Anna Verdi (Europe/Zurich)",
    ]


@pytest.mark.parametrize("written", ["+393401234567", "340 123 4567", "0039 340.1234567", "(340) 123-45/67"])
def test_a_client_is_known_by_the_number_in_e164(
    db: Callable[..., tuple[int, str, str]], url: str, written: str
) -> None:
    db("consultant", "Marco Rossi")
    assert db("client", "Ada", written, "--email", "ada@example.com") == (0, "client 1\n", "")
    ada = stored(url, lambda: people.find_client("+393401234567"))
    assert ada is not None
    assert (ada.name, ada.email, ada.consultant_id) == ("Ada", "ada@example.com", 1)


def test_a_scheduled_call_is_printed_with_the_id_for_the_bridge(
    db: Callable[..., tuple[int, str, str]], url: str
) -> None:
    db("consultant", "Marco Rossi")
    db("client", "Ada", "3401234567")
    status, said, _ = db(
        "call", "3401234567", "--client", "1", "--at", "2026-12-01T10:00", "--purpose", "richiamo"
    )
    assert status == 0
    word, name = said.split()
    assert word == "scheduledCallId"
    call = stored(url, lambda: people.scheduled_call(name))
    assert call is not None
    assert (call.consultant_id, call.target_number, call.client_id) == (1, "+393401234567", 1)
    assert call.due_at == datetime(2026, 12, 1, 9, tzinfo=UTC)  # 10:00 in Rome
    assert call.purpose == "richiamo"


def test_an_instant_with_its_own_zone_is_kept(db: Callable[..., tuple[int, str, str]], url: str) -> None:
    db("consultant", "Marco Rossi")
    name = db("call", "0612345678", "--at", "2026-12-01T10:00+00:00")[1].split()[1]
    call = stored(url, lambda: people.scheduled_call(name))
    assert call is not None
    assert (call.due_at, call.client_id) == (datetime(2026, 12, 1, 10, tzinfo=UTC), None)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("consultant", "B", "--zone", "Mars/Olympus"), "'Mars/Olympus' is no time zone"),
        (("consultant", "B", "--zone", "../etc"), "'../etc' is no time zone"),
        (("consultant", "B", "--hours", "lun-ven"), "'lun-ven' says no days and hours"),
        (("consultant", "B", "--hours", "mon 09:00-10:00"), "with the days lun, mar"),
        (("consultant", "B", "--hours", "ven-lun 09:00-10:00"), "ascending order"),
        (("consultant", "B", "--hours", "lun 09:00-12:00 11:00-13:00"), "ascending order"),
        (("consultant", "B", "--hours", "lun 12:00-09:00"), "12:00-09:00 ends before it begins"),
        (("consultant", "B", "--hours", "lun 09:00-24:00"), "09:00-24:00 is no stretch of a day"),
        (("client", "B", "340123"), "'340123' is no whole phone number"),
        (("client", "B", "34012345678"), "'34012345678' is no whole phone number"),
        (("client", "B", "call me"), "'call me' is no whole phone number"),
        (("client", "B", "+393401234567"), "already registered, to client 1"),
        (("client", "B", "+393401234568", "--consultant", "9"), "there is no consultant 9"),
        (("call", "12"), "'12' is no whole phone number"),
        (("call", "3401234567", "--client", "9", "--consultant", "1"), "consultant 1 has no client 9"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(
    db: Callable[..., tuple[int, str, str]], url: str, words: tuple[str, ...], complaint: str
) -> None:
    db("consultant", "Marco Rossi")
    db("client", "Ada", "+393401234567")
    status, said, complained = db(*words)
    assert (status, said) == (2, "")
    assert complaint in complained
    assert len(complained.splitlines()) == 1
    assert len(stored(url, people.consultants)) == 1


def test_of_two_consultants_one_must_be_named(db: Callable[..., tuple[int, str, str]], url: str) -> None:
    assert "there are 0 consultants" in db("client", "Ada", "+393401234567")[2]
    db("consultant", "Marco Rossi")
    db("consultant", "Anna Verdi")
    status, _, complained = db("client", "Ada", "+393401234567")
    assert (status, complained) == (2, "there are 2 consultants: name one with --consultant ID\n")
    assert db("client", "Ada", "+393401234567", "--consultant", "2")[0] == 0
    ada = stored(url, lambda: people.find_client("+393401234567"))
    assert ada is not None and ada.consultant_id == 2


def test_an_instant_that_is_none_is_refused(
    db: Callable[..., tuple[int, str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        db("call", "3401234567", "--at", "ieri")
    assert refused.value.code == 2
    assert "'ieri' is no instant such as 2026-02-11T15:00" in capsys.readouterr().err


def test_where_calls_are_transferred_is_set_with_a_consultant_or_afterwards(
    db: Callable[..., tuple[int, str, str]], url: str
) -> None:
    assert db("consultant", "Marco Rossi", "--transfer", "06 1234 5678")[0] == 0
    assert stored(url, people.consultants)[0].transfer_number == "+390612345678"
    assert db("transfer", "+39 340 123 4567") == (0, "calls are transferred to +393401234567\n", "")
    assert stored(url, people.consultants)[0].transfer_number == "+393401234567"
    assert db("transfer", "none", "--consultant", "1") == (0, "no calls are transferred\n", "")
    assert stored(url, people.consultants)[0].transfer_number is None


@pytest.mark.parametrize("number", ["340", "interno 12", "sip:anna@example.com", ""])
def test_what_is_no_number_is_refused(db: Callable[..., tuple[int, str, str]], url: str, number: str) -> None:
    db("consultant", "Marco Rossi", "--transfer", "+390612345678")
    assert db("transfer", number)[0] == 2
    assert stored(url, people.consultants)[0].transfer_number == "+390612345678"
    assert db("transfer", "+390612345678", "--consultant", "7")[0] == 2
