"""Noise: an extraction model that errs and transcripts damaged as speech recognition does, and who is to blame.

Damaged are the caller's words alone: the assistant's are those of the model that speaks them.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.ports import Mention, MentionKind
from engine.rehearsal import ZONE, Dialogue, Outcome, rehearse, written_mentions
from engine.turns import Turn
from engine.understanding.caller import means
from engine.understanding.dates import find_dates
from engine.understanding.emails import find_emails
from engine.understanding.folding import fold
from engine.understanding.phones import find_phones
from engine.understanding.ranges import find_ranges
from engine.understanding.times import find_times
from storage.database import Database
from tests.dialogues import agreed, baseline, shipped_rulebook, starts
from tests.local_extractor import LocalExtractor

SHORT = 4  # letters; so short a word gets lost
LONG = 5  # letters; the end of so long a word gets lost


class NoisyExtractor:
    """Finds what there is to find, but drops, repeats and invents mentions, each with the chance `level`.

    The invented ones point at any words of a turn, at figures above all, as any kind of detail, or at words nobody
    said.
    """

    def __init__(self, dialogue: Dialogue, level: float, chance: random.Random) -> None:
        self._local = LocalExtractor(ZONE)
        self._written = written_mentions(dialogue)
        self._level, self._chance = level, chance

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        """Mentions in `turns`. Never raises ExtractorError."""
        chance, level = self._chance, self._level
        shown = {turn.number for turn in turns}
        true = [*await self._local.extract(turns), *(m for m in self._written if m.turn in shown)]
        found = [mention for mention in true if chance.random() >= level]
        found += [mention for mention in found if chance.random() < level]
        for turn in turns:
            words = turn.text.split()
            for _ in range(2):
                if words and chance.random() < level:
                    found.append(Mention(chance.choice(list(MentionKind)), turn.number, self._words(words)))
        chance.shuffle(found)
        return tuple(found)

    def _words(self, words: Sequence[str]) -> str:
        if self._chance.random() < 0.2:
            return self._chance.choice(["alle 17", "venerdì 20", "340 999 8877", "altri@gmail.com"])
        figures = [n for n, word in enumerate(words) if re.search(r"\d|^(?:un|due|tre|dieci|quindici)", word)]
        first = self._chance.choice(figures or range(len(words)))
        return " ".join(words[first : first + self._chance.randint(1, 4)])


def damaged(dialogue: Dialogue, level: float, chance: random.Random) -> Dialogue:
    """The dialogue as a poor transcript has it: words lost, clipped and doubled, turns split and run together."""
    turns: list[dict[str, Any]] = []
    place: dict[int, int] = {}  # where a turn of the dialogue has come to stand
    for number, turn in enumerate(dialogue.turns, start=1):
        said = turn.model_dump()
        if not turn.caller:
            turns.append(said)
        else:
            words = _worn(turn.caller.split(), level, chance)
            merges = turns and turns[-1]["caller"] and chance.random() < level
            if merges:
                turns[-1]["caller"] += " " + " ".join(words)
            elif len(words) > 1 and chance.random() < level / 2:
                cut = chance.randrange(1, len(words))
                turns += [{**said, "caller": " ".join(part)} for part in (words[:cut], words[cut:])]
            else:
                turns.append({**said, "caller": " ".join(words)})
        place[number] = len(turns)
    mentions = [
        {"kind": m.kind, "turn": place[m.turn], "verbatim": m.verbatim} for m in written_mentions(dialogue)
    ]
    told = dialogue.model_dump()
    return Dialogue.model_validate({**told, "turns": turns, "extractor": {"mentions": mentions}})


def _worn(words: Sequence[str], level: float, chance: random.Random) -> list[str]:
    worn = []
    for word in words:
        letters = len(re.sub(r"\W", "", word))
        if letters <= SHORT and not re.search(r"\d", word) and chance.random() < level:
            continue
        if letters >= LONG and word.isalpha() and chance.random() < level / 2:
            word = word[: -chance.randint(1, 2)]
        worn.append(word)
        if chance.random() < level / 4:
            worn.append(word)
    return worn


def play(dialogue: Dialogue, extractor: NoisyExtractor) -> Outcome:
    """The dialogue in an empty store, with that extractor."""

    async def run() -> Outcome:
        with Database("sqlite:///:memory:") as database:
            database.create_tables()
            return await rehearse(dialogue, database, shipped_rulebook(), extractor)

    return asyncio.run(run())


@dataclass
class Verdict:
    """What became of a dialogue under noise.

    `completed`: it came to what it is to come to. `as_heard`: bookings the caller did not want, to which the words
    that are left say a plain yes after a readback of exactly that: nobody who hears no more could tell.
    `wrong`: bookings made or lost without that.
    """

    completed: bool
    as_heard: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def judged(path: Path, heard: Dialogue, outcome: Outcome) -> Verdict:
    """The verdict on `outcome` of the example at `path`, of which `heard` is what was understood."""
    expected, existing = starts(heard)
    verdict = Verdict(completed=not outcome.problems)
    for booking in outcome.bookings:
        start = booking["start"]
        if start in existing:
            continue
        wanted = start in expected or start in agreed(path)
        if not _agreed_to(heard, start, plainly=not wanted) or not _restated(heard, booking):
            verdict.wrong.append(f"booked {start}")
        elif not wanted:
            verdict.as_heard.append(f"booked {start}")
    found = {booking["start"] for booking in outcome.bookings}
    moved = len(found) == len(existing) and bool(verdict.as_heard)  # to where the words say a plain yes
    for start in (existing & expected) - found:
        named = moved or _agreed_to(heard, start, plainly=True) or _named_before_a_yes(heard, start)
        (verdict.as_heard if named else verdict.wrong).append(f"gone: {start}")
    return verdict


# A plain yes, and what makes one doubtful, for whoever reads the words and nothing else.
_YES = re.compile(
    r"\b(?:si|s|ok\w*|oki|yes|va(?: piu che)? ben\w*|vanno bene|bene|beniss\w*|perfett\w*|cert\w*|conferm\w*|esatt\w*"
    r"|d'?accordo|giust\w*|corrett\w*|volentieri|assolutament\w*|ottim\w*|prenot\w*|proced\w*|fiss\w*|segn\w*|sicur\w*|andata"
    r"|affare|facciamo|ci sto|mi va|aggiudicat\w*|eccome|senz'altro|annull\w*|disdic\w*|cancell\w*|spost\w*|blocc\w*"
    r"|naturalment\w*|ovvi\w*|preg\w*|magari|dai|affermativ\w*|come no|nessun problema|ma si|ci stare|ci puo"
    r"|puo andare|torna)\b"
)
_DOUBT = re.compile(
    r"\b(?:no|non|anzi|ma|pero|aspett\w*|forse|invece|meglio|piuttosto|un attim\w*|un moment\w*|boh|mah|dipende|magari"
    r"|penso|credo|se|quando)\b|^\W*\w+(?: \w+)?\W*\?"
)


def _answers(heard: Dialogue) -> list[tuple[str, str]]:
    """Each assistant turn as far as it was heard, and what the caller said to it."""
    found: list[tuple[str, str]] = []
    for turn in heard.turns:
        if turn.assistant is not None:
            found.append((turn.heard if turn.heard is not None else turn.assistant, ""))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {turn.caller or ''}")
    return found


def _names(heard: Dialogue, text: str, start: str) -> tuple[bool, bool]:
    """Whether a turn names the day, and the time, of a start."""
    moment, now = datetime.fromisoformat(start), heard.now.astimezone(ZONE)
    day = any(means(mention, moment.date()) for mention in find_dates(text, now))
    at = any(moment.time() in mention.candidates for mention in find_times(text))
    spans = find_ranges(text, now)
    # "Dalle 15 alle 16" of an appointment that lasts an hour; "Sposto … dalle 11 alle 15"
    ends = (moment + timedelta(minutes=heard.agenda.duration)).time()
    whole = any((span.time_from, span.time_to) == (moment.time(), ends) for span in spans)
    moved_to = any(span.time_to == moment.time() for span in spans)
    return day, at or whole or (moved_to and bool(heard.agenda.existing))


def _agreed_to(heard: Dialogue, start: str, *, plainly: bool) -> bool:
    """Whether the caller said yes, `plainly` if it must leave no doubt, to a turn that names day and time."""
    return any(
        all(_names(heard, said, start))
        and _YES.search(fold(answer))
        and not (plainly and _DOUBT.search(fold(answer)))
        for said, answer in _answers(heard)
    )


def _named_before_a_yes(heard: Dialogue, start: str) -> bool:
    """Whether the assistant named the day of an appointment that is to go, before a plain yes."""
    answers = _answers(heard)
    last = max(
        (n for n, (_, a) in enumerate(answers) if _YES.search(fold(a)) and not _DOUBT.search(fold(a))), default=-1
    )  # fmt: skip
    return any(_names(heard, said, start)[0] for said, _ in answers[: last + 1])


def _restated(heard: Dialogue, booking: dict[str, Any]) -> bool:
    """Whether phone and email of a lead's booking were said to the caller (or are the line's own)."""
    if booking["kind"] != "appointment" or heard.agenda.existing:
        return True  # what is moved keeps its own
    said = [turn.assistant for turn in heard.turns if turn.assistant]
    phones = {phone.value for text in said for phone in find_phones(text)} | {heard.caller.phone, None}
    emails = {email.value for text in said for email in find_emails(text)} | {heard.caller.email, None}
    return booking["phone"] in phones and booking["email"] in emails


def tried(path: Path, dialogue: Dialogue, *, extractor: float, words: float, seed: int) -> Verdict:
    """One play of an example with noise of these levels (0 to 1) in the extractor and in the caller's words."""
    chance = random.Random(f"{path.parent.name}/{path.stem} {extractor} {words} {seed}")
    heard = damaged(dialogue, words, chance)
    return judged(path, heard, play(heard, NoisyExtractor(heard, extractor, chance)))


def books(path: Path) -> bool:
    """Whether the example, undamaged, changes the agenda."""
    return any(step["to"] == "completato" for step in baseline(path)[0]["transitions"])
