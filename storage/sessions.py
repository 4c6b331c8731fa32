"""Browsers that are signed in to the console. A session is known by a digest of what its cookie holds.

All functions run inside a transaction.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage.models import FirstLink, User, UserSession
from storage.statements import Given, Statement
from storage.users import UserRecord, any_user, as_user

_SEEN_EVERY = timedelta(minutes=1)
_LONGEST_BROWSER = 200

# Asked with every page, so worded once.
_FOUND = Statement(
    lambda: (
        UserSession.select(
            UserSession.id,
            UserSession.user,
            UserSession.ends_at,
            UserSession.seen_at,
            User.name,
            User.roles,
            User.consultant,
            User.created_at,
            User.disabled_at,
            User.password,
        )
        .join(User)
        .where(UserSession.digest == Given("digest"))
    )
)


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One of a user's sessions; `address` is where it began, `browser` what that called itself."""

    id: int
    began_at: datetime
    seen_at: datetime
    address: str
    browser: str


def digest(key: str) -> str:
    """What is stored of a key; keys are random and 256 bits long, so that it need not be slow."""
    return hashlib.sha256(key.encode()).hexdigest()


def begin(
    user_id: int, *, now: datetime, longest: timedelta, idle: timedelta, address: str, browser: str
) -> str:
    """A new session; returns the key that its browser alone is to have. Sessions that are over are forgotten."""
    UserSession.delete().where((UserSession.ends_at <= now) | (UserSession.seen_at <= now - idle)).execute()
    key = secrets.token_urlsafe(32)
    UserSession.create(
        digest=digest(key),
        user=user_id,
        began_at=now,
        seen_at=now,
        ends_at=now + longest,
        address=address,
        browser=browser[:_LONGEST_BROWSER],
    )
    return key


def find(key: str, *, now: datetime, idle: timedelta, used: bool = True) -> tuple[int, UserRecord] | None:
    """The session's id and whose it is; None when there is none, it is over, or its user is disabled.

    `used`: somebody asks, and not a page by itself; only that keeps the session from being idle.
    """
    row = _FOUND.first(digest=digest(key))
    if row is None or row.ends_at <= now or row.seen_at <= now - idle or row.disabled_at is not None:
        return None
    if used and now - row.seen_at >= _SEEN_EVERY:
        UserSession.update(seen_at=now).where(UserSession.id == row.id).execute()
    return int(row.id), as_user(row, row.user_id)


def of_user(user_id: int, *, now: datetime, idle: timedelta) -> list[SessionRecord]:
    """A user's sessions that go on, the last seen first."""
    rows: Any = (
        UserSession.select()
        .where(UserSession.user == user_id, UserSession.ends_at > now, UserSession.seen_at > now - idle)
        .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
    )
    return [SessionRecord(row.id, row.began_at, row.seen_at, row.address, row.browser) for row in rows]


def end(user_id: int, session_id: int) -> bool:
    """End one of a user's sessions; whether there was such a one."""
    mine = (UserSession.id == session_id) & (UserSession.user == user_id)
    return bool(UserSession.delete().where(mine).execute())


def end_by_key(key: str) -> None:
    """End the session that has this key, if there is one."""
    UserSession.delete().where(UserSession.digest == digest(key)).execute()


def end_others(user_id: int, session_id: int) -> int:
    """End all of a user's sessions but this one; how many they were."""
    others = (UserSession.id != session_id) & (UserSession.user == user_id)
    return int(UserSession.delete().where(others).execute())


# --- The link by which the first user is made ----------------------------------------------------------------


def offer_first_link(*, now: datetime, lasts: timedelta) -> str | None:
    """The key of a link that makes the first user; None when there is a user already."""
    FirstLink.delete().where(FirstLink.ends_at <= now).execute()
    if any_user():
        return None
    key = secrets.token_urlsafe(32)
    FirstLink.create(digest=digest(key), ends_at=now + lasts)
    return key


def first_link_holds(key: str, *, now: datetime) -> bool:
    """Whether the link still makes the first user."""
    row: Any = FirstLink.get_or_none(FirstLink.digest == digest(key))
    return row is not None and row.ends_at > now and not User.select().exists()


def use_first_link(key: str, *, now: datetime) -> bool:
    """Use it up, with all others there are; False when it does not hold any more. In the transaction that adds
    the user, so that of two at once one fails."""
    if not first_link_holds(key, now=now):
        return False
    used = FirstLink.delete().where(FirstLink.digest == digest(key)).execute()
    FirstLink.delete().execute()
    return bool(used)
