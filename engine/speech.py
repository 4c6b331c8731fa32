"""Places words in time: the caller's by the speech they came from, the assistant's by the audio played.

Everything errs to one side: the caller's words are never placed later than they were spoken, and the
assistant's never count as played before they were.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate

from engine.turns import Played, Speaker, Turn


class CallerSpeech:
    """The caller's speech segments (from the sound) and transcript pieces (from the model), brought together.

    Pieces belong, in order of arrival, to the earliest stretch of speech not closed yet. Segments between
    whose beginnings no assistant audio was played are one stretch: one turn, placed at the first. Speech whose
    words have not come `wait_s` after it ended is given up; words that come in the next `late_s` cannot be
    placed, and neither can words without open speech: their turn has `began_at` None. They count as the words of
    speech that has begun meanwhile too, so that it is not given up in turn: who was not understood once is asked
    again, and not for ever. Without a further piece
    for `settle_s` a transcript counts as whole. `numbers` gives turn numbers.

    Words of two stretches that come without a boundary between them stay one turn, placed at the first: a
    pause, a full stop or a missing space between pieces does not tell whose the later ones are, and to part
    "no." from "va bene" would make a yes. The second stretch goes on waiting, and is given up when nothing
    more comes, so that its question is asked again. Only when the words are more than the first can hold, at
    `chars_per_s`, have both been heard: then they are one stretch.
    """

    def __init__(
        self,
        numbers: Iterator[int],
        *,
        wait_s: float = 7.0,
        late_s: float = 5.0,
        settle_s: float = 1.5,
        chars_per_s: float = 30.0,
    ) -> None:
        self._numbers = numbers
        self._chars_per_s = chars_per_s
        self._wait = timedelta(seconds=wait_s)
        self._late = timedelta(seconds=late_s)
        self._settle = timedelta(seconds=settle_s)
        self._open: list[_Stretch] = []
        self._last: _Stretch | None = None
        self._latest: _Segment | None = None
        self._keys: deque[datetime] = deque(maxlen=64)
        self._played: deque[tuple[datetime, datetime]] = deque(maxlen=64)
        self._lost: _Lost | None = None
        self._unplaced: _Stretch | None = None
        self.given_up = 0

    # --- from the sound ------------------------------------------------------------------------------------

    def began(self, at: datetime) -> None:
        """The caller began to speak at `at`."""
        last, segment = self._last, _Segment(at)
        together = last is not None and not self._played_between(last.segments[-1].began, at)
        if last is not None and together and not last.closed:
            last.segments.append(segment)
        else:
            began_at = min(last.began_at, at) if last is not None and together else at
            self._last = _Stretch(began_at, [segment])
            self._open.append(self._last)
        self._latest = segment

    def keyed(self, at: datetime) -> None:
        """The caller pressed a key at `at`, the sound of which may have been taken for speech, or will be."""
        self._keys.append(at)

    def ended(self, at: datetime) -> bool:
        """The caller stopped speaking at `at`; whether it was speech at all, and not the sound of keys.

        For that no words are waited for. It may have been speech all the same: words that come in the next `wait_s`
        cannot be placed.
        """
        segment, stretch = self._latest, self._last
        if segment is None or stretch is None or segment.ended is not None:
            return False
        segment.ended = max(at, segment.began)
        tones = self._is_of_keys(segment.began, segment.ended)
        if tones:
            self._give_up(segment, segment.ended + self._wait)
        if stretch.closing is not None and segment.ended <= stretch.closing:
            self._close(stretch)
        stretch.closing = None
        return not tones

    def assistant_played(self, begin: datetime, end: datetime) -> None:
        """The assistant's audio was played from `begin` to `end`."""
        if self._played and begin <= self._played[-1][1]:
            self._played[-1] = (self._played[-1][0], max(end, self._played[-1][1]))
        else:
            self._played.append((begin, end))

    # --- from the model ------------------------------------------------------------------------------------

    def words(
        self, text: str, now: datetime, *, finished: bool = False, doubtful: bool = False
    ) -> Turn | None:
        """A piece of the transcript that arrived at `now`; the turn it belongs to, with all its words so far.

        `finished`: the model says that the utterance ended with it. `doubtful`: they may be of earlier speech
        than any that waits, so they cannot be placed. None for a piece without words.
        """
        self.settle(now)
        if not text.strip() and not (self._open and self._open[0].text):
            if finished:
                self.boundary(now)
            return None
        stretch = self._open[0] if self._open else None
        lost = self._lost
        if lost is not None and (stretch is None or stretch.follows(lost)):
            lost.words = True
            if stretch is not None:
                stretch.words_at = now  # its own or not, it cannot be told apart: it waits for no others
            stretch = None
        if stretch is None or doubtful:
            stretch = self._unplaced = self._unplaced or _Stretch(now, [], placed=False)
        if stretch.number is None:
            stretch.number = next(self._numbers)
        stretch.text += f" {text}" if self._begins_anew(stretch, text, now) else text
        stretch.apart, stretch.words_at, stretch.finished = False, now, finished
        self._join_what_was_heard(stretch, now)
        turn = stretch.turn()
        if finished:
            self._boundary_of(stretch, now)
        return turn if turn.text else None

    def boundary(self, now: datetime) -> None:
        """The model's turn completed or was interrupted: speech that has words gets no more of them."""
        for stretch in [*self._open[:1], self._unplaced]:
            if stretch is not None and stretch.text:
                self._boundary_of(stretch, now)
        if self._lost is not None and self._lost.words:
            self._lost = None
            for stretch in list(self._open):
                if not stretch.text and stretch.words_at is not None:
                    self._close(stretch)

    def lose(self, now: datetime, *, begun_by: datetime | None = None) -> None:
        """Speech that began by `begun_by` (`now` by default) did not reach the model whole: the rest of its words
        will not come. It is given up at once; words that come in the next `wait_s` cannot be placed, since they
        may be its end without its beginning."""
        for stretch in self._recent():
            lost = [
                segment
                for segment in stretch.segments
                if (begun_by is None or segment.began <= begun_by) and self._waits(stretch, segment, now)
            ]
            for segment in lost:
                self.given_up += 1
                self._give_up(segment, now + self._wait)
            if not stretch.closed and (lost or (stretch.text and begun_by is None)):
                self._close(stretch)
        if self._unplaced is not None:
            self._close(self._unplaced)

    # --- what is known -------------------------------------------------------------------------------------

    def waiting(self) -> bool:
        """Whether there is speech that words which come now can be of, and that is not given up."""
        return bool(self._open)

    def settle(self, now: datetime) -> None:
        """Give up speech that has waited too long for its words; counted in `given_up`."""
        for stretch in list(self._open):
            for segment in stretch.segments:
                if segment.ended is None or segment.given_up or stretch.covers(segment):
                    continue
                if now - segment.ended >= self._wait:
                    self.given_up += 1
                    self._give_up(segment, segment.ended + self._wait + self._late)
            if not stretch.text and all(segment.given_up for segment in stretch.segments):
                self._shut(stretch)
        if self._lost is not None and now > self._lost.until:
            self._lost = None

    def untranscribed(self, now: datetime, *, begun_by: datetime | None = None) -> bool:
        """Whether speech (that began by `begun_by`) still waits for its words, or for more of them."""
        return any(
            self._waits(stretch, segment, now)
            for stretch in self._recent()
            for segment in stretch.segments
            if begun_by is None or segment.began <= begun_by
        )

    # --- inside --------------------------------------------------------------------------------------------

    def _give_up(self, segment: _Segment, until: datetime) -> None:
        """Wait no more for words of `segment`; those that come until then, or as long as other lost speech is waited
        for, may be its own."""
        began = segment.began
        if self._lost is not None:
            began, until = min(began, self._lost.began), max(until, self._lost.until)
        segment.given_up, self._lost = True, _Lost(began, until)

    def _recent(self) -> list[_Stretch]:
        """The stretches that are open, and the last one even if it is closed."""
        return [*self._open, *([self._last] if self._last and self._last.closed else [])]

    def _is_of_keys(self, began: datetime, ended: datetime) -> bool:
        """Whether so many keys were pressed meanwhile that their tones alone last as long."""
        pressed = sum(began - _ASKEW <= at <= ended + _ASKEW for at in self._keys)
        return pressed > 0 and ended - began <= pressed * _TONE

    def _waits(self, stretch: _Stretch, segment: _Segment, now: datetime) -> bool:
        if segment.given_up:
            return False
        if not stretch.covers(segment):
            return True
        return not stretch.finished and stretch.words_at is not None and now - stretch.words_at < self._settle

    def _begins_anew(self, stretch: _Stretch, text: str, now: datetime) -> bool:
        """Whether a piece begins a new utterance, so that it does not go on with the last word."""
        whole = stretch.words_at is not None and now - stretch.words_at >= self._settle
        sentence = stretch.text.endswith(_SENTENCE_ENDS) and text[:1].isupper()
        return stretch.apart or whole or sentence

    def _join_what_was_heard(self, stretch: _Stretch, now: datetime) -> None:
        """Make one stretch of those whose words came together, once they are too many for the first."""
        while stretch.placed and self._lost is None and self._open[1:]:
            if len(stretch.text.strip()) <= stretch.seconds(now) * self._chars_per_s:
                return
            following = self._open.pop(1)
            stretch.segments += following.segments
            if self._last is following:
                self._last = stretch

    def _boundary_of(self, stretch: _Stretch, now: datetime) -> None:
        """Close `stretch`; while its speech goes on, only once that turns out to have ended before `now`."""
        stretch.apart = True
        if any(segment.ended is None for segment in stretch.segments):
            stretch.closing = now
        else:
            self._close(stretch)

    def _close(self, stretch: _Stretch) -> None:
        """Close `stretch`; speech in it that ended after its last words becomes a stretch of its own.

        That one is placed at its own beginning: nothing of the assistant was played since the speech before it,
        so that even words left over from there would answer the same question.
        """
        if not stretch.placed:
            self._unplaced = None
            return
        rest = [each for each in stretch.segments if not each.given_up and not stretch.covers(each)]
        stretch.segments = [each for each in stretch.segments if each not in rest] or stretch.segments[:1]
        if rest:
            follower = _Stretch(rest[0].began, rest)
            self._open.insert(self._open.index(stretch) + 1, follower)
            if self._last is stretch:
                self._last = follower
        self._shut(stretch)

    def _shut(self, stretch: _Stretch) -> None:
        stretch.closed = True
        self._open.remove(stretch)

    def _played_between(self, begin: datetime, end: datetime) -> bool:
        return any(start < end and stop > begin for start, stop in self._played)


