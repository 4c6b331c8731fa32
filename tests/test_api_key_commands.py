"""`api-key add`, `list` and `revoke`, as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

import main
from storage import api_keys
from storage.database import Database


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path}/booking.db"
    monkeypatch.setenv("DATABASE_URL", url)
    return url


def run(*words: str) -> int:
    return main.main(["api-key", *words])


def known(url: str, written: str) -> api_keys.Key | None:
    with Database(url) as database:
        return database.run_blocking(lambda: api_keys.known_by(written))


def test_a_key_is_printed_once_listed_without_its_secret_and_revoked(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("add", "sito", "--scope", "tools", "--scope", "conversations:read") == 0
    written = capsys.readouterr().out.strip()
    key = known(store, written)
    assert key is not None and key.scopes == {"tools", "conversations:read"}
    assert run("list") == 0
    listed = capsys.readouterr().out
    assert "sito" in listed and "in force" in listed and key.id in listed
    assert written.split("_", 2)[2] not in listed
    assert run("revoke", key.id) == 0
    assert known(store, written) is None
    run("list")
    assert "revoked" in capsys.readouterr().out


def test_without_scopes_it_may_do_everything(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "sito")
    key = known(store, capsys.readouterr().out.strip())
    assert key is not None and key.scopes == set(api_keys.SCOPES)


def test_what_cannot_be_done_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", "Il mio sito") == 2
    assert "no name of an integration" in capsys.readouterr().err
    assert run("revoke", "nothing") == 2
    assert "there is no key nothing" in capsys.readouterr().err
