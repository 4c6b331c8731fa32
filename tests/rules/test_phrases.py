"""The phrase file: how it is written out, and what is said of its mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.errors import RuleFileError, RulesError
from rules.phrases import ACTS, load_phrases

SHIPPED = Path(__file__).parents[2] / "rules" / "it" / "phrases.toml"


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "phrases.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_has_phrases_for_every_act() -> None:
    loaded = load_phrases(SHIPPED)
    assert tuple(loaded) == ACTS
    assert all(listed.phrases for listed in loaded.values())


def test_writes_out_every_way(tmp_path: Path) -> None:
    text = """
[words]
desidero = ["vorrei", "mi piacerebbe"]
[drop]
phrases = ["non mi/ci interessa (più)"]
explicit = ["<desidero> smettere", "un_altro/il_prossimo giorno"]
"""
    drop = load_phrases(_file(tmp_path, text))["drop"]
    assert set(drop.phrases) - drop.explicit == {
        "non mi interessa",
        "non mi interessa più",
        "non ci interessa",
        "non ci interessa più",
    }
    assert drop.explicit == {
        "vorrei smettere",
        "mi piacerebbe smettere",
        "un altro giorno",
        "il prossimo giorno",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[affirm]\nphrases = ["sì"\n', "phrases.toml:"),
        ('\n[afirm]\nphrases = ["sì"]\n', "phrases.toml:2: afirm: unknown key; did you mean 'affirm'?"),
        ('[affirm]\nfrasi = ["sì"]\n', "phrases.toml:2: affirm: frasi: unknown key"),
        ("[affirm]\nphrases = [1]\n", "phrases.toml:2: affirm: phrases: it must be a list of phrases"),
        ('[affirm]\nphrases = "sì"\n', "phrases.toml:2: affirm: phrases: it must be a list of phrases"),
        ('[affirm]\nphrases = [""]\n', "phrases.toml:2: affirm: phrases: it must be a list of phrases"),
        (
            '[words]\nora = ["ora"]\n[drop]\nphrases = [\n"a <oro>",\n]\n',
            "phrases.toml:5: drop: a <oro>: there is no",
        ),
        ('[affirm]\nphrases = ["va *"]\n', "phrases.toml:2: affirm: va *: '*' cannot be read"),
        ('[affirm]\nphrases = ["va (bene"]\n', "phrases.toml:2: affirm: va (bene: '(bene' cannot be read"),
        ('[affirm]\nphrases = ["' + "a/b " * 12 + '"]\n', "too many ways"),
        ("affirm = 3\n", "affirm: it must be a table"),
        ("words = 3\n", "words: it must be a table"),
    ],
)
def test_says_where_a_file_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(RuleFileError) as caught:
        load_phrases(_file(tmp_path, text))
    assert any(problem in str(found) for found in caught.value.problems), str(caught.value)


def test_tells_every_mistake_at_once(tmp_path: Path) -> None:
    with pytest.raises(RuleFileError) as caught:
        load_phrases(_file(tmp_path, '[affirm]\nphrases = ["va *", "(x"]\nfrasi = []\n'))
    assert len(caught.value.problems) == 3


def test_says_that_a_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"nothing\.toml: cannot be read"):
        load_phrases(tmp_path / "nothing.toml")
