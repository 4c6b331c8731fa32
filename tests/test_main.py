"""The command line: rehearsals in words and as JSON, exit statuses, and what is refused before anything runs."""

from __future__ import annotations

import io
import json
import shutil
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import ClientSession, web

from engine.rehearsal import rehearse
from main import _demo_server, load_settings, main, server_parts
from rules.facts import EVENTS, FACTS
from transport.clock import SystemClock
from transport.console.open_door import OpenDoor
from transport.server import Parts
from transport.settings import ServerSettings
from transport.simulation.clock import ScaledClock
from transport.simulation.settings import DemoSettings
from transport.switchboard import Switchboard
from transport.tokens import BridgeTokens

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "rules" / "it" / "examples"
BOOKS = EXAMPLES / "scenarios" / "a_cliente_prenota.toml"
MOVES = EXAMPLES / "reschedule" / "sposta.toml"
KEYS = [
    "file",
    "title",
    "stage",
    "task",
    "bookings",
    "cancelled",
    "transitions",
    "notices",
    "commands",
    "callback",
    "passed",
    "problems",
]

WRONG = """
title = "nessuno prenota"
now = "2026-02-09T09:30:00+01:00"
turns = [ { caller = "Buongiorno" } ]
[caller]
kind = "client"
direction = "inbound"
[expect]
bookings = [ { kind = "consultation", start = "2026-02-11T15:00" } ]
"""
BROKEN = """
title = "rotto"
now = "2026-02-09T09:30:00+01:00"
turns = [
  { caller = "Buongiorno" },
  { caller = "Pronto", heard = "Pro" },
]
[caller]
kind = "cliente"
direction = "inbound"
"""


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for name in ("GEMINI_API_KEY", "DATABASE_URL", "BRIDGE_TOKENS"):
        monkeypatch.delenv(name, raising=False)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def as_json(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


# --- rehearse ---------------------------------------------------------------------------------------------


def test_dialogues_that_pass_are_told_and_the_status_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rehearse", str(BOOKS), str(MOVES)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok", "ok", "2"]
    assert str(BOOKS) in lines[0]
    assert lines[2] == "2 passed, 0 failed"


def test_json_is_one_object_a_line_with_exactly_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rehearse", "--json", str(BOOKS), str(MOVES)]) == 0
    told = as_json(capsys.readouterr().out)
    assert [list(one) for one in told] == [KEYS, KEYS]
    first, second = told
    assert first["file"] == str(BOOKS)
    assert (first["stage"], first["task"], first["passed"], first["problems"]) == (
        "completato", "prenota", True, [],
    )  # fmt: skip
    assert [set(step) for step in first["transitions"]] == [
        {"turn", "from", "to", "event", "rule", "refused"}
    ] * len(first["transitions"])
    assert [step["event"] for step in first["transitions"]] == [
        "interesse",
        "completa",
        "conferma",
        "successo",
    ]
    assert first["notices"][-1] == "prenotazione_riuscita"
    (booking,) = first["bookings"]
    assert set(booking) == {"kind", "start", "start_utc", "phone", "email"}
    assert booking["kind"] == "consultation"
    assert booking["start_utc"].endswith("Z")
    assert (second["task"], second["cancelled"]) == ("sposta", [])


def test_local_and_utc_starts_are_the_same_instant(capsys: pytest.CaptureFixture[str]) -> None:
    main(["rehearse", "--json", str(MOVES)])
    (booking,) = as_json(capsys.readouterr().out)[0]["bookings"]
    assert (booking["start"], booking["start_utc"]) == ("2026-02-11T15:00", "2026-02-11T14:00Z")


def test_a_folder_is_played_whole_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rehearse", "--json", str(EXAMPLES / "cancel")]) == 0
    files = [one["file"] for one in as_json(capsys.readouterr().out)]
    assert files == sorted(map(str, (EXAMPLES / "cancel").rglob("*.toml")))


