"""The eight calls of the demo, A to H: who calls, what they say, and what must have come of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from storage import people, seed
from storage.agenda import AgendaSettings, closing_days
from storage.results import BookingKind
from transport.simulation.caller import Dialled
from transport.simulation.persona import Persona, Reaction, Reply

ZONE = ZoneInfo("Europe/Rome")
MINUTES = 60
OUR_NUMBER = "+390612345678"

_DAYS = ("lunedì", "martedì", "mercoledì", "giovedì", "venerdì")
_HELLO = "come posso aiutarti"
_OFFER = "quale preferisci|ti va bene"


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be in force because of a call, and the stage it must have ended in. Without `kind`: nothing."""

    stage: str
    kind: BookingKind | None = None
    start: datetime | None = None
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A start (aware UTC) of a consultant."""

    consultant_id: int
    start: datetime


@dataclass(frozen=True, slots=True)
class Scenario:
    """One call. `taken` is a slot that somebody else takes as soon as the assistant has begun to speak."""

    letter: str
    title: str
    persona: Persona
    dialled: Dialled
    expected: Expected
    taken: Slot | None = None


def seed_demo(now: datetime) -> tuple[Scenario, ...]:
    """Put the demo's people and agendas into the store and return its calls. Call in `Database.run(work)`.

    The slots lie on the first three working days after `now` (aware).
    """
    first, second, third = working_days(now, 3)
    marco = _consultant(
        "Marco Rossi",
        *(_at(first, hour) for hour in (10, 12, 15, 17)),
        *(_at(second, hour) for hour in (9, 11, 14, 16)),
        *(_at(third, hour) for hour in (10, 15)),
    )
    anna = _consultant("Anna Verdi", _at(first, 16), _at(second, 9), _at(second, 17))
    _client("Ada Bianchi", 1, marco)
    carlo = _client("Carlo Neri", 3, marco)
    _client("Gina Fermi", 7, marco)
    _client("Ugo Conti", 8, anna)
    people.add_scheduled_call(
        "demo-C", consultant_id=marco, target_number=_number(3), due_at=now, client_id=carlo
    )
    people.add_scheduled_call("demo-D", consultant_id=marco, target_number=_number(4), due_at=now)
    return (
        _client_calls(marco, _at(first, 15)),
        _lead_calls(marco, _at(second, 14)),
        _client_is_called(marco, _at(second, 11)),
        _lead_is_called(marco, _at(third, 15)),
        _only_asks(marco),
        _has_no_email(marco, _at(third, 10)),
        _corrects_itself(marco, _at(first, 10), _at(second, 16)),
        _comes_too_late(anna, _at(first, 16), _at(second, 9)),
    )


def working_days(now: datetime, count: int) -> list[date]:
    """The next `count` local weekdays after `now` that are no public holiday."""
    found: list[date] = []
    day = now.astimezone(ZONE).date()
    while len(found) < count:
        day += timedelta(days=1)
        if day.weekday() < len(_DAYS) and day not in closing_days("IT", None, day.year):
            found.append(day)
    return found


def spoken(start: datetime) -> str:
    """A start as a caller says it: "mercoledì 25 alle 15"."""
    local = start.astimezone(ZONE)
    return f"{_DAYS[local.weekday()]} {local.day} alle {local.hour}"


# --- The calls ------------------------------------------------------------------------------------------


def _client_calls(consultant: int, start: datetime) -> Scenario:
    persona = Persona(
        "Ada Bianchi",
        (
            Reaction(_HELLO, Reply("Ciao, vorrei prenotare una consulenza.")),
            Reaction(_OFFER, Reply(f"{spoken(start).capitalize()} va benissimo."), times=3),
        ),
    )
    expected = Expected("completato", BookingKind.CONSULTATION, start)
    return Scenario("A", "registered client calls", persona, _inbound("A", 1, consultant), expected)


def _lead_calls(consultant: int, start: datetime) -> Scenario:
    persona = Persona(
        "Mario",
        (
            Reaction(_HELLO, Reply("Buongiorno, vorrei fissare un appuntamento.")),
            Reaction(_OFFER, Reply(f"{spoken(start).capitalize()}."), times=3),
        ),
        phone="Il numero è 333 1234567.",
        email="mario@gmail.com",
        confirms="Sì, esatto.",
    )
    expected = Expected(
        "completato", BookingKind.APPOINTMENT, start, phone="+393331234567", email="mario@gmail.com"
    )
    dialled = Dialled("demo-B", "anonymous", OUR_NUMBER, consultant_id=consultant)
    return Scenario("B", "lead calls, number withheld", persona, dialled, expected)


def _client_is_called(consultant: int, start: datetime) -> Scenario:
    persona = Persona(
        "Carlo Neri",
        (
            Reaction("ti interessa", Reply("Sì, volentieri.")),
            Reaction(_OFFER, Reply(f"Facciamo {spoken(start)}."), times=3),
        ),
        confirms="Sì, va bene.",
    )
    expected = Expected("completato", BookingKind.CONSULTATION, start)
    return Scenario("C", "registered client is called", persona, _outbound("C", 3, consultant), expected)


def _lead_is_called(consultant: int, start: datetime) -> Scenario:
    persona = Persona(
        "Dario",
        (
            Reaction("ti interessa", Reply("Sì, volevo proprio chiamare!")),
            Reaction(_OFFER, Reply(f"{spoken(start).capitalize()}."), times=3),
        ),
        email="dario punto verdi chiocciola gmail punto com",
        confirms="Confermo.",
    )
    expected = Expected(
        "completato", BookingKind.APPOINTMENT, start, phone=_number(4), email="dario.verdi@gmail.com"
    )
    return Scenario("D", "lead is called, number known", persona, _outbound("D", 4, consultant), expected)


def _only_asks(consultant: int) -> Scenario:
    persona = Persona(
        "Elena",
        (
            Reaction(_HELLO, Reply("Volevo solo sapere quanto costa.")),
            Reaction("altro", Reply("No, grazie, arrivederci.", hang_up=True)),
        ),
    )
    return Scenario("E", "asks a price", persona, _inbound("E", 5, consultant), Expected("nessun_intento"))


def _has_no_email(consultant: int, start: datetime) -> Scenario:
    persona = Persona(
        "Fabio",
        (
            Reaction(_HELLO, Reply("Vorrei un appuntamento.")),
            Reaction("posso usare", Reply("Sì, certo.")),
            Reaction("senza email", Reply("Ci penso, arrivederci.", hang_up=True)),
            Reaction(_OFFER, Reply(f"{spoken(start).capitalize()}."), times=3),
        ),
        refusal="Mi dispiace, non ce l'ho.",
    )
    return Scenario(
        "F", "lead without an email", persona, _inbound("F", 6, consultant), Expected("raccolta_dati")
    )


def _corrects_itself(consultant: int, start: datetime, better: datetime) -> Scenario:
    persona = Persona(
        "Gina Fermi",
        (
            Reaction(_HELLO, Reply("Vorrei prenotare una consulenza.")),
            Reaction(_OFFER, Reply(f"{spoken(start).capitalize()}.")),
            Reaction(r"conferm\w*\?", Reply(f"Anzi no, meglio {spoken(better)}.")),
            Reaction(_OFFER, Reply(f"{spoken(better).capitalize()}."), times=3),
        ),
    )
    expected = Expected("completato", BookingKind.CONSULTATION, better)
    return Scenario("G", "client changes her mind", persona, _inbound("G", 7, consultant), expected)


def _comes_too_late(consultant: int, start: datetime, other: datetime) -> Scenario:
    persona = Persona(
        "Ugo Conti",
        (
            Reaction(_HELLO, Reply("Vorrei prenotare una consulenza.")),
            Reaction("non è libero", Reply(f"Allora {spoken(other)}."), times=3),
            Reaction(_OFFER, Reply(f"{spoken(start).capitalize()}."), times=3),
        ),
    )
    expected = Expected("completato", BookingKind.CONSULTATION, other)
    return Scenario(
        "H",
        "slot taken meanwhile",
        persona,
        _inbound("H", 8, consultant),
        expected,
        taken=Slot(consultant, start),
    )


# --- People, numbers, slots -----------------------------------------------------------------------------


def _consultant(name: str, *starts: datetime) -> int:
    consultant = people.add_consultant(name, AgendaSettings(published_starts_only=True))
    seed.publish_starts(consultant, starts)
    return consultant


def _client(name: str, number: int, consultant: int) -> int:
    return people.add_client(name, _number(number), consultant_id=consultant, email=f"{number}@example.com")


def _number(number: int) -> str:
    return f"+39340111110{number}"


def _inbound(letter: str, number: int, consultant: int) -> Dialled:
    return Dialled(f"demo-{letter}", _number(number), OUR_NUMBER, consultant_id=consultant)


def _outbound(letter: str, number: int, consultant: int) -> Dialled:
    name = f"demo-{letter}"
    return Dialled(
        name, OUR_NUMBER, _number(number), "outbound", scheduled_call=name, consultant_id=consultant
    )


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), ZONE).astimezone(UTC)
