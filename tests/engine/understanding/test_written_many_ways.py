"""Days and times, written in many Italian ways and as transcripts damage them, come back as what they were."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.turns import Speaker
from engine.understanding.acts import Phrases
from engine.understanding.dates import find_dates
from engine.understanding.ranges import find_ranges
from engine.understanding.report import Line, report
from engine.understanding.times import find_times

ROME = ZoneInfo("Europe/Rome")
NOW = datetime(2026, 2, 9, 9, 30, tzinfo=ROME)
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2035, 1, 1), timezones=st.just(ROME))  # noqa: DTZ001  # bounds are naive, the zone is given beside
WEEKDAYS = ("lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica")
MONTHS = ("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre")
MONTHS += ("ottobre", "novembre", "dicembre")
UNITS = ("zero", "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove", "dieci", "undici")
UNITS += ("dodici", "tredici", "quattordici", "quindici", "sedici", "diciassette", "diciotto", "diciannove")
TENS = ("", "", "venti", "trenta", "quaranta", "cinquanta")


def spelled(number: int) -> str:
    """A number below 60 as an Italian writes it."""
    tens, unit = divmod(number, 10)
    if number < 20:
        return UNITS[number]
    stem = TENS[tens][:-1] if unit in (1, 8) else TENS[tens]
    return TENS[tens] if not unit else stem + ("tré" if unit == 3 else UNITS[unit])


_BEFORE = """
Allora,
sì guardi,
mi andrebbe bene
facciamo
ehm…
vorrei prenotare per
no no,
buongiorno, sono Ada:
E se fosse
io direi
ok"""
BEFORE = st.sampled_from([line and line + " " for line in _BEFORE.splitlines()])
AFTER = st.sampled_from(
    ["", " va bene?", ", grazie", " se è libero", ".", " per favore", "…", " con la dottoressa"]
)


def damaged(said: str, damage: str) -> str:
    """`said` as a keyboard or a transcript may have it."""
    bare = said.translate(str.maketrans("àèéìíòù", "aeeiiou"))
    return {
        "none": said,
        "bare": bare,
        "upper": said.upper(),
        "upper bare": bare.upper(),
        "apostrophe": said.replace("ì", "i'").replace("é", "e'"),
        "backtick": said.replace("ì", "i`"),
        "typographic": said.replace("'", "’"),
        "acute": said.replace("ì", "í"),
        "decomposed": said.replace("ì", "i\u0300"),
        "clipped": said.replace("dì", "d"),
        "spaced": said.replace(" ", "  "),
        "title": said.title(),
    }[damage]


_PLAIN = ("none", "bare", "upper", "upper bare", "apostrophe", "backtick")
DAMAGE = st.sampled_from([*_PLAIN, "typographic", "acute", "decomposed", "clipped", "spaced", "title"])


@st.composite
def written_days(draw: st.DrawFn) -> tuple[datetime, date, str]:
    """An instant, a day at most 300 days on, and a way to write it with its month."""
    now = draw(INSTANTS)
    day = now.date() + timedelta(days=draw(st.integers(0, 300)))
    number = draw(
        st.sampled_from([str(day.day), spelled(day.day)] + (["primo", "1°", "1º"] if day.day == 1 else []))
    )
    month = draw(
        st.sampled_from([MONTHS[day.month - 1], MONTHS[day.month - 1][:3], MONTHS[day.month - 1][:3] + "."])
    )
    of = draw(st.sampled_from(["", "di "])) if month in MONTHS else ""
    years = ["", f" {day.year}", f" duemila{spelled(day.year % 100)}"] + (
        [f" del {day.year}"] if of == "" else []
    )
    year = draw(st.sampled_from(years)) if not month.endswith(".") else ""
    article = "l'" if number[0] in "ou8" or number == "11" else "il "
    weekday = WEEKDAYS[day.weekday()]
    opening = draw(
        st.sampled_from(["", article, f"{weekday} ", f"{weekday}, ", f"{weekday} {article}", "il giorno "])
    )
    return now, day, f"{opening}{number} {of}{month}{year}"


@given(written_days(), BEFORE, AFTER, DAMAGE)
def test_a_day_comes_back(written: tuple[datetime, date, str], before: str, after: str, damage: str) -> None:
    now, day, words = written
    (mention,) = find_dates(before + damaged(words, damage) + after, now)
    assert mention.value == day


@given(INSTANTS, st.integers(1, 27), st.booleans(), BEFORE, AFTER, DAMAGE)
def test_a_weekday_with_its_number_comes_back(
    now: datetime, ahead: int, in_words: bool, before: str, after: str, damage: str
) -> None:
    day = now.date() + timedelta(days=ahead)
    number = ("primo" if day.day == 1 else spelled(day.day)) if in_words else str(day.day)
    words = f"{WEEKDAYS[day.weekday()]} {number} alle 15"
    (mention,) = find_dates(before + damaged(words, damage) + after, now)
    assert mention.value == day


@given(
    INSTANTS, st.integers(1, 300), st.sampled_from(["tra {} giorni", "fra {} giorni", "da qui a {} giorni"])
)
def test_days_from_now_come_back(now: datetime, ahead: int, form: str) -> None:
    (mention,) = find_dates(form.format(ahead if ahead > 1 else "1"), now)
    day = now.date() + timedelta(days=ahead)
    assert day in mention.candidates
    assert (mention.value == day) == (ahead != 15)  # fifteen days are two weeks to many


def clocks(at: time) -> list[str]:
    """Ways to say a time of day that leave no choice."""
    minute = spelled(at.minute)
    ways = []
    if at.hour >= 13 or at.hour < 10:
        ways += [f"alle {at:%H:%M}", f"ore {at:%H.%M}", f"alle ore {at:%H:%M}", f"h {at:%H:%M}"]
    if at.hour >= 13:
        ways += [f"alle {spelled(at.hour)} e {minute}" if at.minute else f"alle {spelled(at.hour)}"]
        ways += [f"le {at.hour} e {at:%M}" if at.minute else f"le {at.hour}"]
    quarters = {0: "", 15: " e un quarto", 30: " e mezza", 45: " e tre quarti"}
    tail = quarters.get(at.minute, f" e {minute}")
    dial = (at.hour - 1) % 12 + 1
    on_dial = "l'una" if dial == 1 else f"le {spelled(dial)}"
    part = "di mattina" if at.hour < 12 else "del pomeriggio" if at.hour < 18 else "di sera"
    ways += [
        f"al{on_dial}{tail} {part}",
        f"verso {on_dial}{tail} {part}",
        f"al{on_dial}{tail} in punto {part}",
    ]
    if at.hour == 12:
        ways += [f"a mezzogiorno{tail}", f"mezzogiorno{tail}"]
    return ways


TIMES = st.builds(time, st.integers(6, 22), st.sampled_from(range(0, 60, 5)))


@given(TIMES.flatmap(lambda at: st.tuples(st.just(at), st.sampled_from(clocks(at)))), BEFORE, AFTER, DAMAGE)
def test_a_time_comes_back(written: tuple[time, str], before: str, after: str, damage: str) -> None:
    at, words = written
    (mention,) = find_times(before + damaged(words, damage) + after)
    assert mention.value == at


@given(
    written_days(),
    TIMES.flatmap(lambda at: st.tuples(st.just(at), st.sampled_from(clocks(at)))),
    st.booleans(),
    AFTER,
)
def test_a_day_and_a_time_come_back(
    written: tuple[datetime, date, str], clock: tuple[time, str], day_first: bool, after: str
) -> None:
    now, day, words = written
    at, hours = clock
    text = (f"{words} {hours}" if day_first else f"{hours} di {words}") + after
    assert [mention.value for mention in find_dates(text, now)] == [day]
    assert [mention.value for mention in find_times(text)] == [at]


LONG = 100_000
RUNS = """e |lunedì |tra |tra le |dalle |da lunedì a |(|1|1 |1-|1:|3/4 |12:30 |\u0300|a\u0300|😀|\x00|alle |10 o
un quarto alle |non questo |vigilia di |terzo martedì dopo il |3 giorni dopo |l'ultimo venerdì e il |prima di |fine di
non |?|domani mattina |e il 3 marzo |mille |333 |primo |settimana del """.replace("\n", "|").split("|")


def long_run(run: str) -> str:
    return run * (LONG // len(run.encode()))


@pytest.mark.parametrize("run", RUNS)
def test_a_hundred_kilobytes_of_the_calendar_are_read(run: str) -> None:
    text = long_run(run)
    for found in (*find_dates(text, NOW), *find_times(text), *find_ranges(text, NOW)):
        assert text[found.start : found.end] == found.text


@pytest.mark.parametrize("run", ["lunedì ", "annulla "])
def test_a_hundred_kilobytes_of_a_turn_are_read(run: str) -> None:
    text = long_run(run)
    assert report(Line(text, NOW), Phrases({}, {}))["text"] == text


@given(st.text(), st.sampled_from(list(Speaker)))
def test_any_text_is_read(text: str, speaker: Speaker) -> None:
    assert report(Line(text, NOW, speaker), Phrases({}, {}))["text"] == text