def test_what_does_not_come_true_is_told_and_the_status_is_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = write(tmp_path, "wrong.toml", WRONG)
    assert main(["rehearse", str(wrong), str(BOOKS)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "FAILED"
    assert "missing booking: consultation 2026-02-11T15:00" in lines[1]
    assert lines[-1] == "1 passed, 1 failed"


def test_a_broken_file_gets_file_line_and_reason_and_the_rest_still_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write(tmp_path, "broken.toml", BROKEN)
    assert main(["rehearse", str(broken), str(BOOKS)]) == 1
    out = capsys.readouterr().out
    assert f"{broken}:6: turns.1: " in out
    assert "`heard` belongs to an assistant turn" in out
    assert f"{broken}:9: caller.kind: " in out
    assert "'client' or 'lead'" in out
    assert "1 passed, 1 failed" in out


def test_a_broken_file_is_an_object_like_the_others_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write(tmp_path, "broken.toml", "title = ")
    assert main(["rehearse", "--json", str(broken), str(BOOKS)]) == 1
    first, second = as_json(capsys.readouterr().out)
    assert list(first) == KEYS
    assert (first["file"], first["passed"]) == (str(broken), False)
    assert first["problems"][0].startswith(f"{broken}:1: ")
    assert second["passed"] is True


def test_a_file_that_is_not_there_is_broken_and_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rehearse", str(tmp_path / "none.toml"), str(BOOKS)]) == 1
    out = capsys.readouterr().out
    assert f"{tmp_path / 'none.toml'}: cannot be read: No such file or directory" in out
    assert "1 passed, 1 failed" in out


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_file_that_cannot_be_played_is_broken_and_the_rest_still_run(
    form: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fails_on_one(dialogue: Any, *others: Any) -> Any:
        if dialogue.title == "sbagliato":
            raise ZeroDivisionError("no such day")
        return await rehearse(dialogue, *others)

    monkeypatch.setattr("engine.rehearsal_report.rehearse", fails_on_one)
    odd = write(tmp_path, "odd.toml", WRONG.replace('title = "nessuno prenota"', 'title = "sbagliato"'))
    assert main(["rehearse", *form, str(odd), str(BOOKS)]) == 1
    out = capsys.readouterr().out
    assert f"{odd}:1: cannot be played: ZeroDivisionError at " in out
    assert "no such day" in out
    if form:
        first, second = as_json(out)
        assert (list(first), first["passed"], second["passed"]) == (KEYS, False, True)
    else:
        assert "1 passed, 1 failed" in out


def test_a_folder_without_dialogues_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rehearse", str(tmp_path)]) != 0
    assert str(tmp_path) in capsys.readouterr().err


def test_no_personal_words_are_written_to_the_log(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    main(["rehearse", str(EXAMPLES / "scenarios" / "b_lead_prenota.toml")])
    assert "mario" not in caplog.text
    assert "mario" not in capsys.readouterr().err


# --- Refused before anything runs -------------------------------------------------------------------------


def test_bad_settings_are_refused_with_one_line_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(tmp_path, "config.toml", '[server]\nport = -1\n[gemini]\nvioce = "x"\n')
    assert main(["--config", str(config), "rehearse", str(BOOKS)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert [line.split(":")[0] for line in told.err.splitlines()] == ["server.port", "gemini.vioce"]


def test_a_settings_file_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", str(tmp_path / "no.toml"), "serve"]) == 2
    assert f"{tmp_path / 'no.toml'}: no such file" in capsys.readouterr().err


def test_bad_rules_are_refused_with_file_line_and_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "it"
    shutil.copytree(ROOT / "rules" / "it", folder, ignore=shutil.ignore_patterns("examples"))
    decisions = folder / "decisions.toml"
    first_line = decisions.read_text(encoding="utf-8").count("\n") + 2
    with decisions.open("a", encoding="utf-8") as file:
        file.write('\n[[rule]]\nid = "mia"\nwhen = { stadio = "errore" }\nevent = "riprova"\nwhy = "prova"\n')
    monkeypatch.setenv("VBS_RULES__DIRECTORY", str(folder))
    assert main(["rehearse", str(BOOKS)]) == 2
    err = capsys.readouterr().err
    assert f"{decisions}:{first_line + 2}" in err
    assert "mia" in err
    assert "stadio" in err
    assert "Traceback" not in err


def test_serve_without_a_key_says_why_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VBS_STORAGE__URL", f"sqlite:///{tmp_path}/booking.db")
    monkeypatch.setenv("VBS_GEMINI__EMULATOR", "false")
    assert main(["serve"]) == 2
    err = capsys.readouterr().err
    assert "GEMINI_API_KEY" in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "booking.db").exists()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_serve_on_a_taken_port_says_so_in_one_line(
    taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VBS_STORAGE__URL", f"sqlite:///{tmp_path}/booking.db")
    monkeypatch.setenv("VBS_GEMINI__EMULATOR", "true")
    monkeypatch.setenv("VBS_SERVER__PORT", str(taken))
    assert main(["serve"]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "taken" in line]
    assert line == f"127.0.0.1:{taken} is taken: set VBS_SERVER__PORT to another port"


def test_serve_on_an_address_that_is_not_ours_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VBS_STORAGE__URL", f"sqlite:///{tmp_path}/booking.db")
    monkeypatch.setenv("VBS_GEMINI__EMULATOR", "true")
    monkeypatch.setenv("VBS_SERVER__HOST", "192.0.2.1")
    monkeypatch.setenv("BRIDGE_TOKENS", "a-token-of-24-characters")
    assert main(["serve"]) == 2
    assert "192.0.2.1:8080 cannot be listened on: " in capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "phones.example"])
def test_serve_off_loopback_without_a_token_is_refused(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VBS_STORAGE__URL", f"sqlite:///{tmp_path}/booking.db")
    monkeypatch.setenv("VBS_GEMINI__EMULATOR", "true")
    monkeypatch.setenv("VBS_SERVER__HOST", host)
    assert main(["serve"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert host in line and "set BRIDGE_TOKENS" in line
    assert not (tmp_path / "booking.db").exists()


def test_a_token_too_weak_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VBS_GEMINI__EMULATOR", "true")
    monkeypatch.setenv("BRIDGE_TOKENS", "a-token-of-24-characters, k3y")
    assert main(["serve"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "token 2 of 2" in line and "k3y" not in line


def test_a_bridge_token_is_printed_and_opens_the_door_as_long_as_it_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bridge-token"]) == 2
    assert "set BRIDGE_TOKENS" in capsys.readouterr().err
    monkeypatch.setenv("BRIDGE_TOKENS", "a-token-of-24-characters")
    assert main(["bridge-token", "--minutes", "10"]) == 0
    token, tokens = capsys.readouterr().out.strip(), BridgeTokens("a-token-of-24-characters")
    now = SystemClock().now()
    assert tokens.admit({}, {"token": token}, now + timedelta(minutes=9))
    assert not tokens.admit({}, {"token": token}, now + timedelta(minutes=10))


@pytest.mark.parametrize("minutes", ["0", "1441", "-5", "soon", "٣"])
def test_a_bridge_token_lasts_no_odd_time(minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bridge-token", "--minutes", minutes])
    assert "minutes" in capsys.readouterr().err


def test_the_demo_on_a_taken_port_that_was_asked_for_says_so(
    taken: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VBS_DEMO__PORT", str(taken))
    assert main(["demo"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"127.0.0.1:{taken} is taken: set VBS_DEMO__PORT to another port"
    ]


@pytest.mark.parametrize(
    ("variable", "value", "address"),
    [
        ("VBS_SERVER__HOST", "::1", "http://[::1]:8080"),
        ("VBS_CONSOLE__PUBLIC_URL", "https://voice.example.com", "https://voice.example.com"),
    ],
)
def test_replayed_calls_are_linked_to_where_their_pages_are(
    variable: str, value: str, address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VBS_STORAGE__URL", f"sqlite:///{tmp_path}/booking.db")
    monkeypatch.setenv(variable, value)
    assert main(["db", "migrate"]) == 0
    told: list[object] = []
    monkeypatch.setattr("main.report_replay", lambda *given: told.extend(given) or 0)
    assert main(["rules", "replay"]) == 0
    assert told[-1] == address


def test_pages_go_by_the_clock_that_calls_go_by(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr("main.add_console", lambda *_, **given: told.update(given))
    board = SimpleNamespace(clock=ScaledClock(10), database=None, answer=None, metrics=None, shelf=None)
    parts = server_parts(cast(Switchboard, board), load_settings(), OpenDoor())
    assert parts.pages is not None
    parts.pages(web.Application())
    assert told["now"] == board.clock.now


async def test_the_demo_takes_a_free_port_when_the_default_one_is_taken(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Demo(DemoSettings):
        port: int = taken

    async def answer(*_: Any) -> None:
        raise AssertionError("nobody calls")

    monkeypatch.setattr("main.DemoSettings", Demo)
    where = ServerSettings(port=taken, drain_s=0)
    async with _demo_server(Parts(answer, SystemClock()), where) as address, ClientSession() as session:
        assert not address.endswith(f":{taken}")
        async with session.get(f"{address}/healthz") as response:
            assert response.status == 200


@pytest.mark.parametrize("arguments", [[], ["sing"], ["rehearse"], ["serve", "--loud"]])
def test_what_is_no_command_gets_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: main.py" in capsys.readouterr().err


# --- understand -------------------------------------------------------------------------------------------


def test_every_line_is_understood_or_says_why_not(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    lines = b'domani alle 15\n{"text": \n\xff\n{"text": "domani", "now": "2026-03-01T10:00"}\nieri'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
    assert main(["understand", "--now", "2026-02-09T09:30"]) == 0
    told = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert [[day["value"] for day in line["dates"]] for line in told] == [
        ["2026-02-10"],
        [],
        [],
        ["2026-03-02"],
        ["2026-02-08"],
    ]
    assert ["error" in line for line in told] == [False, True, True, False, False]


def test_an_instant_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["understand", "--now", "domani"])
    assert "2026-02-09T09:30" in capsys.readouterr().err


def test_the_table_of_facts_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["rules", "facts"]) == 0
    shown = capsys.readouterr().out
    for name, fact in FACTS.items():
        row = next(line for line in shown.splitlines() if line.startswith(f"│ {name} "))
        assert fact.meaning.split()[0] in row
    assert all(event in shown for event in EVENTS)


def test_rules_are_checked_and_tested_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    copy = tmp_path / "it"
    shutil.copytree(EXAMPLES.parent, copy, ignore=shutil.ignore_patterns("examples"))
    assert main(["rules", "check"]) == 0
    assert main(["rules", "check", str(copy)]) == 0
    assert main(["rules", "test", str(copy), "--examples", str(EXAMPLES / "scenarios")]) == 0
    assert "8 dialogues: 8 passed" in capsys.readouterr().out
    (copy / "limits.toml").unlink()
    assert main(["rules", "check", str(copy)]) == 1
    assert f"error   {copy}/limits.toml: this file is missing" in capsys.readouterr().out
    assert main(["rules", "check", "--json", str(copy)]) == 1
    assert json.loads(capsys.readouterr().out)["problem"] == "this file is missing"
    assert main(["rules", "test", str(copy)]) == 2
    assert "this file is missing" in capsys.readouterr().err
    assert main(["rules", "test", "--examples", str(tmp_path / "nothing")]) == 2
