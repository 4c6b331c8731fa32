"""`main.py journal …` and `main.py privacy …`: what an auditor and whoever answers for personal data type."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from main import main
from storage import bookings, calls, seed
from storage.database import Database
from storage.results import Lead
from storage.secret import Secret
from tests.storage.playground import Store, furnish
from tests.storage.test_audit import fill

Run = Callable[..., tuple[int, str, str]]
PHONE = "+393331234567"


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATABASE_URL", "JOURNAL_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VBS_STORAGE__URL", f"sqlite:///{tmp_path}/booking.db")
    return tmp_path / "booking.db"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `main.py …`: exit status, what was printed, what was complained about."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(list(words))
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@contextmanager
def opened(file: Path) -> Iterator[Store]:
    with Database(f"sqlite:///{file}", Secret.kept(file.with_suffix(".key"))) as database:
        database.migrate()
        yield Store(database)


@pytest.fixture
def made(file: Path) -> list[str]:
    """Three calls with journal entries and checkpoints."""
    with opened(file) as store:
        return fill(furnish(store))


def test_a_whole_journal_is_verified_with_its_rate(run: Run, made: list[str]) -> None:
    status, said, _ = run("journal", "verify")
    lines = said.splitlines()
    assert status == 0
    assert lines[0].startswith("18 entries of 3 calls and 2 checkpoints in ") and "entries/s" in lines[0]
    assert lines[-1] == "the journal is whole"
    anchor = lines[-2].removeprefix("last checkpoint ")
    assert run("journal", "verify", "--call", made[0], "--anchor", anchor)[0] == 0
    status, said, _ = run("journal", "verify", "--anchor", f"2:{'0' * 64}")
    assert (status, said.splitlines()[-1]) == (
        1, "NOT WHOLE; the first: checkpoint 2: it is not the one that was noted",
    )  # fmt: skip


def test_the_first_fault_is_named_and_the_status_is_1(run: Run, made: list[str], file: Path) -> None:
    with opened(file) as store:
        store.tamper(f"DELETE FROM transitions WHERE call_id = '{made[1]}' AND sequence = 6")
    status, said, _ = run("journal", "verify")
    told = f"call {made[1]}, entry 6: it is missing: checkpoint 2 knows 6 entries of this call"
    assert (status, said.splitlines()[0], said.splitlines()[-1]) == (1, told, f"NOT WHOLE; the first: {told}")


def test_the_key_is_kept_beside_the_database_for_its_owner_alone(run: Run, file: Path) -> None:
    assert run("db", "consultant", "Marco Rossi")[0] == 0
    key = file.with_suffix(".key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    public = run("journal", "key")[1].strip()
    assert public == Secret.kept(key).public_key
    key.chmod(0o644)
    status, _, complained = run("db", "client", "Ada", PHONE)
    assert status == 2 and "others can read" in complained and len(complained.splitlines()) == 1


def test_the_key_of_the_environment_wins(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_KEY", "a key of the environment, long enough")
    assert run("db", "consultant", "Marco Rossi")[0] == 0
    assert not file.with_suffix(".key").exists()
    monkeypatch.setenv("JOURNAL_KEY", "k3y")
    status, _, complained = run("journal", "key")
    assert (status, "k3y" in complained, "too short" in complained) == (2, False, True)


def test_without_its_key_the_journal_is_verified_by_the_one_named(
    run: Run, made: list[str], file: Path
) -> None:
    public = run("journal", "key")[1].strip()
    file.with_suffix(".key").unlink()
    assert "no key to trust" in run("journal", "verify")[2]
    assert "key is not here" in run("journal", "export", str(file.with_name("out")))[2]
    assert run("journal", "verify", "--trust", public)[0] == 0
    assert run("journal", "verify", "--trust", "00")[0] == 1
    assert not file.with_suffix(".key").exists()


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_verifies_itself(run: Run, made: list[str], tmp_path: Path, form: str) -> None:
    folder = tmp_path / "out"
    status, said, _ = run("journal", "export", str(folder), "--format", form)
    assert status == 0 and said.startswith("18 entries in ")
    words = said.split("python3 ")[1].split()
    done = subprocess.run([sys.executable, "-I", "-S", *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "18 entries, 2 checkpoints: whole\n")
    part = tmp_path / "part"
    assert run("journal", "export", str(part), "--since", "2026-02-10")[1].startswith("0 entries")
    assert run("journal", "export", str(tmp_path / "one"), "--call", made[0])[1].startswith("6 entries")


def test_a_call_is_told(run: Run, made: list[str]) -> None:
    status, said, _ = run("journal", "show", made[0])
    assert status == 0 and f"Chiamata {made[0]}: {PHONE}, in entrata" in said
    assert "[3] correzione" in said and "telefono: — → +393331234567" in said
    assert run("journal", "show", "nobody") == (2, "", "there is no call nobody\n")


@pytest.fixture
def coming(file: Path, made: list[str]) -> str:
    """The id of a booking of the caller's next week."""
    now = datetime.now(UTC)
    with opened(file) as store:
        for call_id in made:
            store.do(calls.finish_call, call_id, now=now, reason="hangup")
        lead = Lead(PHONE, "lia@example.it", "Lia")
        start = (now + timedelta(days=7)).replace(minute=0, second=0, microsecond=0)
        booked = store.do(seed.add_booking, 1, start, 60, now=now, lead=lead)
        assert store.do(bookings.booking, booked.kind, booked.id).in_force
    return booked.id


def test_erasing_says_first_what_there_is_and_does_nothing_unasked(run: Run, coming: str, file: Path) -> None:
    status, said, _ = run("privacy", "erase", "--phone", "333 123 4567")
    lines = said.splitlines()
    assert (status, lines[0]) == (
        1,
        "3 calls, 0 more in which they are named, 0 chats, 1 bookings, 0 calls to place, 0 clients",
    )
    assert lines[1].startswith("still to come: ") and coming in lines[1]
    assert "nothing was erased" in lines[2] and "--cancel-bookings" in lines[2]
    assert PHONE.encode() in file.read_bytes()


@pytest.mark.parametrize(("word", "cells"), [("--yes", 4), ("--cancel-bookings", 0)])
def test_a_person_is_erased_and_the_journal_stays_whole(
    run: Run, coming: str, file: Path, word: str, cells: int
) -> None:
    status, said, _ = run("privacy", "erase", "--phone", PHONE, word)
    assert status == 0 and coming in said and "erased: calls 3" in said
    left = b"".join(path.read_bytes() for path in file.parent.glob("booking.db*"))
    assert PHONE.encode() not in left and b"lia@example.it" not in left
    assert run("journal", "verify")[0] == 0
    with opened(file) as store:
        assert store.cells() == cells
    assert run("privacy", "erase", "--phone", PHONE, word)[1] == "nothing is known of this person\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "name the person"),
        (("--phone", "12"), "no whole phone number"),
        (("--client", "99"), "there is no client 99"),
    ],
)  # fmt: skip
def test_nobody_is_erased_by_mistake(
    run: Run, made: list[str], words: tuple[str, ...], complaint: str
) -> None:
    status, said, complained = run("privacy", "erase", *words, "--yes")
    assert (status, said) == (2, "") and complaint in complained
