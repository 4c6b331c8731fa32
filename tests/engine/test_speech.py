"""Where words are placed: late, reordered, missing, split."""

import itertools
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.speech import AssistantSpeech, CallerSpeech
from engine.turns import Turn
from tests.clocks import START


def at(seconds: float):
    return START + timedelta(seconds=seconds)


Step = tuple[object, ...]


def play(steps: Sequence[Step], speech: CallerSpeech | None = None) -> list[tuple[str, float | None]]:
    """The caller's turns as (text, began) after `steps` of (seconds, what, …)."""
    speech = speech or CallerSpeech(itertools.count(1))
    turns: dict[int, Turn] = {}
    for seconds, what, *rest in steps:
        now = at(float(seconds))  # type: ignore[arg-type]  # a step begins with its seconds
        match what:
            case "began":
                speech.began(now)
            case "ended":
                speech.ended(now)
            case "played":
                speech.assistant_played(now, at(rest[0]))
            case "boundary":
                speech.boundary(now)
            case "words" | "finished":
                turn = speech.words(rest[0], now, finished=what == "finished")
                if turn is not None:
                    turns[turn.number] = turn
    return [
        (turn.text, None if turn.began_at is None else (turn.began_at - START).total_seconds())
        for turn in turns.values()
    ]


TABLE: dict[str, tuple[list[Step], list[tuple[str, float | None]]]] = {
    "words that come late belong to the speech they came from": (
        [(1, "began"), (1.5, "ended"), (2, "played", 6), (4, "words", "sì")],
        [("sì", 1)],
    ),
    "pieces are put together": (
        [(1, "began"), (3, "ended"), (3.5, "words", "merco"), (3.6, "words", "ledì alle"), (4, "words", " 15")],
        [("mercoledì alle 15", 1)],
    ),
    "late words of the first speech are not the second's": (
        [(1, "began"), (2, "ended"), (2.5, "played", 5), (6, "began"), (6.5, "ended"), (7, "words", "sì")],
        [("sì", 1)],
    ),
    "a boundary closes what has words, the next words are the next speech's": (
        [
            (1, "began"), (2, "ended"), (2.5, "words", "mercoledì"), (2.6, "played", 5), (5, "boundary"),
            (6, "began"), (6.5, "ended"), (7, "words", "sì"),
        ],
        [("mercoledì", 1), ("sì", 6)],
    ),
    "a boundary does not close what has no words yet": (
        [
            (1, "began"), (2, "ended"), (2.5, "played", 5), (5, "boundary"),
            (6, "began"), (6.5, "ended"), (6.8, "words", "sì"), (7, "boundary"), (7.2, "words", "no"),
        ],
        [("sì", 1), ("no", 6)],
    ),
    "a finished piece closes too": (
        [
            (1, "began"), (2, "ended"), (2.5, "finished", "mercoledì"), (3, "played", 5),
            (6, "began"), (6.5, "ended"), (7, "finished", "sì"),
        ],
        [("mercoledì", 1), ("sì", 6)],
    ),
    "finished while the detector still hangs over": (
        [
            (1, "began"), (2.1, "finished", "mercoledì"), (2, "ended"), (3, "played", 5),
            (6, "began"), (6.5, "ended"), (7, "finished", "sì"),
        ],
        [("mercoledì", 1), ("sì", 6)],
    ),
    "two segments without the assistant between are one turn": (
        [(1, "began"), (2, "ended"), (3, "began"), (4, "ended"), (5, "words", "allora mercoledì")],
        [("allora mercoledì", 1)],
    ),
    "closed by finished, going on without the assistant between: never later than the first": (
        [
            (1, "began"), (2, "ended"), (2.5, "finished", "allora"),
            (3, "began"), (4, "ended"), (5, "words", "sì"),
        ],
        [("allora", 1), ("sì", 1)],
    ),
    "an interruption while the caller speaks leaves the words together": (
        [
            (0, "played", 1.2), (1, "began"), (1.4, "words", "aspetta"), (1.5, "boundary"),
            (3, "ended"), (3.6, "words", "meglio giovedì"),
        ],
        [("aspetta meglio giovedì", 1)],
    ),
    "words without speech cannot be placed": ([(3, "words", "sì")], [("sì", None)]),
    "words after their speech was given up cannot be placed": (
        [(1, "began"), (2, "ended"), (3, "played", 8), (9.5, "words", "sì")],
        [("sì", None)],
    ),
    "… not even when the caller has spoken again": (
        [(1, "began"), (2, "ended"), (3, "played", 8), (9, "began"), (9.4, "ended"), (9.8, "words", "sì")],
        [("sì", None)],
    ),
    "long after giving up, words are the next speech's": (
        [(1, "began"), (2, "ended"), (9, "played", 13), (15, "began"), (15.4, "ended"), (16, "words", "sì")],
        [("sì", 15)],
    ),
    "after a boundary words that are left over cannot be placed": (
        [(1, "began"), (2, "ended"), (2.5, "words", "sì"), (3, "boundary"), (3.5, "words", "anzi no")],
        [("sì", 1), ("anzi no", None)],
    ),
    "two stretches transcribed without a boundary between stay together, at the first": (
        [
            (1, "began"), (2.5, "ended"), (3, "played", 5), (5.5, "began"), (6.3, "ended"),
            (7, "words", "Mercoledì 11"), (7.1, "words", " alle 15."), (7.9, "words", "Sì, confermo."),
        ],
        [("Mercoledì 11 alle 15. Sì, confermo.", 1)],
    ),
    "a denial at the beginning of the second is never parted from its yes": (
        [
            (1, "began"), (1.4, "ended"), (2, "played", 5), (5.5, "began"), (6.5, "ended"),
            (7, "words", "Mercoledì."), (7.8, "words", "No."), (8, "words", "Va bene, mercoledì undici alle quindici."),
        ],
        [("Mercoledì. No. Va bene, mercoledì undici alle quindici.", 1)],
    ),
    "a piece after the transcript counted as whole begins a new word": (
        [(1, "began"), (2, "ended"), (2.5, "words", "mercoledì"), (4, "words", "sì")],
        [("mercoledì sì", 1)],
    ),
    "a full stop inside an address parts nothing": (
        [(1, "began"), (3, "ended"), (3.5, "words", "mario@gmail."), (3.6, "words", "com")],
        [("mario@gmail.com", 1)],
    ),
    "more words than the first can hold: the next are those of the third": (
        [
            (1, "began"), (1.3, "ended"), (2, "played", 5), (5.5, "began"), (7.5, "ended"),
            (7.6, "words", "Sì."), (7.7, "words", "Anzi no, meglio giovedì 12 febbraio alle 16."), (8, "boundary"),
            (8, "played", 10), (10.5, "began"), (10.9, "ended"), (11.5, "words", "Sì, confermo."),
        ],
        [("Sì. Anzi no, meglio giovedì 12 febbraio alle 16.", 1), ("Sì, confermo.", 10.5)],
    ),
    "as many words as the first can hold: the next may still be the second's": (
        [
            (1, "began"), (2.5, "ended"), (3, "played", 5), (5.5, "began"), (6.3, "ended"),
            (7, "words", "Mercoledì 11 alle 15."), (7.2, "words", "Sì."), (8, "boundary"),
            (8, "played", 10), (10.5, "began"), (10.9, "ended"), (11.5, "words", "Sì, confermo."),
        ],
        [("Mercoledì 11 alle 15. Sì.", 1), ("Sì, confermo.", 5.5)],
    ),
    "what is left over after a boundary has an instant of its own": (
        [
            (1, "began"), (2, "ended"), (2.5, "words", "mercoledì"), (3, "began"), (4, "ended"),
            (4.1, "boundary"), (4.5, "words", "anzi no"),
        ],
        [("mercoledì", 1), ("anzi no", 3)],
    ),
    "silence has no turn": ([(1, "began"), (2, "ended"), (3, "words", "  "), (3, "finished", "")], []),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "expected"), TABLE.values(), ids=TABLE.keys())
