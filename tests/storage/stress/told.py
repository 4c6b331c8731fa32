"""Compares what the workers were told with what the tables show: each success is there as told last, nothing is there
that was refused, and what nobody answered is there whole or not at all.

Operations overlap in time, so one counts as later than another only if it began after the other had been answered.
Each operation leaves its name in the notes of the booking it writes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tests.storage.stress.log import Operation
from tests.storage.stress.tables import Tables

AT_ONCE = ("book_lead", "reschedule")
CONFIRMS = ("confirm", "yes")
SLOT = ("conversation", "consultant", "start", "minutes")


def disagreements(operations: dict[str, Operation], tables: Tables) -> list[str]:
    """Each difference between what was told and what is there, in words."""
    every = list(operations.values())
    return [
        *(f"{each.name} ended in an error: {each.answer}" for each in every if each.said == "error"),
        *_bookings_told(every, tables),
        *_calls_told(every, tables),
        *_bookings_there(operations, tables),
        *_holds_told(every, tables),
        *_holds_there(every, tables),
    ]


def _bookings_told(every: list[Operation], tables: Tables) -> Iterator[str]:
    for each in every:
        if each.said == "booking" and (row := tables.bookings.get(_key(each))) is None:
            yield f"{each.name} ({each.what}) was told of a booking that is not there: {each.answer}"
        elif each.said == "booking" and row is not None and row["consultant_id"] != each.answer["consultant"]:
            yield f"{each.name} ({each.what}) was told of another consultant's booking: {each.answer}"


def _calls_told(every: list[Operation], tables: Tables) -> Iterator[str]:
    of_call = Counter(row["voice_call_id"] for row in tables.bookings.values())
    for each in (each for each in every if each.what == "call"):
        made, least = of_call[each.given["conversation"]], int(each.said == "booked")
        if not least <= made <= int(each.done or each.unsure):
            yield f"{each.name} was told {each.answer}, and has {made} bookings"


def _bookings_there(operations: dict[str, Operation], tables: Tables) -> Iterator[str]:
    changes: dict[tuple[str, str], list[Operation]] = defaultdict(list)
    for each in operations.values():
        if each.what == "cancel" and (each.unsure or each.done):
            changes[each.given["kind"], each.given["id"]].append(each)
        elif each.wrote:
            changes[_key(each)].append(each)
    for name, times in Counter(row["notes"] for row in tables.bookings.values()).items():
        if times > 1 and name in operations:
            yield f"{name} was done {times} times"

    of_call = {each.given["conversation"]: each for each in operations.values() if each.what == "call"}
    for key, row in tables.bookings.items():
        last = operations.get(row["notes"], of_call.get(row["voice_call_id"]))
        if last is None:
            yield f"booking {key} was written by nobody: {row['notes']}"
            continue
        yield from _as_told(key, row, last, operations.values(), tables)
        for change in changes[key]:
            if change.what != "cancel" and change.began > last.ended:
                yield f"booking {key} is as {last.name} left it, without the later {change.name}"
        cancels = [each for each in changes[key] if each.what == "cancel"]
        if row["status"] != "confirmed" and not cancels:
            yield f"booking {key} is {row['status']}, though nobody gave it up"
        for cancel in cancels:
            if cancel.done and row["status"] == "confirmed":
                yield f"booking {key} is in force, though {cancel.name} gave it up"
            if cancel.done and last.began > cancel.ended:
                yield f"booking {key} was changed by {last.name} after {cancel.name} gave it up"


def _as_told(
    key: tuple[str, str], row: dict[str, Any], last: Operation, every: Any, tables: Tables
) -> Iterator[str]:
    there = {"start": row["start_at"], "minutes": row["minutes"]}
    if last.said == "booking":
        told = {name: last.answer[name] for name in there}
        if _key(last) != key or told != there:
            yield f"booking {key} is not as {last.name} was told: {there}, told {last.answer}"
    elif last.unsure or last.said == "booked":
        meant = [last.given] if last.what in (*AT_ONCE, "call") else _slots_held(last, every, tables)
        if not any({name: slot[name] for name in there} == there for slot in meant):
            yield f"booking {key} is not what {last.name} meant: {there}"
    else:
        yield f"booking {key} was written by {last.name}, which was answered {last.answer}"


def _slots_held(confirm: Operation, every: Any, tables: Tables) -> list[dict[str, Any]]:
    """What an unanswered confirmation may have meant."""
    return [
        {"start": row["start_at"], "minutes": row["minutes"]}
        for token, row in tables.holds.items()
        if row["conversation"] == confirm.given["conversation"]
        and confirm.given.get("token") in (None, token)
    ]


def _holds_told(every: list[Operation], tables: Tables) -> Iterator[str]:
    latest = max((each.given["now"] for each in every), default=0)
    of_token: dict[str, list[Operation]] = defaultdict(list)
    of_conversation: dict[str, list[Operation]] = defaultdict(list)
    of_booking: dict[str, list[Operation]] = defaultdict(list)
    for each in every:
        if "token" in each.given:
            of_token[each.given["token"]].append(each)
        if "conversation" in each.given:
            of_conversation[each.given["conversation"]].append(each)
        for booking in {each.given.get("id"), each.answer.get("id")} - {None}:
            of_booking[booking].append(each)

    for held in (each for each in every if each.said == "hold"):
        token = held.answer["token"]
        row = tables.holds.get(token)
        slot = {name: held.given[name] for name in SLOT}
        if row is None or slot != _slot(row) or row["expires_at"] != held.answer["expires"]:
            yield f"{held.name} was told of a hold that is not there as told: {held.answer}, there {row}"
            continue
        others = [each for each in of_conversation[row["conversation"]] if each is not held]
        around = [each for each in others if each.ended > held.began]
        for confirmed in of_token[token]:
            if confirmed.said == "booking" and _key(confirmed) != (row["booking_kind"], row["booking_id"]):
                yield f"{confirmed.name} confirmed hold {token}, which became another booking or none"
        match row["status"]:
            case "confirmed":
                if not any(
                    each.unsure or (each.said == "booking" and each.answer["id"] == row["booking_id"])
                    for each in around
                    if each.what in CONFIRMS
                ):
                    yield f"hold {token} of {held.name} was confirmed by nobody"
            case "awaiting_confirm":
                ended = [each for each in others if each.began > held.ended and _ends_hold(each, token)]
                if ended:
                    yield f"hold {token} of {held.name} waits still, though {ended[0].name} ended it"
            case "expired" if row["expires_at"] > latest:
                yield f"hold {token} of {held.name} ran out before its time"
            case "cancelled":
                moved = of_booking[row["moving_id"]] if row["moving_id"] else []
                if not any(_may_end_hold(each) for each in around) and not any(
                    (each.done or each.unsure) and each.ended > held.began for each in moved
                ):
                    yield f"hold {token} of {held.name} was given up by nobody"


def _ends_hold(each: Operation, token: str) -> bool:
    """Whether an operation of the same conversation has certainly ended this hold."""
    if each.what in CONFIRMS:
        return each.given.get("token") == token and each.said in ("booking", "refused")
    return (
        (each.what == "release" and each.done) or each.said == "hold" or (each.what in AT_ONCE and each.wrote)
    )


def _may_end_hold(each: Operation) -> bool:
    """Whether an operation of the same conversation may have given a hold up."""
    if each.what in CONFIRMS:
        return each.unsure or each.said == "refused"
    return each.done or each.unsure


def _holds_there(every: list[Operation], tables: Tables) -> Iterator[str]:
    told = {each.answer["token"] for each in every if each.said == "hold"}
    at_once = Counter(_meant(each) for each in every if each.what in AT_ONCE and (each.wrote or each.unsure))
    unanswered = Counter(_meant(each) for each in every if each.what == "propose" and each.unsure)
    of_calls = {_meant(each) for each in every if each.what == "call"}
    for token, row in tables.holds.items():
        slot = tuple(_slot(row).values())
        if token in told or slot in of_calls:
            continue
        allowed = (at_once, unanswered) if row["status"] == "confirmed" else (unanswered,)
        for meant in allowed:
            if meant[slot]:
                meant[slot] -= 1
                break
        else:
            yield f"hold {token} is there, though nobody was told of it: {row}"


def _meant(each: Operation) -> tuple[Any, ...]:
    return tuple(each.given[name] for name in SLOT)


def _slot(row: dict[str, Any]) -> dict[str, Any]:
    values = row["conversation"], row["consultant_id"], row["start_at"], row["minutes"]
    return dict(zip(SLOT, values, strict=True))


def _key(each: Operation) -> tuple[str, str]:
    return each.answer["kind"], each.answer["id"]