_SENTENCE_ENDS = (".", "?", "!", "…")
_TONE = timedelta(seconds=0.7)  # a key's tone, and the silence after it that does not end speech
_ASKEW = timedelta(seconds=0.2)  # by how much a key's event may miss its tone
_UNNOTICED_S = 1.0  # of a segment of speech, too soft for the detector


@dataclass(slots=True, eq=False)
class _Segment:
    began: datetime
    ended: datetime | None = None
    given_up: bool = False


@dataclass(slots=True, eq=False)
class _Stretch:
    began_at: datetime
    segments: list[_Segment]
    placed: bool = True
    text: str = ""
    apart: bool = False  # the next piece begins a new utterance, so a new word
    number: int | None = None
    words_at: datetime | None = None  # when the last piece came
    finished: bool = False
    closing: datetime | None = None
    closed: bool = False

    def seconds(self, now: datetime) -> float:
        """How long its speech lasted by `now`, at most: its beginning and end may be too soft to be noticed."""
        spoken = ((each.ended or max(now, each.began)) - each.began for each in self.segments)
        return sum((each.total_seconds() + _UNNOTICED_S for each in spoken), 0.0)

    def follows(self, lost: _Lost) -> bool:
        """Whether it was spoken after what was given up, even if nothing of the assistant was heard between."""
        return self.began_at >= lost.began and not any(each.given_up for each in self.segments)

    def covers(self, segment: _Segment) -> bool:
        """Whether words came after `segment` had ended."""
        return self.words_at is not None and segment.ended is not None and self.words_at >= segment.ended

    def turn(self) -> Turn:
        assert self.number is not None
        ended = max((each.ended for each in self.segments if each.ended), default=None)
        return Turn(
            self.number,
            Speaker.CALLER,
            " ".join(self.text.split()),
            self.began_at if self.placed else None,
            (ended or self.words_at) if self.placed else None,
        )


