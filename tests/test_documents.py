"""What README and docs show is what the program does."""

from __future__ import annotations

import html
import re
import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fsm.booking import diagram
from main import main, parser
from rules.facts_page import page
from transport.bridge.metadata import CallMetadata, read_metadata, read_twilio_start

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOW_IT_WORKS = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")


def block(text: str, language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_drawing_is_the_machine() -> None:
    assert block(HOW_IT_WORKS, "mermaid").split("\n") == [*diagram().strip("\n").split("\n"), ""]


def test_the_dialogue_shown_plays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    file = tmp_path / "shown.toml"
    file.write_text(block(README, "toml"), encoding="utf-8")
    assert main(["rehearse", str(file)]) == 0, capsys.readouterr().out


def test_the_dialplan_shown_describes_a_call() -> None:
    command = html.unescape(
        re.search(r'data="api_on_answer=(.*?)"/>', block(README, "xml"))[1]  # type: ignore[index]  # without it the test shall fail
    )
    told = {"${uuid}": "a-b-c", "${caller_id_number}": "+393401234567", "$1": "0612345678"}
    for name, value in told.items():
        command = command.replace(name, value)
    words = command.split(" ")
    assert len(words) == 11, "the module takes ten words, and splits at every space"
    metadata = read_metadata(words[7])
    assert (metadata.call_id, metadata.direction, metadata.consultant_id) == ("a-b-c", "inbound", 1)
    assert (metadata.caller_number, metadata.dialled_number) == ("+393401234567", "+390612345678")
    assert metadata.sample_rate == int(words[5]) == 16000


def test_the_command_shown_for_the_other_module_describes_a_call() -> None:
    command = html.unescape(re.search(r"^uuid_audio_stream .*$", README, re.MULTILINE)[0])  # type: ignore[index]  # without it the test shall fail
    command = command.replace("${uuid}", "a-b-c").replace("${caller_id_number}", "+393401234567")
    words = command.replace("$1", "0612345678").split(" ")
    assert len(words) == 7
    metadata = read_metadata(words[6], sample_rate=16000)
    assert (metadata.call_id, metadata.consultant_id, words[5]) == ("a-b-c", 1, "16k")
    assert (metadata.caller_number, metadata.dialled_number) == ("+393401234567", "+390612345678")


def test_the_twiml_shown_describes_a_call() -> None:
    told = {"From": "+393401234567", "To": "+390612345678", "Direction": "inbound"}
    parameters = {
        each.attrib["name"]: re.sub(r"{{(\w+)}}", lambda match: told[match[1]], each.attrib["value"])
        for each in ElementTree.fromstring(block(README, "twiml")).iter("Parameter")
    }
    start = {"callSid": "CA1", "streamSid": "MZ1", "customParameters": parameters}
    assert read_twilio_start(start)[0] == CallMetadata(
        "CA1", "inbound", told["From"], told["To"], None, 1, 8000
    )


@pytest.mark.parametrize("line", re.findall(r"main\.py ((?:db|journal|privacy) .*)", README))
def test_the_store_commands_shown_are_commands(line: str) -> None:
    words = shlex.split(line.split("`")[0], comments=True)
    assert parser().parse_args(words).what == words[1]


def test_every_folder_is_on_the_map() -> None:
    mapped = set(re.findall(r"`([a-z_]+)/`", README[README.index("## Where things are") :]))
    there = {p.name for p in ROOT.iterdir() if (p.is_dir() and any(p.glob("*.py"))) or p.name == "docs"}
    assert there <= mapped


def test_the_page_of_facts_is_current() -> None:
    assert (ROOT / "docs" / "fatti.md").read_text(encoding="utf-8") == page(), (
        "write it again: python main.py rules facts --markdown > docs/fatti.md"
    )
