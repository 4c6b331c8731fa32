"""Notices: every one has a text, says what it must, and is filled only with what it asks for."""

from __future__ import annotations

import pytest

from rules.errors import MessageError, RuleFileError
from rules.messages import NOTICES, read_messages
from rules.ruleset import RuleSet, load
from rules.source import Source
from tests.rules.conftest import Folder


@pytest.mark.parametrize("notice", NOTICES)
def test_every_notice_is_marked_and_filled(ruleset: RuleSet, notice: str) -> None:
    values = {name: f"<{name}>" for name in ruleset.messages.placeholders(notice)}
    text = ruleset.messages.render(notice, **values)
    assert text.startswith("[AVVISO DEL SISTEMA]\n")
    assert all(value in text for value in values.values())
    assert "{" not in text and len(text.split()) <= 50


def test_only_three_notices_say_that_something_was_done(ruleset: RuleSet) -> None:
    done = {"prenotazione_riuscita", "spostamento_riuscito", "disdetta_riuscita"}
    for notice in NOTICES:
        text = ruleset.messages.texts[notice]
        assert ("Dillo ora" in text) == (notice in done)


def test_values_are_not_read_as_placeholders(ruleset: RuleSet) -> None:
    assert "{alternative}" in ruleset.messages.render(
        "slot_occupato", giorno_ora="{alternative}", alternative="giovedì"
    )


@pytest.mark.parametrize(
    ("notice", "values", "says"),
    [
        ("discordnza", {}, "there is no notice 'discordnza'; did you mean 'discordanza'?"),
        ("discordanza", {}, "notice 'discordanza' needs a value for giorno_ora"),
        ("discordanza", {"giorno_ora": ""}, "needs a value for giorno_ora"),
        ("persona", {"giorno_ora": "x"}, "notice 'persona' has no placeholder giorno_ora"),
    ],
)
def test_wrong_values_are_refused(ruleset: RuleSet, notice: str, values: dict[str, str], says: str) -> None:
    with pytest.raises(MessageError) as caught:
        ruleset.messages.render(notice, **values)
    assert says in str(caught.value)


GOOD = 'marker = "[A]"\n[notices]\n' + "".join(
    f'{notice} = "{" ".join("{" + name + "}" for name in names) or "x"}"\n'
    for notice, names in NOTICES.items()
)


def test_a_file_may_add_notices_of_its_own() -> None:
    source = Source("m.toml", GOOD + 'saluto = "Ricorda {{il}} parcheggio"\n')
    assert read_messages(source).render("saluto") == "[A]\nRicorda {il} parcheggio"
    assert source.problems == []


@pytest.mark.parametrize(
    ("change", "to", "says"),
    [
        ('marker = "[A]"', "", "m.toml:1: marker: it must be one line of text"),
        ('marker = "[A]"', "marker = 3", "m.toml:1: marker: it must be one line of text"),
        ('marker = "[A]"', 'marker = "a\\nb"', "m.toml:1: marker: it must be one line of text"),
        (
            'marker = "[A]"',
            'marker = "[A]"\nmarkr = 1',
            "m.toml:2: markr: unknown key; did you mean 'marker'?",
        ),
        ('persona = "x"\n', "", "m.toml:2: persona: this notice has no text"),
        ('persona = "x"', "persona = 3", "notices: persona: it must be a text"),
        ('persona = "x"', 'persona = " "', "notices: persona: it must be a text"),
        ('persona = "x"', 'persona = "a } b"', "notices: persona: a brace does not fit"),
        ('persona = "x"', 'persona = "{nome}"', "notices: persona: unknown placeholder {nome}; it has none"),
        (
            'discordanza = "{giorno_ora}"',
            'discordanza = "{giorno}"',
            "discordanza: unknown placeholder {giorno}; did you mean 'giorno_ora'?",
        ),
        (
            'discordanza = "{giorno_ora}"',
            'discordanza = "x"',
            "discordanza: the placeholder {giorno_ora} is missing",
        ),
        (
            'discordanza = "{giorno_ora}"',
            'discordanza = "{giorno_ora} {qqq}"',
            "discordanza: unknown placeholder {qqq}; known are giorno_ora",
        ),
        (
            'discordanza = "{giorno_ora}"',
            'discordanza = "{giorno_ora!r}"',
            "discordanza: the placeholder {giorno_ora} must stand alone between its braces",
        ),
        ('persona = "x"', 'persona = "x"\nSaluto = "x"', "notices: Saluto: an id is made of small letters"),
        (GOOD, 'marker = "[A]"', "m.toml:1: notices: the table of notices is missing"),
    ],
)
def test_mistakes_are_told_with_their_line(change: str, to: str, says: str) -> None:
    assert change in GOOD
    source = Source("m.toml", GOOD.replace(change, to))
    read_messages(source)
    assert any(says in str(problem) for problem in source.problems), source.problems


def test_a_mistake_stops_the_rules_from_loading(folder: Folder) -> None:
    with pytest.raises(RuleFileError, match="persona: it must be a text"):
        load(folder(messages=GOOD.replace('persona = "x"', "persona = 1")))