@dataclass(slots=True)
class _Lost:
    """Speech that was given up: words that come until `until` may be its own."""

    began: datetime
    until: datetime
    words: bool = False


# --- The assistant ----------------------------------------------------------------------------------------

_MARGIN_MS = 200.0  # by how much words count as played late
_SLOW_CHARS_PER_S = 13.0  # slow Italian: how long text lasts whose audio is not all there
_WEIGHTS = {**dict.fromkeys("0123456789", 4.0), **dict.fromkeys(".,;:?!", 3.0)}  # spoken longer than a letter


@dataclass(slots=True)
class AssistantSpeech:
    """One turn of the assistant: its words, its audio, and how much of it was played when."""

    number: int
    pieces: list[tuple[str, float]] = field(
        default_factory=list
    )  # words, and the audio received before them (ms)
    audio_ms: float = 0.0
    generated: bool = False  # all of its audio is there
    done: bool = False  # played whole or cut off
    began_at: datetime | None = None
    ended_at: datetime | None = None
    cut_ms: float | None = None  # how much had been played when it was cut off
    samples: list[tuple[datetime, float]] = field(default_factory=list)

    def words(self, text: str) -> None:
        """A piece of its transcript arrived."""
        self.pieces.append((text, self.audio_ms))

    def audio(self, ms: float) -> None:
        """`ms` milliseconds of its audio arrived."""
        self.audio_ms += ms

    def sample(self, now: datetime, played_ms: float) -> None:
        """At `now`, `played_ms` milliseconds of it had been played."""
        if self.done or played_ms <= 0:
            return
        if self.began_at is None:
            self.began_at = now - timedelta(milliseconds=played_ms)
        if not self.samples or now - self.samples[-1][0] >= timedelta(milliseconds=100):
            self.samples.append((now, played_ms))

    def finish(self, now: datetime) -> None:
        """All of it had been played at `now`."""
        self.began_at = self.began_at or now - timedelta(milliseconds=self.audio_ms)
        self.ended_at, self.done = now, True

    def cut(self, now: datetime, played_ms: float) -> None:
        """It was cut off at `now`, with `played_ms` milliseconds played."""
        if self.generated and self.audio_ms and played_ms >= self.audio_ms - 1:
            self.finish(now)
            return
        self.sample(now, played_ms)
        self.began_at = self.began_at or now
        self.ended_at, self.cut_ms, self.done = now, played_ms, True

    def turn(self) -> Turn:
        """The turn as it is known now."""
        raw = "".join(text for text, _ in self.pieces)
        text = " ".join(raw.split())
        weights = list(accumulate(_WEIGHTS.get(char, 1.0) for char in text))
        heard = None if self.cut_ms is None else _whole_words(text, self._chars(weights, raw, self.cut_ms))
        most = len(text if heard is None else heard)
        played: list[Played] = []
        for at, ms in self.samples:
            chars = min(self._chars(weights, raw, ms), most)
            if chars > (played[-1].chars if played else 0):
                played.append(Played(at, chars))
        return Turn(
            self.number,
            Speaker.ASSISTANT,
            text,
            self.began_at,
            self.ended_at,
            heard=heard,
            played=tuple(played),
        )

    def _chars(self, weights: Sequence[float], raw: str, ms: float) -> int:
        """How many characters of the text were surely played after `ms` milliseconds, by their weights, summed up."""
        total, length = self.audio_ms, len(weights)
        if not self.generated:
            total = max(total, length / _SLOW_CHARS_PER_S * 1000)
        if not weights or total <= 0:
            return 0
        share = max(0.0, min(1.0, (ms - _MARGIN_MS) / total))
        chars = min(int(length * share), bisect_right(weights, weights[-1] * share))
        if not self.generated:
            arrived = sum(len(piece) for piece, after_ms in self.pieces if after_ms <= ms)
            chars = min(chars, int(length * arrived / len(raw)))
        return chars


def _whole_words(text: str, chars: int) -> str:
    """The first `chars` characters of `text`, without a word that is cut in two."""
    if chars < len(text) and not text[chars].isspace():
        chars = text.rfind(" ", 0, chars) + 1
    return text[:chars].rstrip()
