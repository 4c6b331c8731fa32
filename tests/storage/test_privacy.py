"""Erasing a person leaves nothing of them in the database, the agenda as it is, and the journal whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from storage import audit, bookings, calls, chats, conversations, journal, people, privacy, seed
from storage.errors import StorageError
from storage.models import BOOKING_TABLES, TABLES, CallBooking
from storage.privacy import Traces
from storage.results import Booking, Lead
from tests.storage.playground import NOW, WEDNESDAY_15, Store, rome

PHONE, EMAIL, NAME = "+393339876543", "Zeno.Quaglia@Example.it", "Zenobio"
WORDS = "vorrei zampognare mercoledì"
LATER = NOW + timedelta(days=30)


@dataclass(frozen=True)
class Said:
    number: int
    speaker: str
    text: str
    heard: str | None = None
    began_at: datetime | None = NOW
    ended_at: datetime | None = NOW
    played: tuple[()] = ()
    keyed: bool = False


def converse(
    store: Store, *, line: str | None, values: dict[str, str], words: str = WORDS, **given: Any
) -> str:
    """A call with a turn, an analysis and a journal entry; it is over."""
    call_id = store.do(
        calls.open_call,
        **{
            "bridge_call_id": f"sip-{line}",
            "consultant_id": store.consultant,
            "direction": "inbound",
            "caller_number": line,
            "dialled_number": "+390612345678",
            "now": NOW,
            **given,
        },
    )

    def talk() -> None:
        calls.record_turns(call_id, [Said(1, "caller", words, heard=words)])
        changes = {detail: {"old": None, "new": value} for detail, value in values.items()}
        journal.append(
            {"call_id": call_id, "analysis": 1, "event": "interesse", "changes": changes}, recorded_at=NOW
        )
        calls.record_analysis(
            call_id,
            number=1,
            last_turn=1,
            facts={"given": True},
            evidence={"call_over": False},
            words={"turns": [words]},
            availability=["2026-02-11T15:00"],
            state={"details": values, "spelled": words},
            stage="raccolta_dati",
            task="prenota",
            now=NOW,
        )
        calls.finish_call(call_id, now=NOW + timedelta(minutes=3), reason="hangup")

    store.do(talk)
    return call_id


def book(store: Store, start: datetime, call_id: str | None = None, client: int | None = None) -> Booking:
    """A booking, of a call when it is named: as one that was made in it."""
    lead = None if client else Lead(PHONE, EMAIL, NAME)
    made = store.do(
        seed.add_booking,
        store.consultant,
        start,
        60,
        now=NOW,
        lead=lead,
        client_id=client,
        notes=f"per {NAME}",
    )

    def of_call() -> None:
        table = BOOKING_TABLES[made.kind]
        table.update(voice_call=call_id).where(table.id == made.id).execute()
        CallBooking.create(voice_call=call_id, booking_kind=made.kind.value, booking_id=made.id)

    if call_id is not None:
        store.do(of_call)
    return made


def find(store: Store, now: datetime = LATER, **who: Any) -> Traces:
    return store.do(privacy.traces, now=now, **who)


def erase(store: Store, *, now: datetime = LATER, cancel: bool = False, **who: Any) -> privacy.Erased:
    return store.do(lambda: privacy.erase(privacy.traces(now=now, **who), cancel=cancel, now=now))


def everything(store: Store) -> bytes:
    """All that a reader of the database could find: every value of every table, on SQLite every byte of its files."""
    texts = [repr(store.rows(f"SELECT * FROM {table._meta.table_name}")) for table in TABLES]
    found = "\n".join(texts).encode()
    if store.database.on_sqlite:
        file = Path(store.database.settings.url.removeprefix("sqlite:///"))
        found += b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    return found.lower()


def left(store: Store, words: Iterable[str] = (PHONE, EMAIL, NAME, WORDS)) -> list[str]:
    store.database.scrub(whole=True)
    kept = everything(store)
    return [word for word in words if word.lower().encode() in kept or word.encode().lower() in kept]


def whole(store: Store) -> bool:
    return audit.verify(store.database.settings, {store.database.secret.public_key}).whole


def test_a_lead_leaves_nothing_behind(kept_store: Store) -> None:
    store = kept_store
    call_id = converse(store, line=PHONE, values={"phone": PHONE, "email": EMAIL.lower(), "name": NAME})
    hidden = converse(store, line=None, values={"phone": PHONE})
    book(store, WEDNESDAY_15, call_id)
    store.do(
        people.add_scheduled_call,
        "s1",
        consultant_id=store.consultant,
        target_number=PHONE,
        due_at=NOW,
        purpose=NAME,
    )
    assert left(store) == [PHONE, EMAIL, NAME, WORDS]
    done = erase(store, phones=[PHONE], emails=[EMAIL])
    assert left(store) == []
    assert {kind: done.counts[kind] for kind in ("calls", "turns", "bookings", "scheduled", "clients")} == {
        "calls": 2, "turns": 2, "bookings": 1, "scheduled": 1, "clients": 0,
    }  # fmt: skip
    assert whole(store)
    for each in (call_id, hidden):
        detail = store.do(calls.call_detail, each)
        assert detail is not None and detail.turns == () and detail.call.number is None
        last = detail.journal[-1].entry
        assert (last["outcome"], last["erased"]["turns"]) == ("dati_cancellati", 1)
        (analysis,) = store.do(calls.analyses, each)
        assert (analysis.words, analysis.facts) == (None, {"given": True})
        assert analysis.evidence == {"call_over": False}
    ((body,),) = store.rows("SELECT body FROM journal_checkpoints ORDER BY number DESC LIMIT 1")
    assert orjson.loads(body)["note"]["erased"]["calls"] == 2
    assert store.faults() == []
    assert find(store, phones=[PHONE], emails=[EMAIL]).nothing


def test_a_client_is_erased_with_their_bookings_and_stays_as_a_row(kept_store: Store) -> None:
    store = kept_store
    client = store.do(people.add_client, NAME, PHONE, consultant_id=store.consultant, email=EMAIL)
    call_id = converse(store, line=PHONE, values={}, client_id=client)
    book(store, WEDNESDAY_15, call_id, client)
    erase(store, clients=[client])
    assert left(store) == []
    known = store.do(people.client, client)
    assert known is not None and (known.name, known.phone, known.email) == (
        "(cancellato)",
        f"cancellato-{client}",
        None,
    )
    assert store.do(people.find_client, PHONE) is None
    assert store.do(people.add_client, NAME, PHONE, consultant_id=store.consultant) != client
    assert whole(store)
    assert store.do(privacy.traces, clients=[client], now=LATER).person.phones == frozenset()


def test_others_keep_what_is_theirs(kept_store: Store) -> None:
    store = kept_store
    other = converse(
        store,
        line="+393400000001",
        values={"phone": "+393400000001"},
        words="altre parole",
        client_id=store.anna,
    )
    book(store, WEDNESDAY_15, other, store.anna)
    outbound = converse(
        store, line=None, values={}, words="in uscita", direction="outbound", dialled_number="+393400000002"
    )  # fmt: skip
    erase(store, phones=[PHONE, "+390612345678"])
    detail = store.do(calls.call_detail, other)
    assert detail is not None and (detail.call.number, len(detail.turns)) == ("+393400000001", 1)
    assert store.do(calls.call_detail, outbound).call.number == "+393400000002"
    assert store.do(bookings.find_bookings, client_id=store.anna, now=NOW)[0].notes == f"per {NAME}"


def test_words_of_who_named_the_person_go_but_the_call_stays_theirs(kept_store: Store) -> None:
    store = kept_store
    named = converse(store, line="+393400000001", values={"phone": PHONE}, client_id=store.anna)
    book(store, WEDNESDAY_15, named, store.anna)
    found = find(store, phones=[PHONE])
    assert (found.own, found.mentioned, found.bookings) == (frozenset(), frozenset({named}), ())
    erase(store, phones=[PHONE])
    detail = store.do(calls.call_detail, named)
    assert detail is not None and (detail.call.number, detail.turns) == ("+393400000001", ())
    assert left(store, [PHONE, WORDS]) == []
    assert whole(store)


@pytest.mark.parametrize("cancel", [True, False])
def test_bookings_to_come_are_told_first_then_kept_without_a_name_or_given_up(
    kept_store: Store, cancel: bool
) -> None:
    store = kept_store
    past, coming = book(store, rome("2026-02-10T10:00")), book(store, WEDNESDAY_15)
    now = rome("2026-02-10T18:00")
    assert [each.id for each in find(store, now, phones=[PHONE]).upcoming] == [coming.id]
    done = erase(store, now=now, cancel=cancel, phones=[PHONE])
    assert [each.id for each in done.cancelled] == ([coming.id] if cancel else [])
    later = store.do(bookings.booking, coming.kind, coming.id)
    assert later is not None and later.in_force is not cancel
    assert (later.name, later.phone, later.email, later.notes, later.start) == (
        None,
        "",
        "",
        None,
        WEDNESDAY_15,
    )
    assert store.do(bookings.booking, past.kind, past.id).in_force
    assert store.cells() == (4 if cancel else 8)
    assert left(store) == [] and store.faults() == [] and whole(store)


def test_nobody_is_erased_while_on_the_phone(kept_store: Store) -> None:
    store = kept_store
    running = store.do(
        calls.open_call, bridge_call_id="b", consultant_id=store.consultant, direction="inbound",
        caller_number=PHONE, dialled_number=None, now=NOW,
    )  # fmt: skip
    book(store, WEDNESDAY_15)
    with pytest.raises(StorageError, match=f"still on the phone.*{running}"):
        erase(store, phones=[PHONE])
    assert PHONE in left(store)
    with pytest.raises(StorageError, match="there is no client 99"):
        find(store, clients=[99])


def test_a_digest_left_in_the_journal_says_nothing_any_more(kept_store: Store) -> None:
    """Not even to one who has the key and tries every number."""
    store = kept_store
    call_id = converse(store, line=PHONE, values={"phone": PHONE})
    salts = [bytes.fromhex(row[0]) for row in store.rows("SELECT salt FROM personal_values")]
    first = store.do(journal.entries, call_id)[0].entry["changes"]["phone"]["new"]
    assert [f"hmac:{store.database.secret.digest(salt, 'phone', PHONE)}" for salt in salts] == [first]
    erase(store, phones=[PHONE])
    assert store.rows("SELECT * FROM personal_values") == []
    assert left(store, [salt.hex() for salt in salts]) == []


def test_words_are_dropped_after_a_time_and_the_rest_stays(kept_store: Store) -> None:
    store = kept_store
    old = [
        converse(store, line=PHONE, values={"email": EMAIL}, now=NOW + timedelta(hours=n)) for n in range(3)
    ]
    young = converse(store, line=PHONE, values={}, words="parole nuove", now=NOW + timedelta(days=9))
    book(store, WEDNESDAY_15, old[0])
    now, before, after, rounds = NOW + timedelta(days=95), NOW + timedelta(days=5), None, 0
    while (done := store.do(privacy.drop_words, before, after, 2, now)) is not None:
        after, rounds = done, rounds + 1
    assert rounds == 2
    for call_id in old:
        detail = store.do(calls.call_detail, call_id)
        assert detail is not None and (detail.turns, detail.call.number) == ((), PHONE)
        assert detail.journal[-1].entry["outcome"] == "parole_cancellate"
    assert len(store.do(calls.call_detail, young).turns) == 1
    assert left(store, [WORDS, "parole nuove"]) == ["parole nuove"]
    assert store.do(bookings.all_in_force)[0].phone == PHONE
    assert whole(store)
    assert store.do(privacy.drop_words, before, None, 2, now) is None


def test_a_call_that_is_not_over_keeps_its_words(kept_store: Store) -> None:
    store = kept_store
    call_id = converse(store, line=PHONE, values={})
    store.rows(f"UPDATE voice_calls SET ended_at = NULL WHERE id = '{call_id}' RETURNING id")
    assert store.do(privacy.drop_words, LATER, None, 10, datetime(2027, 1, 1, tzinfo=UTC)) is None


def write(store: Store, external: str, **given: Any) -> str:
    """A chat with a message, an analysis and a journal entry that holds values; returns its id."""
    values = {"phone": PHONE, "email": EMAIL.lower(), "name": NAME, **given.pop("values", {})}

    def work() -> str:
        chat = chats.open_chat(chats.Party("shop", external, "whatsapp", **given), chats.SUPERVISOR, now=NOW)
        kept = chats.add_message(chat.id, "m1", role="caller", text=WORDS, at=NOW, now=NOW)
        assert kept is not None
        before = chats.Before("nessun_intento", None, {"spelled": WORDS})
        chats.record_analysis(chat.id, 1, before=before, notices=[f"di' {EMAIL}"], wrote=False, read=[1])
        changes = {detail: {"old": None, "new": value} for detail, value in values.items()}
        journal.append(
            {"call_id": chat.id, "analysis": 1, "event": "interesse", "changes": changes}, recorded_at=NOW
        )
        conversations.advance(
            chat.id, number=1, last_turn=1, state={"details": values}, stage="raccolta_dati", task="prenota",
            now=NOW,
        )  # fmt: skip
        return chat.id

    return store.do(work)


@pytest.mark.parametrize("external", ["anything", PHONE.removeprefix("+")])
def test_of_chats_nothing_is_left_either(kept_store: Store, external: str) -> None:
    """Found by what was written in them, or because the integration knows them by the person's number."""
    store = kept_store
    chat = write(store, external, values={} if external == "anything" else {"phone": None, "email": None})
    found = find(store, phones=[PHONE], emails=[EMAIL])
    assert (found.chats, found.own, found.mentioned) == ({chat}, frozenset(), frozenset())
    assert not found.nothing
    counts = erase(store, phones=[PHONE], emails=[EMAIL]).counts
    assert (counts["chats"], counts["turns"]) == (1, 1)
    store.database.scrub(whole=True)
    left = everything(store)
    for secret in (PHONE[3:], EMAIL, NAME, WORDS, "zampognare"):
        assert secret.lower().encode() not in left
    assert store.do(journal.broken_at, chat) is None
    assert find(store, phones=[PHONE], emails=[EMAIL]).nothing


def test_a_client_s_chats_are_theirs(store: Store) -> None:
    chat = write(store, "anything", client_id=store.anna, values={"phone": None, "email": None, "name": None})
    assert find(store, clients=[store.anna]).chats == {chat}
    erase(store, clients=[store.anna])
    assert store.do(lambda: chats.find_chat("shop", "anything")) is None


def test_words_of_chats_go_some_time_after_the_last_of_them(store: Store) -> None:
    old = write(store, "old")
    store.do(chats.open_chat, chats.Party("shop", "young"), None, now=LATER)
    assert store.do(privacy.drop_chat_words, NOW, 10, LATER) == 0
    assert store.do(privacy.drop_chat_words, LATER, 10, LATER) == 1
    assert store.do(privacy.drop_chat_words, LATER, 10, LATER) == 0
    assert store.do(chats.messages, old, 10) == []
    kept = store.do(conversations.state_of, old)
    assert kept is not None and kept.state is None
