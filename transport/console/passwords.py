"""Passwords: argon2 hashes of them, and which ones are too easy to guess.

Hashing is slow on purpose: it has one thread of its own and a short queue, so that a crowd at the sign-in page
takes at most one core from the calls.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHash

from transport.errors import TransportError

SHORTEST, LONGEST = 12, 200

_MOST_WAITING = 16

T = TypeVar("T")


class Weakness(StrEnum):
    """Why a password is refused."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    LIKE_THE_NAME = "like_the_name"
    TOO_PLAIN = "too_plain"


class TooBusy(TransportError):  # noqa: N818 - named for what happened
    """Raised when so many passwords wait to be looked at that one more would wait too long."""


class Passwords:
    """Hashes passwords and looks whether they are right; one a process."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """`hasher` holds the parameters; argon2id with 64 MiB by default, on one core: the others are for calls."""
        self._hasher = hasher or PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)
        # Looked at in place of nobody's, so that the time taken does not tell which names there are.
        self._nobodys = self._hasher.hash(secrets.token_hex())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._waiting = 0

    def hash(self, password: str) -> str:
        """What is stored of a password; its parameters and salt are in it."""
        return self._hasher.hash(_normal(password))

    def check(self, password: str, stored: str | None) -> bool:
        """Whether it is the password of which this was stored; with None it takes as long and is not."""
        try:
            right = self._hasher.verify(stored or self._nobodys, _normal(password))
        except (Argon2Error, InvalidHash):
            return False
        return right and stored is not None

    def is_dated(self, stored: str) -> bool:
        """Whether it was hashed with other parameters than are used now."""
        return self._hasher.check_needs_rehash(stored)

    async def hash_aside(self, password: str) -> str:
        """As `hash`, without holding up the event loop. Raises TooBusy."""
        return await self._aside(lambda: self.hash(password))

    async def check_aside(self, password: str, stored: str | None) -> bool:
        """As `check`, without holding up the event loop. Raises TooBusy."""
        return await self._aside(lambda: self.check(password, stored))

    async def _aside(self, work: Callable[[], T]) -> T:
        if self._waiting >= _MOST_WAITING:
            raise TooBusy("too many passwords are waiting to be looked at")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1


def weakness(password: str, name: str) -> Weakness | None:
    """Why nobody should take this password; None for one that will do. Length counts, not kinds of characters."""
    password, name = _normal(password), _normal(name).casefold().strip()
    if len(password) < SHORTEST:
        return Weakness.TOO_SHORT
    if len(password) > LONGEST:
        return Weakness.TOO_LONG
    if len(set(password)) < 5:
        return Weakness.TOO_PLAIN
    if len(name) >= 3 and len(password.casefold().replace(name, "")) < SHORTEST // 2:
        return Weakness.LIKE_THE_NAME
    return None


def _normal(password: str) -> str:
    """The same characters typed on another keyboard are the same password."""
    return unicodedata.normalize("NFKC", password)