def test_where_words_are_placed(steps: list[Step], expected: list[tuple[str, float | None]]) -> None:
    assert play(steps) == expected


def test_untranscribed_until_the_words_are_whole() -> None:
    speech = CallerSpeech(itertools.count(1))
    play([(1, "began")], speech)
    assert speech.untranscribed(at(1.2))
    play([(1.5, "words", "sì")], speech)
    assert speech.untranscribed(at(1.6)), "it goes on"
    play([(1.8, "ended")], speech)
    assert speech.untranscribed(at(2)), "what came before its end is not all of it"
    play([(2.5, "words", " anzi")], speech)
    assert speech.untranscribed(at(3)), "another piece may follow"
    play([(3, "words", " no")], speech)
    assert speech.untranscribed(at(4.4))
    assert not speech.untranscribed(at(4.6))


def test_a_finished_transcript_is_whole_at_once() -> None:
    speech = CallerSpeech(itertools.count(1))
    play([(1, "began"), (1.5, "ended"), (2, "finished", "sì")], speech)
    assert not speech.untranscribed(at(2))


def test_speech_after_the_words_is_still_waited_for() -> None:
    """ "Sì", and while its words arrive the caller has begun "anzi no": a boundary does not settle that."""
    speech = CallerSpeech(itertools.count(1))
    play(
        [(1, "began"), (1.4, "ended"), (1.9, "began"), (2, "words", "sì"), (3, "ended"), (3.1, "boundary")],
        speech,
    )
    assert speech.untranscribed(at(6))
    assert play([(6.5, "finished", "anzi no")], speech) == [("anzi no", 1.9)]
    assert not speech.untranscribed(at(7))


