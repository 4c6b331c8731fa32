"""A number keyed on the telephone: the one thing that keys can say. What is not surely a number is asked."""

from __future__ import annotations

from engine.details import Heard
from engine.keypad import CLEAR
from engine.turns import Speaker, Turn
from engine.understanding.context import Agreement
from engine.understanding.draft import Draft, last_heard
from engine.understanding.mentions import Problem
from engine.understanding.phones import phone_from_digits

_SURELY_MEANT = 6  # digits keyed that nobody asked for; fewer are "1 for yes", which there is not


def take_keys(draft: Draft, turn: Turn) -> None:
    """What a keyed turn does: it holds a phone, begins or clears one, or is ignored. A yes beside keys is none."""
    out, held = draft.out, draft.held
    if out.agreement is Agreement.VALID:
        out.agreement = Agreement.INVALID
    cleared, digits = turn.text.startswith(CLEAR), turn.text.removeprefix(CLEAR)
    of_use = draft.active and draft.of_lead and (_clear(draft, turn) if cleared else False)
    if draft.active and draft.of_lead and digits:
        of_use |= _take_digits(draft, turn, digits)
    out.keys_ignored = not of_use
    out.about_booking |= of_use
    if of_use and held.details.phone is None:
        out.phone_problem = True


def keyed_beside(draft: Draft, turn: Turn) -> bool:
    """Whether keys were pressed between what the assistant was last heard to say and `turn`."""
    for known in draft.before(turn):
        if known.keyed:
            return True
        if known.speaker is Speaker.ASSISTANT and known.heard_text.strip():
            return False
    return False


def _clear(draft: Draft, turn: Turn) -> bool:
    """Forget what was keyed so far; whether there was anything."""
    held = draft.held
    anything = bool(held.digits) or held.phone_keyed
    _begin(draft, "")
    if held.phone_keyed:
        draft.out.lose("phone", turn.number)
    return anything


def _take_digits(draft: Draft, turn: Turn, digits: str) -> bool:
    """Hold the number that the digits make, alone or behind those before them; whether they mean anything.

    They join only digits that were keyed too, when nobody has spoken of it since. Where alone and joined they make
    two numbers, or joined with what was said aloud one, it is asked.
    """
    held = draft.held
    before, joins = held.digits, held.digits_keyed and keyed_beside(draft, turn)
    alone, problems = phone_from_digits(digits)
    joined = phone_from_digits(before + digits)[0] if before else None
    if alone and joined in (None, alone):
        _hold(draft, turn, alone)
    elif joined and not alone and joins:
        _hold(draft, turn, joined)
    elif alone:
        _begin(draft, "")
        draft.out.lose("phone", turn.number)
    elif held.details.phone is not None:
        return _doubt(draft, turn)
    elif before or _asked_for(draft, turn) or len(digits) >= _SURELY_MEANT:
        if before and not held.digits_keyed:
            digits = ""  # partly said, partly keyed
        elif joins:
            digits, problems = before + digits, phone_from_digits(before + digits)[1]
        _begin(draft, digits if Problem.INCOMPLETE in problems else "")
    else:
        return False
    return True


def _hold(draft: Draft, turn: Turn, number: str) -> None:
    _begin(draft, "")
    draft.out.hold("phone", number, turn.number)
    draft.held.phone_keyed = True


def _begin(draft: Draft, digits: str) -> None:
    draft.held.digits, draft.held.digits_keyed = digits, bool(digits)


def _doubt(draft: Draft, turn: Turn) -> bool:
    """A few more keys: they put in doubt a number that nobody has restated yet, and no other."""
    held = draft.held
    known = held.details.phone == draft.context.caller.dialled or held.phone_heard is not Heard.NO
    if not known:
        draft.out.lose("phone", turn.number)
    return not known


def _asked_for(draft: Draft, turn: Turn) -> bool:
    last = last_heard(draft.before(turn))
    return last is not None and "phone" in draft.heard(last).wants
