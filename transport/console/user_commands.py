"""The body of `main.py users`: who may sign in to the console. Passwords are asked for, and never an argument."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from datetime import datetime

from storage import people, sessions, tries, users
from storage.database import Database
from storage.users import Role, UserError, UserRecord
from transport.console.lockout import Lockout
from transport.console.passwords import LONGEST, SHORTEST, Passwords, Weakness, weakness
from transport.console.settings import ConsoleSettings
from transport.errors import TransportError

_WEAK = {
    Weakness.TOO_SHORT: f"it has fewer than {SHORTEST} characters",
    Weakness.TOO_LONG: f"it has more than {LONGEST} characters",
    Weakness.TOO_PLAIN: "it has hardly any different characters",
    Weakness.LIKE_THE_NAME: "it is too much like the name",
}


class PasswordError(TransportError):
    """Raised when a password that was given cannot be used; never repeats it."""


def add(
    database: Database, name: str, roles: Sequence[Role], consultant: int | None, *, now: datetime
) -> int:
    """Add a user, whose password is asked for. The exit status."""
    consultant = database.run_blocking(lambda: _whose(roles, consultant))
    stored = _asked(name)
    made = database.run_blocking(lambda: users.add(name, stored, roles, consultant_id=consultant, now=now))
    print(_line(made, 0))
    return 0


def show(database: Database, settings: ConsoleSettings, *, now: datetime) -> int:
    """Print who there is, and in how many browsers they are signed in. The exit status."""

    def read() -> list[str]:
        return [
            _line(each, len(sessions.of_user(each.id, now=now, idle=settings.idle))) for each in users.users()
        ]

    for line in database.run_blocking(read) or ["there is no user yet: main.py users add NAME --role ROLE"]:
        print(line)
    return 0


def disable(database: Database, name: str, *, now: datetime, undo: bool) -> int:
    """Let a user sign in no more, or again. The exit status."""
    changed = database.run_blocking(lambda: users.enable(name) if undo else users.disable(name, now=now))
    print(_line(changed, 0))
    return 0


def password(database: Database, settings: ConsoleSettings, name: str) -> int:
    """Give a user another password, which is asked for: their sessions end, and no wait holds any more."""
    if database.run_blocking(lambda: users.by_name(name)) is None:
        raise UserError(f"there is no user {users.folded(name)!r}")
    stored, lockout = _asked(name), Lockout(database.secret, settings)

    def work() -> UserRecord | None:
        user = users.by_name(name)
        if user is not None:
            users.set_password(user.id, stored)
            tries.forget(lockout.of_user(name))
        return user

    changed = database.run_blocking(work)
    print(
        "" if changed is None else f"{changed.name}: the password is changed, and their sessions have ended"
    )
    return 0


def _whose(roles: Sequence[Role], consultant: int | None) -> int | None:
    """The consultant of a consulente, who need not be named where there is only one."""
    if consultant is not None or Role.CONSULENTE not in roles:
        return consultant
    return people.only_consultant("say whose agenda it is with --consultant ID")


def _asked(name: str) -> str:
    """The hash of a password that is typed twice, or is the first line of standard input."""
    if sys.stdin.isatty():
        given = getpass.getpass(f"Password for {name}: ")
        if given != getpass.getpass("The same again: "):
            raise PasswordError("the two passwords differ; nothing was changed")
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    if (weak := weakness(given, name)) is not None:
        raise PasswordError(f"the password cannot be used: {_WEAK[weak]}")
    return Passwords().hash(given)


def _line(user: UserRecord, signed_in: int) -> str:
    parts = [user.name, ", ".join(sorted(user.roles))]
    parts += [f"consultant {user.consultant_id}"] if user.consultant_id is not None else []
    parts += ["disabled"] if user.disabled_at is not None else []
    parts += [f"signed in {signed_in}×"] if signed_in else []
    return "   ".join(parts)