def test_untranscribed_by_an_instant() -> None:
    speech = CallerSpeech(itertools.count(1))
    play([(1, "began"), (2, "ended"), (2.5, "finished", "sì"), (5, "began")], speech)
    assert not speech.untranscribed(at(5.5), begun_by=at(4))
    assert speech.untranscribed(at(5.5), begun_by=at(5))


def test_speech_without_words_is_given_up_and_counted() -> None:
    speech = CallerSpeech(itertools.count(1))
    play([(1, "began"), (2, "ended")], speech)
    speech.settle(at(8.9))
    assert (speech.given_up, speech.untranscribed(at(8.9))) == (0, True)
    speech.settle(at(9))
    assert (speech.given_up, speech.untranscribed(at(9))) == (1, False)


TWO_STRETCHES: list[Step] = [
    (1, "began"), (1.3, "ended"), (2, "played", 5), (5.5, "began"), (7.5, "ended"), (7.6, "words", "Sì."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "chars_per_s", "given_up"),
    [
        ("Anzi no, meglio giovedì 12 febbraio alle 16.", 30, 0),
        ("Anzi no, meglio giovedì 12 febbraio alle 16.", 220, 1),
        ("Anzi no.", 30, 1),
    ],
    ids=["more than the first can hold", "not where speech is that fast", "they may all be the first's"],
)
def test_speech_heard_together_with_what_was_before_it(words: str, chars_per_s: float, given_up: int) -> None:
    speech = CallerSpeech(itertools.count(1), chars_per_s=chars_per_s)
    play([*TWO_STRETCHES, (7.7, "words", words), (8, "boundary")], speech)
    assert speech.untranscribed(at(9.5)) == bool(given_up)
    speech.settle(at(20))
    assert speech.given_up == given_up


