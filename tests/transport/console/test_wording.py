"""Every text of the catalogue is used, and every text that is used is there."""

from __future__ import annotations

import re
from pathlib import Path

from transport.console import wording
from transport.console.passwords import Weakness

CONSOLE = Path(wording.__file__).parent
_IN_TEMPLATE = re.compile(r"\bt\.(\w+)\.(\w+)")
_IN_MODULE = re.compile(r'TEXTS\["(\w+)"\]\["(\w+)"\]')
_WHOLE_SECTION = re.compile(r'TEXTS\["(\w+)"\](?!\[")')


def test_texts_and_their_uses_agree() -> None:
    modules = "".join(path.read_text(encoding="utf-8") for path in CONSOLE.glob("*.py"))
    whole = set(_WHOLE_SECTION.findall(modules))
    used = {
        found
        for paths, pattern in (
            (CONSOLE.glob("templates/*.html"), _IN_TEMPLATE),
            (CONSOLE.glob("*.py"), _IN_MODULE),
        )
        for path in paths
        for found in pattern.findall(path.read_text(encoding="utf-8"))
    }
    known = {(section, name) for section, texts in wording.TEXTS.items() for name in texts}
    assert used <= known
    assert {section for section, _ in known - used} == whole
    assert set(Weakness) <= set(wording.TEXTS["password_problems"])
    assert not {name for _, name in known} & set(dir(dict)), "a template would find the method of that name"


def test_texts_are_markup_and_what_is_filled_in_is_not() -> None:
    assert [text for texts in wording.TEXTS.values() for text in texts.values() if '"' in text] == []
    assert wording.MARKUP["missing"]["why"].format(what="<b>") == "&lt;b&gt; non c'è."
