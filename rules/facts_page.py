"""The table of facts for people: as rows, and as the page docs/fatti.md."""

from __future__ import annotations

from collections.abc import Sequence

from rules.facts import ACCEPTED_FROM, COMMANDS, EVENTS, FACTS, MAX_COUNT, Fact

FACT_COLUMNS = ("Fatto", "Tipo", "Valori (il primo vale finché nessuno dice altro)", "Che cosa vuol dire")
COMMAND_COLUMNS = ("Comando", "Che cosa fa")
EVENT_COLUMNS = ("Evento", "Che cosa fa", "La macchina lo accetta in")

_KINDS = {"word": "parola", "true or false": "sì o no", "number": "numero"}
_TOP = """# Fatti, eventi e comandi

<!-- Scritta da `main.py rules facts --markdown`: non cambiare qui, ma in rules/facts.py. -->

Un *fatto* è ciò che il programma sa dopo ogni turno dell'assistente; una regola guarda i fatti e propone un *evento*,
o un *comando* per la telefonata stessa.
Come si scrivono le regole è in [regole.md](regole.md).
"""


def fact_rows() -> list[tuple[str, str, str, str]]:
    """For each fact its name, type, allowed values and meaning."""
    return [(fact.name, _KINDS[fact.kind], _values(fact), fact.meaning) for fact in FACTS.values()]


def event_rows() -> list[tuple[str, str, str]]:
    """For each event its name, what it does, and the stages in which the machine takes it."""
    return [(event, meaning, ", ".join(ACCEPTED_FROM[event])) for event, meaning in EVENTS.items()]


def command_rows() -> list[tuple[str, str]]:
    """For each command its name and what it does."""
    return list(COMMANDS.items())


def page() -> str:
    """The text of docs/fatti.md."""
    facts = [(f"`{name}`", kind, values, meaning) for name, kind, values, meaning in fact_rows()]
    events = [(f"`{event}`", meaning, stages) for event, meaning, stages in event_rows()]
    commands = [(f"`{command}`", meaning) for command, meaning in command_rows()]
    return "\n".join(
        [
            _TOP,
            "## Fatti",
            "",
            *_table(FACT_COLUMNS, facts),
            "",
            "## Eventi",
            "",
            *_table(EVENT_COLUMNS, events),
            "",
            "## Comandi",
            "",
            *_table(COMMAND_COLUMNS, commands),
            "",
        ]
    )


def _values(fact: Fact) -> str:
    if not fact.values:
        return f"da 0 a {MAX_COUNT}"
    return ", ".join(str(value).lower() if isinstance(value, bool) else value for value in fact.values)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
