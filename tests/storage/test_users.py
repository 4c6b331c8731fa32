"""Users, their sessions, the first link, and waits after failed tries; on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import sessions, tries, users
from storage.models import SignInTries
from storage.tries import Subject, wait_after
from storage.users import Role, UserError, UserRecord
from tests.storage.playground import NOW, Store

IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=2)
LONGEST_WAIT = timedelta(minutes=15)


def add(store: Store, name: str = "Ada", *roles: Role, consultant: int | None = None) -> UserRecord:
    roles = roles or (Role.AMMINISTRATORE,)
    return store.do(users.add, name, "hash", roles, consultant_id=consultant, now=NOW)


def begin(store: Store, user: UserRecord, now: datetime = NOW) -> str:
    return store.do(
        sessions.begin, user.id, now=now, longest=LONGEST, idle=IDLE, address="192.0.2.1", browser="x" * 999
    )


def found(store: Store, key: str, now: datetime = NOW) -> str | None:
    session = store.do(sessions.find, key, now=now, idle=IDLE)
    return None if session is None else session[1].name


def test_a_user_is_found_by_name_however_it_is_written(store: Store) -> None:
    made = add(store, "  Àda   Bianchi ", Role.CONSULENTE, Role.ANALISTA, consultant=store.consultant)
    assert made.name == "àda bianchi"
    assert store.do(users.by_name, "A\u0300DA bianchi") == made == store.do(users.by_id, made.id)
    assert made.roles == {Role.CONSULENTE, Role.ANALISTA}
    assert (made.consultant_id, made.created_at, made.disabled_at) == (store.consultant, NOW, None)
    assert "hash" not in repr(made)
    assert store.do(users.by_name, "bea") is None


@pytest.mark.parametrize(
    ("name", "roles", "consultant", "why"),
    [
        ("ADA", [Role.ANALISTA], None, "already"),
        ("", [Role.ANALISTA], None, "1 to 80"),
        (" \t", [Role.ANALISTA], None, "1 to 80"),
        ("x" * 81, [Role.ANALISTA], None, "1 to 80"),
        ("a\x00b", [Role.ANALISTA], None, "printable"),
        ("bea", [], None, "one role"),
        ("bea", [Role.CONSULENTE], None, "agenda"),
        ("bea", [Role.ANALISTA], 99, "no consultant 99"),
    ],
)
def test_who_cannot_be_added(
    store: Store, name: str, roles: list[Role], consultant: int | None, why: str
) -> None:
    add(store)
    with pytest.raises(UserError, match=why):
        store.do(users.add, name, "hash", roles, consultant_id=consultant, now=NOW)
    assert [each.name for each in store.do(users.users)] == ["ada"]


def test_the_last_who_administers_stays(store: Store) -> None:
    ada = add(store)
    key = begin(store, ada)
    with pytest.raises(UserError, match="last"):
        store.do(users.disable, "ada", now=NOW)
    add(store, "bea")
    gone = store.do(users.disable, "ADA", now=NOW)
    assert gone.disabled_at == NOW
    assert found(store, key) is None
    with pytest.raises(UserError, match="last"):
        store.do(users.disable, "bea", now=NOW)
    assert store.do(users.enable, "ada").disabled_at is None
    assert found(store, key) is None, "a session that was ended stays so"
    with pytest.raises(UserError, match="no user"):
        store.do(users.disable, "carla", now=NOW)


def test_a_new_password_ends_sessions_and_a_new_hash_of_the_same_does_not(store: Store) -> None:
    ada = add(store)
    key = begin(store, ada)
    store.do(users.renew_hash, ada.id, "another", "new")
    assert store.do(users.by_id, ada.id) == ada, "it was changed meanwhile"
    store.do(users.renew_hash, ada.id, "hash", "new")
    renewed = store.do(users.by_id, ada.id)
    assert renewed is not None and renewed.password == "new"
    assert found(store, key) == "ada"
    store.do(users.set_password, ada.id, "newer")
    assert found(store, key) is None


@pytest.mark.parametrize(
    ("asked_after_minutes", "holds"),
    [
        ([29], True),
        ([30], False),
        ([29, 58, 87], True),
        ([29, 58, 87, 116, 119], True),
        ([29, 58, 87, 116, 120], False),
    ],
)
def test_a_session_holds_while_it_is_used_and_not_for_ever(
    store: Store, asked_after_minutes: list[int], holds: bool
) -> None:
    key = begin(store, add(store))
    names = [found(store, key, NOW + timedelta(minutes=at)) for at in asked_after_minutes]
    assert names[-1] == ("ada" if holds else None)


def test_a_session_is_written_to_once_a_minute_at_most(store: Store) -> None:
    ada = add(store)
    key = begin(store, ada)
    for seconds, seen in ((30, 0), (59, 0), (60, 60), (100, 60)):
        found(store, key, NOW + timedelta(seconds=seconds))
        (session,) = store.do(sessions.of_user, ada.id, now=NOW, idle=IDLE)
        assert session.seen_at == NOW + timedelta(seconds=seen)
    assert len(session.browser) == 200


def test_sessions_end_one_by_one_and_are_nobody_elses_to_end(store: Store) -> None:
    ada, bea = add(store), add(store, "bea")
    keys = [begin(store, ada) for _ in range(3)]
    first, _, third = sorted(each.id for each in store.do(sessions.of_user, ada.id, now=NOW, idle=IDLE))
    assert not store.do(sessions.end, bea.id, first)
    assert store.do(sessions.end, ada.id, first)
    assert [found(store, key) for key in keys] == [None, "ada", "ada"]
    assert store.do(sessions.end_others, ada.id, third) == 1
    assert [found(store, key) for key in keys] == [None, None, "ada"]
    store.do(sessions.end_by_key, keys[2])
    assert store.do(sessions.of_user, ada.id, now=NOW, idle=IDLE) == []


def test_sessions_that_are_over_are_forgotten(store: Store) -> None:
    ada = add(store)
    begin(store, ada)
    begin(store, ada, NOW + timedelta(hours=1))
    assert store.rows("SELECT count(*) FROM console_sessions") == [(1,)]


def test_the_key_of_a_session_is_not_in_the_store(store: Store) -> None:
    key = begin(store, add(store))
    assert len(key) == 43
    assert key not in str(store.rows("SELECT * FROM console_sessions"))


# --- The first link ---------------------------------------------------------------------------------------


def test_a_first_link_holds_until_it_is_used_or_over(store: Store) -> None:
    first, second = (
        store.do(sessions.offer_first_link, now=NOW, lasts=timedelta(minutes=15)) for _ in range(2)
    )
    assert first is not None and second is not None and first != second
    late = NOW + timedelta(minutes=15)
    assert store.do(sessions.first_link_holds, first, now=NOW)
    assert not store.do(sessions.first_link_holds, first, now=late)
    assert not store.do(sessions.use_first_link, first, now=late)
    assert not store.do(sessions.use_first_link, "guessed", now=NOW)
    assert store.do(sessions.use_first_link, first, now=NOW)
    for key in (first, second):
        assert not store.do(sessions.use_first_link, key, now=NOW)


def test_there_is_no_first_link_where_there_is_a_user(store: Store) -> None:
    key = store.do(sessions.offer_first_link, now=NOW, lasts=timedelta(minutes=15))
    assert key is not None
    add(store, "bea", Role.ANALISTA)
    assert not store.do(sessions.first_link_holds, key, now=NOW)
    assert not store.do(sessions.use_first_link, key, now=NOW)
    assert store.do(sessions.offer_first_link, now=NOW, lasts=timedelta(minutes=15)) is None


def test_of_many_who_use_links_at_once_one_makes_a_user(kept_store: Store) -> None:
    store = kept_store
    keys = [store.do(sessions.offer_first_link, now=NOW, lasts=timedelta(minutes=15)) for _ in range(4)]

    def use(number: int) -> bool:
        def work() -> bool:
            key = keys[number % 4]
            assert key is not None
            if not sessions.use_first_link(key, now=NOW):
                return False
            users.add(f"user {number}", "hash", [Role.AMMINISTRATORE], now=NOW)
            return True

        return store.database.run_blocking(work)

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(use, range(8)))
    assert made.count(True) == 1
    assert len(store.do(users.users)) == 1


# --- Failed tries -----------------------------------------------------------------------------------------

ADA, PLACE = Subject("ada", 3), Subject("place", 5)


def fail(store: Store, *subjects: Subject, after: float = 0.0) -> float | None:
    """How many seconds a try at that moment has to wait; None: it was made, and failed."""
    now = NOW + timedelta(seconds=after)
    until = store.do(tries.begin, subjects, now=now, longest=LONGEST_WAIT)
    return None if until is None else (until - now).total_seconds()


def test_a_few_are_free_then_each_waits_twice_as_long(store: Store) -> None:
    assert [fail(store, ADA) for _ in range(3)] == [None] * 3
    at = 0.0
    for wait in (5, 10, 20, 40, 80, 160, 320, 640, 900, 900):
        assert fail(store, ADA, after=at) == wait
        assert fail(store, ADA, after=at) == wait, "to ask in vain costs nothing"
        at += wait
        assert fail(store, ADA, after=at) is None


def test_nothing_is_counted_where_one_of_two_waits(store: Store) -> None:
    for _ in range(3):
        fail(store, ADA)
    for _ in range(9):
        assert fail(store, ADA, PLACE) == 5
    assert [fail(store, PLACE) for _ in range(6)] == [None] * 5 + [5]
    fail(store, PLACE, Subject("made up", 3))
    assert store.rows("SELECT subject FROM console_tries ORDER BY subject") == [("ada",), ("place",)]


def test_success_forgives_the_one_and_takes_one_try_back_from_the_other(store: Store) -> None:
    for _ in range(2):
        fail(store, ADA, PLACE)
    fail(store, ADA, PLACE)
    store.do(tries.succeeded, [ADA], [PLACE], now=NOW)
    counted = {row.subject: row.failures for row in store.do(lambda: list(SignInTries.select()))}
    assert counted == {"place": 2}


def test_tries_of_yesterday_count_no_more(store: Store) -> None:
    for _ in range(3):
        fail(store, ADA)
    day = timedelta(days=1).total_seconds()
    assert [fail(store, ADA, after=day) for _ in range(3)] == [None] * 3
    store.do(tries.forget_old, NOW + timedelta(days=1))
    assert store.rows("SELECT count(*) FROM console_tries") == [(1,)]
    store.do(tries.forget_old, NOW + timedelta(days=2))
    assert store.rows("SELECT count(*) FROM console_tries") == [(0,)]


def test_many_at_once_get_no_more_than_the_free_ones(kept_store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: fail(kept_store, ADA, Subject(f"place {number}", 9)), range(24)))
    assert made.count(None) == 3


@given(st.integers(0, 10_000), st.integers(1, 50))
def test_a_wait_never_gets_shorter_nor_longer_than_the_longest(failures: int, free: int) -> None:
    wait = wait_after(failures, free, LONGEST_WAIT)
    assert wait <= wait_after(failures + 1, free, LONGEST_WAIT) <= LONGEST_WAIT
    assert (wait > timedelta(0)) is (failures >= free)
