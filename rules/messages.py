"""Notices to the live model: which there are, what each may mention, and their texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

from rules.errors import MessageError, known_or_nearest, nearest
from rules.source import Source

#: Told once: there is a link to where the appointment is held on line.
LINK = "link_pronto"

#: The notices that the engine knows how to fill: id -> placeholders, all of which the text must contain.
#: A file may add notices of its own, without placeholders.
NOTICES: Mapping[str, tuple[str, ...]] = {
    "prenotazione_riuscita": ("giorno_ora",),
    "spostamento_riuscito": ("giorno_ora",),
    "disdetta_riuscita": ("giorno_ora",),
    "slot_occupato": ("giorno_ora", "alternative"),
    "fuori_orario": ("alternative",),
    "passato": (),
    "richiamata": (),
    "discordanza": ("giorno_ora",),
    "nessuna_prenotazione": (),
    "manca_un_dato": ("dato",),
    "riepiloga": ("verbo", "giorno_ora"),
    "riepiloga_di_nuovo": ("verbo", "giorno_ora"),
    "giorno_discorde": (),
    "data_passata": (),
    "data_ambigua": ("candidati",),
    "data_impossibile": (),
    "ora_ambigua": (),
    "telefono_incompleto": (),
    "telefono_discorde": (),
    "numero_digitato": ("telefono",),
    "tasti_ignorati": (),
    "email_dubbia": ("suggerimento",),
    "email_discorde": (),
    "non_sentito": (),
    "quale_appuntamento": (),
    "nessun_appuntamento_trovato": (),
    "persona": (),
    "passaggio": (),
    LINK: (),
}

_ID = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Messages:
    """The texts of all notices. `marker` is the first line of each: none is taken for the caller's words."""

    marker: str
    texts: Mapping[str, str]

    def __contains__(self, notice: str) -> bool:
        return notice in self.texts

    def placeholders(self, notice: str) -> tuple[str, ...]:
        """What must be given to `render` for this notice. Raises MessageError if there is no such notice."""
        if notice not in self.texts:
            raise MessageError(f"there is no notice {notice!r}{nearest(notice, self.texts)}")
        return NOTICES.get(notice, ())

    def render(self, notice: str, **values: str) -> str:
        """The notice as it is sent to the live model, its placeholders filled.

        Raises MessageError when there is no such notice, a value is missing or empty, or one is too many.
        """
        wanted = self.placeholders(notice)
        if missing := [name for name in wanted if not values.get(name)]:
            raise MessageError(f"notice {notice!r} needs a value for {', '.join(missing)}")
        if unknown := sorted(set(values) - set(wanted)):
            raise MessageError(f"notice {notice!r} has no placeholder {', '.join(unknown)}")
        return f"{self.marker}\n{self.texts[notice].format_map(values)}"


def read_messages(source: Source) -> Messages:
    """The messages in `source`; mistakes are noted in it."""
    data = source.data
    source.unknown_keys(data, ("marker", "notices"), (), None)
    marker = data.get("marker")
    one_line = isinstance(marker, str) and bool(marker.strip()) and "\n" not in marker
    if not one_line and (marker is not None or source.whole):
        source.report(("marker",), None, "marker", "it must be one line of text")
    notices = data.get("notices")
    if not isinstance(notices, dict):
        if notices is not None or source.whole:
            source.report(("notices",), None, "notices", "the table of notices is missing")
        notices = {}
    elif source.whole:
        for notice in NOTICES:
            if notice not in notices:
                source.report(("notices",), None, notice, "this notice has no text")
    for notice, text in notices.items():
        for problem, word in _problems_of(notice, text):
            source.report(("notices", notice), "notices", notice, problem, word)
    return Messages(str(marker), {notice: str(text).strip() for notice, text in notices.items()})


def _problems_of(notice: str, text: object) -> list[tuple[str, str | None]]:
    """What is wrong with one notice, each with the word that was probably meant."""
    if not _ID.fullmatch(notice):
        return [("an id is made of small letters, digits and _", None)]
    if not isinstance(text, str) or not text.strip():
        return [("it must be a text", None)]
    return placeholder_problems(text, NOTICES.get(notice, ()))


def placeholder_problems(
    text: str, wanted: tuple[str, ...], *, all_of_them: bool = True
) -> list[tuple[str, str | None]]:
    """What is wrong with the braces of `text`, each with the word that was probably meant.

    `wanted`: what may stand between braces, and unless `all_of_them` is false, must.
    """
    try:
        fields = list(Formatter().parse(text))
    except ValueError as error:
        return [(f"a brace does not fit ({error}); to write one, double it", None)]
    used = [name for _, name, _, _ in fields if name is not None]
    problems: list[tuple[str, str | None]] = [
        (f"the placeholder {{{name}}} is missing", None)
        for name in wanted
        if all_of_them and name not in used
    ]
    for _, name, form, conversion in fields:
        if name is None:
            continue
        if name not in wanted:
            rest, nearest = known_or_nearest(name, wanted) if wanted else ("; it has none", None)
            problems.append((f"unknown placeholder {{{name}}}{rest}", nearest))
        elif form or conversion:
            problems.append((f"the placeholder {{{name}}} must stand alone between its braces", None))
    return problems
