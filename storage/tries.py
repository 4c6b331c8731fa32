"""Failed tries to sign in: after a few, whoever makes them waits, each time twice as long.

A try counts as failed before its password is looked at, so that many at once gain nothing; one that succeeds is
taken back. All functions run inside a transaction, and several servers count together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage import locks
from storage.models import SignInTries

_FIRST_WAIT = timedelta(seconds=5)
_FORGOTTEN_AFTER = timedelta(days=1)
_NEVER_DOUBLED_PAST = 30


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom or where tries are counted by: a digest, and how many may fail before there is a wait."""

    digest: str
    free: int


def wait_after(failures: int, free: int, longest: timedelta) -> timedelta:
    """How long the next try has to wait after so many failures in a row."""
    if failures < free:
        return timedelta(0)
    doubled: int = 2 ** min(failures - free, _NEVER_DOUBLED_PAST)
    return min(_FIRST_WAIT * doubled, longest)


def begin(subjects: Iterable[Subject], *, now: datetime, longest: timedelta) -> datetime | None:
    """None: a try may be made, and counts as failed. Else nothing is counted, and one may be made from then on."""
    ordered = sorted(subjects, key=lambda subject: subject.digest)  # one order for all: no deadlock
    # First without a lock: who has to wait leaves nothing behind, whatever names they think of.
    if (waits := _latest(_known(ordered), now)) > now:
        return waits
    rows = [_locked(subject, now) for subject in ordered]
    if (waits := _latest(rows, now)) > now:
        return waits
    for subject, row in zip(ordered, rows, strict=True):
        failures = (row.failures if now - row.last_at < _FORGOTTEN_AFTER else 0) + 1
        SignInTries.update(
            failures=failures, last_at=now, not_before=now + wait_after(failures, subject.free, longest)
        ).where(SignInTries.subject == subject.digest).execute()
    return None


def succeeded(forgiven: Iterable[Subject], taken_back: Iterable[Subject], *, now: datetime) -> None:
    """After a try that `begin` counted: forget what `forgiven` failed before; of `taken_back` only this one try."""
    forget(subject.digest for subject in forgiven)
    for subject in taken_back:
        SignInTries.update(failures=SignInTries.failures - 1, not_before=now).where(
            SignInTries.subject == subject.digest, SignInTries.failures > 0
        ).execute()


def forget(digests: Iterable[str]) -> None:
    """Forget what failed, as at a new password."""
    SignInTries.delete().where(SignInTries.subject.in_(list(digests))).execute()


def forget_old(now: datetime) -> None:
    """Forget tries that count no more."""
    SignInTries.delete().where(SignInTries.last_at <= now - _FORGOTTEN_AFTER).execute()


def _known(subjects: Iterable[Subject]) -> list[Any]:
    which = SignInTries.subject.in_([subject.digest for subject in subjects])
    return list(SignInTries.select().where(which))


def _latest(rows: Iterable[Any], now: datetime) -> datetime:
    """When none of them waits any more."""
    latest: datetime = max((row.not_before for row in rows), default=now)
    return latest


def _locked(subject: Subject, now: datetime) -> Any:
    """The row of `subject`, made when it is missing, which no other transaction changes until this one ends."""
    SignInTries.insert(
        subject=subject.digest, failures=0, last_at=now, not_before=now
    ).on_conflict_ignore().execute()
    return locks.kept(SignInTries.select().where(SignInTries.subject == subject.digest)).get()
