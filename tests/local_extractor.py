"""The extractor that needs nobody: the same grammars that read values, asked where they see something."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.ports import Mention, MentionKind
from engine.turns import Turn
from engine.understanding.dates import find_dates
from engine.understanding.durations import find_durations
from engine.understanding.emails import find_emails
from engine.understanding.mentions import Words
from engine.understanding.names import find_names
from engine.understanding.phones import find_phones
from engine.understanding.times import find_times

_Finder = Callable[[str, datetime], Sequence[Words]]

_FINDERS: tuple[tuple[MentionKind, _Finder], ...] = (
    (MentionKind.DATE, find_dates),
    (MentionKind.TIME, lambda text, _: find_times(text)),
    (MentionKind.PHONE, lambda text, _: find_phones(text)),
    (MentionKind.EMAIL, lambda text, _: find_emails(text)),
    (MentionKind.NAME, lambda text, _: find_names(text)),
    (MentionKind.DURATION, lambda text, _: find_durations(text)),
)

# Only which words are a date is asked here, not which day they mean; any instant does for an unplaced turn.
_ANY_TIME = datetime(2000, 1, 3, tzinfo=UTC)


class LocalExtractor:
    """Mentions by grammar, with the days read in `zone`."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        """Mentions in `turns`, turn by turn in the order of their words. Never raises ExtractorError."""
        return tuple(mention for turn in turns for mention in self._mentions(turn))

    def _mentions(self, turn: Turn) -> Iterator[Mention]:
        now = (turn.began_at or _ANY_TIME).astimezone(self._zone)
        found = [(words.start, kind, words) for kind, find in _FINDERS for words in find(turn.text, now)]
        for _, kind, words in sorted(found, key=lambda entry: entry[0]):
            yield Mention(kind, turn.number, words.text)
