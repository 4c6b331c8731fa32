"""Who may use the console: their names, roles, password hashes, and whose agenda is theirs.

All functions run inside a transaction. Passwords themselves never come here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from storage.errors import StorageError
from storage.models import Consultant, User, UserSession

LONGEST_NAME = 80


class Role(StrEnum):
    """What a user is; the values are stored and shown."""

    CONSULENTE = "consulente"
    ANALISTA = "analista"
    REVISORE = "revisore"
    AMMINISTRATORE = "amministratore"


class UserError(StorageError):
    """Raised when a user cannot be added or changed as asked."""


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A user; `password` is the hash, `consultant_id` whose agenda is theirs. Disabled ones cannot sign in."""

    id: int
    name: str
    roles: frozenset[Role]
    consultant_id: int | None
    created_at: datetime
    disabled_at: datetime | None
    password: str = field(repr=False)


def folded(name: str) -> str:
    """The one form in which a name is stored and looked for: upper and lower case, and blanks around, do not matter."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def add(
    name: str, password: str, roles: Collection[Role], *, consultant_id: int | None = None, now: datetime
) -> UserRecord:
    """A new user, with the hash of the password.

    Raises UserError for a name that is taken, empty or too long, without a role, for a consulente without
    a consultant, and for a consultant that there is not.
    """
    name = folded(name)
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise UserError(f"a user's name has 1 to {LONGEST_NAME} printable characters")
    if User.get_or_none(User.name == name) is not None:
        raise UserError(f"there is a user {name!r} already")
    if not roles:
        raise UserError(f"a user has one role at least: {', '.join(Role)}")
    if Role.CONSULENTE in roles and consultant_id is None:
        raise UserError("a consulente has an agenda: name the consultant whose it is")
    if consultant_id is not None and Consultant.get_or_none(Consultant.id == consultant_id) is None:
        raise UserError(f"there is no consultant {consultant_id}")
    row = User.create(
        name=name,
        password=password,
        roles=sorted(roles),
        consultant=consultant_id,
        created_at=now,
    )
    return as_user(row, row.id)


def by_name(name: str) -> UserRecord | None:
    """The user of that name, disabled or not."""
    row = User.get_or_none(User.name == folded(name))
    return None if row is None else as_user(row, row.id)


def by_id(user_id: int) -> UserRecord | None:
    """A user by id, disabled or not."""
    row = User.get_or_none(User.id == user_id)
    return None if row is None else as_user(row, row.id)


def users() -> list[UserRecord]:
    """All users, by name."""
    return [as_user(row, row.id) for row in User.select().order_by(User.name)]


def any_user() -> bool:
    """Whether there is a user at all, disabled or not."""
    return bool(User.select().exists())


def disable(name: str, *, now: datetime) -> UserRecord:
    """Let a user sign in no more, and end their sessions; they stay on record.

    Raises UserError when there is no such user, or nobody would be left who administers.
    """
    user = _known(name)
    others = [
        each
        for each in users()
        if each.id != user.id and each.disabled_at is None and Role.AMMINISTRATORE in each.roles
    ]
    if Role.AMMINISTRATORE in user.roles and not others:
        raise UserError(f"{user.name!r} is the last who administers: add another amministratore first")
    User.update(disabled_at=now).where(User.id == user.id, User.disabled_at.is_null()).execute()
    UserSession.delete().where(UserSession.user == user.id).execute()
    return _known(name)


def enable(name: str) -> UserRecord:
    """Let a disabled user sign in again. Raises UserError when there is no such user."""
    user = _known(name)
    User.update(disabled_at=None).where(User.id == user.id).execute()
    return _known(name)


def set_password(user_id: int, password: str) -> None:
    """Give a user a new password, as a hash, and end their sessions."""
    User.update(password=password).where(User.id == user_id).execute()
    UserSession.delete().where(UserSession.user == user_id).execute()


def renew_hash(user_id: int, old: str, new: str) -> None:
    """Store the same password hashed anew, unless it was changed meanwhile."""
    User.update(password=new).where(User.id == user_id, User.password == old).execute()


def _known(name: str) -> UserRecord:
    user = by_name(name)
    if user is None:
        raise UserError(f"there is no user {folded(name)!r}")
    return user


def as_user(row: Any, user_id: int) -> UserRecord:
    """The user whose columns are in `row`, of this table or of one joined with it."""
    return UserRecord(
        id=user_id,
        name=row.name,
        roles=frozenset(Role(role) for role in row.roles),
        consultant_id=row.consultant_id,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        password=row.password,
    )