@given(st.data())
def test_words_that_come_together_are_never_placed_later_than_spoken(data: st.DataObject) -> None:
    """Utterances in pieces, as dense as speech can be, less than 7 s late; boundaries only between them."""
    steps: list[tuple[float, int, Step]] = []
    arrived, clock = 0.0, 0.0
    for _ in range(data.draw(st.integers(2, 5))):
        began = clock + data.draw(st.floats(0.5, 2))
        ended = began + data.draw(st.floats(0.1, 3))
        clock = ended + 0.5
        steps += [(began, 0, (began, "began")), (ended, 0, (ended, "ended"))]
        steps.append((ended, 1, (ended + 0.1, "played", ended + 0.4)))
        word = f"w@{began} "
        words = max(1, int((ended - began) * 30 // len(word)))
        arrived = max(arrived, ended)
        pieces = data.draw(st.integers(1, words)) if len(word) <= (ended - began + 1) * 30 else 0
        for _ in range(pieces):
            arrived += data.draw(st.floats(0.01, 3))
            if arrived >= ended + 6.9:
                break
            steps.append((arrived, 1, (arrived, "words", word)))
        else:
            if pieces and data.draw(st.booleans()):
                steps.append((arrived, 2, (arrived, "boundary")))
    for text, placed in play([step for *_, step in sorted(steps, key=lambda each: each[:2])]):
        for word in text.split():
            if placed is not None:
                assert placed <= float(word.split("@")[1]) + 1e-5


@given(st.data())
def test_words_are_never_placed_later_than_spoken(data: st.DataObject) -> None:
    """Utterances with the assistant between, transcribed in order, each less than 7 s late."""
    count = data.draw(st.integers(1, 5))
    steps: list[tuple[float, int, Step]] = []
    arrived, clock = 0.0, 0.0
    for number in range(count):
        began = clock + data.draw(st.floats(0.5, 4))
        ended = began + data.draw(st.floats(0.1, 3))
        clock = ended + 0.5
        steps += [(began, 0, (began, "began")), (ended, 0, (ended, "ended"))]
        steps.append((ended, 1, (ended + 0.1, "played", ended + 0.4)))
        if data.draw(st.booleans()):
            steps.append((clock, 2, (clock, "boundary")))
        arrived = max(arrived, ended + data.draw(st.floats(0.05, 6.9)))
        if arrived < ended + 7:
            steps.append((arrived, 1, (arrived, "words", f" w{number}@{began} ")))
        arrived += 0.001
    for text, placed in play([step for *_, step in sorted(steps, key=lambda each: each[:2])]):
        for word in text.split():
            if placed is not None:
                assert placed <= float(word.split("@")[1]) + 1e-5


# --- a connection that is lost ---


def told(
    steps: Sequence[Step], lost_at: float, then: Sequence[Step]
) -> tuple[CallerSpeech, list[tuple[str, float | None]]]:
    """Play `steps`, lose the connection, play `then`; the turns of both."""
    speech = CallerSpeech(itertools.count(1))
    before = play(steps, speech)
    speech.lose(at(lost_at))
    return speech, [*before, *play(then, speech)]


SPEECH_LOST = {
    "no words yet": ([(1, "began"), (2, "ended")], 2.5),
    "in the middle of it": ([(1, "began")], 1.5),
    "more words may have followed": ([(1, "began"), (2, "ended"), (2.5, "words", "Sì")], 2.6),
    "closed, and more may have followed": (
        [(1, "began"), (2, "ended"), (2.5, "words", "Sì"), (2.6, "boundary")],
        2.7,
    ),
}


@pytest.mark.parametrize(("steps", "lost_at"), SPEECH_LOST.values(), ids=SPEECH_LOST)
def test_speech_whose_words_are_lost_with_a_connection_is_given_up_at_once(
    steps: list[Step], lost_at: float
) -> None:
    speech, _ = told(steps, lost_at, [])
    assert speech.given_up == 1
    assert not speech.untranscribed(at(lost_at))
    speech.ended(at(lost_at + 0.2))
    speech.settle(at(60))
    assert speech.given_up == 1, "and once only"


def test_nothing_is_lost_of_speech_that_was_understood() -> None:
    speech, turns = told([(1, "began"), (2, "ended"), (2.5, "words", "Sì")], 4.5, [])
    assert (speech.given_up, turns) == (0, [("Sì", 1.0)])
    _, turns = told(
        [(1, "began"), (2, "ended"), (2.5, "words", "Sì")],
        4.5,
        [(5, "played", 6), (7, "began"), (8, "ended"), (8.5, "words", "no")],
    )
    assert turns == [("Sì", 1.0), ("no", 7.0)], "and what is said next is its own"


def test_the_rest_of_an_utterance_without_its_beginning_cannot_be_placed() -> None:
    """Of "no, anzi sì" the new connection has heard the end alone."""
    speech, turns = told([(1, "began")], 2, [(2.5, "ended"), (3, "words", "sì")])
    assert turns == [("sì", None)]
    assert speech.given_up == 1


def test_neither_can_what_is_said_right_after_it() -> None:
    _, turns = told([(1, "began"), (2, "ended")], 2.2, [(4, "began"), (5, "ended"), (5.5, "words", "sì")])
    assert turns == [("sì", None)]


def test_but_it_is_not_waited_for_in_turn_and_what_follows_counts() -> None:
    speech, turns = told(
        [(1, "began"), (2, "ended")],
        2.2,
        [
            *[(4, "began"), (5, "ended"), (5.5, "words", "sì"), (6, "boundary"), (6.5, "played", 8)],
            *[(8.5, "began"), (9, "ended"), (9.5, "words", "confermo")],
        ],
    )
    speech.settle(at(60))
    assert turns == [("sì", None), ("confermo", 8.5)]
    assert speech.given_up == 1


def test_later_speech_counts_where_no_words_came() -> None:
    steps: list[Step] = [(3, "played", 5), (10, "began"), (11, "ended"), (11.5, "words", "sì")]
    _, turns = told([(1, "began"), (2, "ended")], 2.2, steps)
    assert turns == [("sì", 10.0)]


def test_doubtful_words_are_kept_but_not_placed() -> None:
    speech = CallerSpeech(itertools.count(1))
    speech.began(at(1))
    speech.ended(at(2))
    turn = speech.words("sì", at(2.5), doubtful=True)
    assert turn is not None
    assert (turn.text, turn.began_at) == ("sì", None)
    assert speech.waiting()
    assert speech.untranscribed(at(3)), "its own words may still come"
    speech.settle(at(9.5))
    assert (speech.given_up, speech.waiting()) == (1, False)


@pytest.mark.parametrize("looked_at", [(), (9.5,), (9.5, 13.0)])
def test_late_words_of_lost_speech_are_never_the_next_speechs(looked_at: tuple[float, ...]) -> None:
    """Speech whose words never came is given up while words of what was taken for keys may still come."""
    speech = CallerSpeech(itertools.count(1))
    speech.began(at(1))
    speech.ended(at(2))
    speech.assistant_played(at(2.5), at(7))
    speech.keyed(at(7.5))
    speech.began(at(7.5))
    assert not speech.ended(at(8))  # words of it may come until 15
    speech.assistant_played(at(8.5), at(9))
    speech.began(at(9.1))
    speech.ended(at(14))
    for seconds in looked_at:
        speech.settle(at(seconds))
    turn = speech.words("sì", at(14.5))
    assert turn is not None
    assert (turn.text, turn.began_at) == ("sì", None)


def test_speech_of_which_the_beginning_was_dropped_is_lost_but_not_what_came_after() -> None:
    speech = CallerSpeech(itertools.count(1))
    for step in ((1.0, "began"), (2.0, "ended"), (3.5, "began"), (4.0, "ended")):
        getattr(speech, str(step[1]))(at(step[0]))
    speech.lose(at(4.5), begun_by=at(2.5))
    assert speech.given_up == 1
    assert speech.untranscribed(at(5))


# --- the assistant ---


def spoken(text: str, ms: float, *, generated: bool = True) -> AssistantSpeech:
    speech = AssistantSpeech(1)
    words = text.split(" ")
    for index, word in enumerate(words):
        speech.words(word if index == 0 else " " + word)
        speech.audio(ms / len(words))
    speech.generated = generated
    return speech


READBACK = "Allora mercoledì 11 febbraio alle 15, va bene? Mi conferma?"


def test_played_whole() -> None:
    speech = spoken(READBACK, 4000)
    for tenth in range(1, 40):
        speech.sample(at(tenth / 10), tenth * 100)
    speech.finish(at(4.0))
    turn = speech.turn()
    assert (turn.heard, turn.cut_off, turn.ended_at) == (None, False, at(4.0))
    assert turn.began_at == at(0)
    time_said = turn.played_at(turn.text.index("15") + 2)
    assert time_said is not None
    assert at(2.4) <= time_said <= at(3.6)
    assert turn.played_at(len(turn.text)) == at(4.0)
    assert [mark.chars for mark in turn.played] == sorted({mark.chars for mark in turn.played})


@pytest.mark.parametrize(
    ("ms", "heard"),
    [(0, ""), (150, ""), (1400, "Allora mercoledì"), (3999.5, READBACK)],
)
def test_cut_off_at_a_whole_word(ms: float, heard: str) -> None:
    speech = spoken(READBACK, 4000)
    speech.cut(at(5), ms)
    turn = speech.turn()
    assert turn.heard_text == heard
    assert turn.text.startswith(turn.heard_text)
    assert turn.cut_off == (heard != READBACK)


def test_words_ahead_of_the_audio_are_not_heard() -> None:
    speech = AssistantSpeech(1)
    speech.words(READBACK)
    speech.audio(1000)
    speech.cut(at(2), 1000)
    assert len(speech.turn().heard_text) <= 13


def test_words_that_come_after_the_cut_lengthen_the_text() -> None:
    speech = AssistantSpeech(1)
    speech.words("Allora mercoledì ")
    speech.audio(4000)
    speech.generated = True
    speech.cut(at(2), 2000)
    speech.words("11 febbraio alle 15, va bene? Mi conferma?")
    turn = speech.turn()
    assert turn.text == READBACK
    assert turn.heard_text == "Allora mercoledì 11"


@given(st.text("abcde 123,.?", max_size=80), st.floats(0, 8000), st.floats(0, 8000), st.booleans())
def test_heard_grows_with_what_is_played_and_stays_a_prefix(
    text: str, first: float, second: float, generated: bool
) -> None:
    heard = []
    for ms in sorted((first, second)):
        speech = spoken(text, 6000, generated=generated)
        speech.sample(at(0.1), ms / 2)
        speech.cut(at(1), ms)
        turn = speech.turn()
        assert turn.text.startswith(turn.heard_text)
        assert all(mark.chars <= len(turn.heard_text) for mark in turn.played)
        heard.append(len(turn.heard_text))
    assert heard == sorted(heard)
