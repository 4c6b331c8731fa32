"""Random conversations: whatever is said in whatever order, a booking stands only on a yes to a readback of it."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.scene import Scene, scene

# slot -> how the assistant restates it and asks
READBACKS = {
    "2026-02-11T15:00": ("A: Mercoledì 11 febbraio alle 15, confermi?", "A: Ti va mercoledì 11 alle 15?"),
    "2026-02-11T10:00": ("A: Mercoledì 11 febbraio alle 10, confermi?",),
    "2026-02-12T15:00": ("A: Giovedì 12 febbraio alle 15, va bene?",),
}
MOVES = {
    "2026-02-11T15:00": ("A: Sposto a mercoledì 11 febbraio alle 15, confermi?",),
    "2026-02-12T15:00": ("A: Sposto a giovedì 12 febbraio alle 15, confermi?",),
}
YES = ("C: Sì", "C: Sì, va bene", "C: Confermo", "C: Perfetto, grazie", "C: Sì, confermo mercoledì alle 15")
OTHER = (
    "C: Vorrei prenotare un appuntamento",
    "C: Mercoledì alle 15",
    "C: Meglio giovedì",
    "C: Anzi alle 10",
    "C: No",
    "C: Mercoledì non posso",
    "C: Vorrei spostarlo a giovedì",
    "C: Vorrei annullarlo",
    "C: Lasciamo perdere",
    "C: Sì, ma non so",
    "C: Aspetti un attimo",
    "C: Avete anche il parcheggio?",
    "A: Un attimo, verifico.",
    "A: Ho prenotato mercoledì 11 alle 15.",
    "A: Mercoledì 11 o giovedì 12?",
    "A: Ho mercoledì alle 10 o alle 15, quale preferisce?",
    "A: Mercoledì 11 febbraio alle 15. Ha già fatto una consulenza?",
    "A: Mercoledì 11 febbraio alle 15, confermi? | Mercoledì 11",
    "A: Giovedì 12 febbraio alle 15, va bene? | Giovedì 12 febbraio alle 15,",
    "A: Mi sente bene?",
    "A: Non è libero, ho giovedì 12 alle 15.",
)
LINES = [line for table in (READBACKS, MOVES) for lines in table.values() for line in lines]
CONVERSATIONS = st.lists(st.sampled_from([*LINES, *YES, *YES, *OTHER]), min_size=2, max_size=14)


def answered(lines: list[str]) -> set[str]:
    """Slots that were restated whole by an assistant turn, the last one before a caller's yes."""
    found, last = set(), ""
    for line in lines:
        if line.startswith("A: "):
            last = line
        elif line in YES:
            found |= {slot for table in (READBACKS, MOVES) for slot, said in table.items() if last in said}
            # After anything else, only a confirmation that names the slot itself counts.
            named = last.partition(" | ")[2].lower() or last.lower()
            if "confermo mercoledì alle 15" in line and "mercoledì 11" in named and "alle 15" in named:
                found.add("2026-02-11T15:00")
    return found


def play(call: Scene, lines: list[str], batch: int) -> None:
    """As on the phone, an analysis after each whole assistant turn; with `batch`, only after so many lines."""
    for at in range(0, len(lines), batch):
        call.say(*lines[at : at + batch])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=CONVERSATIONS, batch=st.integers(1, 6))
def test_every_booking_was_restated_and_answered_with_a_yes(lines: list[str], batch: int) -> None:
    with scene(free=READBACKS) as call:
        play(call, lines, batch)
        assert set(call.bookings()) <= answered(lines)
        assert len(call.bookings()) <= 1


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=CONVERSATIONS, batch=st.integers(1, 6))
def test_an_own_booking_is_never_lost_without_its_verb(lines: list[str], batch: int) -> None:
    """None of these turns says that something is cancelled, so what stood there stays or was moved."""
    with scene(free=READBACKS, own=["2026-02-13T11:00"]) as call:
        play(call, lines, batch)
        moved = {slot for slot, said in MOVES.items() if set(said) & set(lines)}
        left = set(call.bookings())
        assert "2026-02-13T11:00" in left or left & moved
        assert left <= answered(lines) | {"2026-02-13T11:00"}
