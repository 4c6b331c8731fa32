"""One open database a process: work runs as whole transactions on its few worker threads.

SQLite has one thread, which makes every transaction take its turn; Postgres has a few, and the
consultant's row lock orders them.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import peewee as pw
from playhouse import db_url

from storage import blank, migrating, receipts
from storage.errors import OutcomeUnknown, Overtaken, StorageError, StoreUnavailable, TryAgain
from storage.models import proxy
from storage.secret import Secret
from storage.settings import StorageSettings

__all__ = ["Database", "Overtaken", "StoreUnavailable", "current"]

T = TypeVar("T")

_log = logging.getLogger(__name__)
_RETRIED_STATES = frozenset({"40P01", "40001", "55P03"})  # deadlock, serialization failure, lock timeout
_RETRIED_WORDS = ("locked", "busy")
_OUTAGE_WORDS = (*_RETRIED_WORDS, "unable to open", "disk", "readonly", "not a database", "malformed")
_FIRST_PAUSE_SECONDS = 0.02
_RECONNECT_PAUSE_SECONDS = 0.1
_SQLITE_PAUSE_SECONDS = (0.0005, 0.003)
_CONNECT_TIMEOUT_SECONDS = 5

_ERRORS = (pw.DatabaseError, pw.InterfaceError)

_open: Database | None = None


def current() -> Database:
    """The open database of this process. Raises StorageError when none is open."""
    if _open is None:
        raise StorageError("no database is open in this process: call Database(url).open() first")
    return _open


class Database:
    """The store's connection to SQLite or Postgres. Open at most one a process; reopen as often as needed."""

    def __init__(self, settings: StorageSettings | str, secret: Secret | None = None) -> None:
        """`settings`, or just an address: "sqlite:///file", "sqlite:///:memory:", "postgresql://…".

        `secret` is the journal's; without one it has one that ends with it, for databases that do too.
        """
        self.settings = StorageSettings(url=settings) if isinstance(settings, str) else settings
        self.secret = secret or Secret.new()
        self._peewee: Any = None
        self._workers: ThreadPoolExecutor | None = None
        self._threads = 1 if self.on_sqlite else self.settings.postgres_threads
        self._own = threading.local()

    @property
    def on_sqlite(self) -> bool:
        """Whether this is a SQLite database."""
        return self.settings.url.startswith("sqlite:")

    def open(self) -> Database:
        """Connect; returns itself. Raises StorageError if another is open, StoreUnavailable if it cannot
        connect."""
        global _open
        if _open is not None:
            raise StorageError("a database is already open in this process: close it first")
        self._peewee = self._connector()
        self._workers = ThreadPoolExecutor(self._threads, thread_name_prefix="storage")
        proxy.initialize(self._peewee)
        _open = self
        try:
            self._on_worker(self._connect)
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Finish what runs, close every connection and end the threads. Closing twice is fine."""
        global _open
        workers, self._workers = self._workers, None
        if workers is None:
            return
        together = threading.Barrier(self._threads)

        def close_own() -> None:
            together.wait(timeout=60)
            if not self._peewee.is_closed():
                self._peewee.close()

        for closing in [workers.submit(close_own) for _ in range(self._threads)]:
            closing.result()
        workers.shutdown()
        proxy.initialize(None)
        _open = None

    def __enter__(self) -> Database:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def migrate(self) -> list[str]:
        """Bring an empty or older database to the current schema; returns the names of the migrations
        applied."""

        def migrated() -> list[str]:
            applied = migrating.bring_up(self._peewee)
            if not self.on_sqlite:
                receipts.forget_old(self._peewee)
            return applied

        return self._on_worker(migrated)

    def migration_status(self) -> list[tuple[str, bool]]:
        """Every migration's name and whether it has been applied, in order."""
        return self._on_worker(lambda: migrating.status(self._peewee))

    def create_tables(self) -> None:
        """Create the current schema directly, without migrations (for throw-away databases)."""
        self._on_worker(lambda: blank.create(self._peewee))

    def scrub(self, *, whole: bool = False) -> None:
        """On SQLite: let nothing that was deleted stay behind in the write-ahead log, with `whole` in the file either.

        Only for what was deleted before this program overwrote it. Raises StoreUnavailable while others are reading.
        """
        if self.on_sqlite:
            self._on_worker(lambda: self._scrub(whole))

    async def run(self, work: Callable[[], T], *, still_valid: Callable[[], bool] | None = None) -> T:
        """Run `work()` as one transaction on a worker thread and return its result.

        `work` may be run again after a deadlock, a lock timeout, TryAgain or a lost connection, so it must
        start from what it reads. When Postgres is lost during COMMIT it is asked afterwards whether that was
        done, so that nothing is done twice.
        `still_valid` is asked on that thread last before COMMIT. Once begun, `work` runs to its end even
        if the awaiting task is cancelled. Raises Overtaken when `still_valid` says no, StoreUnavailable
        when the database does not answer (OutcomeUnknown when it cannot be asked either), and whatever
        `work` raises; each of them after a rollback.
        """
        whose = contextvars.copy_context()  # so that the log knows which call it is for
        return await asyncio.wrap_future(self._pool().submit(whose.run, self._transact, work, still_valid))

    def run_blocking(self, work: Callable[[], T], *, still_valid: Callable[[], bool] | None = None) -> T:
        """As `run`, for code without an event loop."""
        return self._on_worker(lambda: self._transact(work, still_valid))

    # --- On the worker thread -----------------------------------------------------------------------------

    def _transact(self, work: Callable[[], T], still_valid: Callable[[], bool] | None) -> T:
        attempt = 0
        while True:
            try:
                return self._attempt(work, still_valid)
            except (TryAgain, *_ERRORS) as error:
                lost = self._lost_connection(error)
                again = lost or self._is_retried(error)
                if not again and not (_may_pass(error) and self._is_outage(error)):
                    raise
                if not again or attempt >= self.settings.retries:
                    raise StoreUnavailable(
                        f"the database did not do its work: {_first_line(error)}"
                    ) from error
                attempt += 1
                _log.warning("transaction tried again (%d): %s", attempt, _first_line(error))
                _pause(attempt, lost)

    def _attempt(self, work: Callable[[], T], still_valid: Callable[[], bool] | None) -> T:
        if self._peewee.is_closed():
            self._peewee.connect()
        committing, receipt = False, None
        try:
            with self._peewee.transaction():
                result = work()
                receipt = None if self.on_sqlite else receipts.leave(self._peewee, self._writer())
                if still_valid is not None and not still_valid():
                    raise Overtaken("something newer made this work invalid; it was rolled back")
                committing = True
        except _ERRORS as error:
            if not committing or not _may_pass(error) or self._is_retried(error):
                raise
            if not self.on_sqlite:
                self._peewee.close()
                done = receipt is not None and self._was_committed(receipt)
                _log.warning("a commit was not answered; it was done: %s", done)
                if done:
                    return result
                if done is False:
                    raise
            raise OutcomeUnknown("the database died during COMMIT: read again whether it was done") from error
        return result

    def _writer(self) -> str:
        """The name of this thread among all that write to the database."""
        if not hasattr(self._own, "writer"):
            self._own.writer = uuid.uuid4().hex
        return str(self._own.writer)

    def _was_committed(self, receipt: str) -> bool | None:
        """What became of a transaction whose COMMIT was not answered; None when that cannot be learnt."""
        for attempt in range(1, self.settings.retries + 1):
            try:
                self._connect()
                done = receipts.found(self._peewee, self._writer(), receipt)
            except (StoreUnavailable, *_ERRORS) as error:
                self._lost_connection(error)
            else:
                self._peewee.close()  # as it was found
                return done
            _pause(attempt, lost=True)
        return None

    def _connect(self) -> None:
        if not self._peewee.is_closed():
            return
        try:
            self._peewee.connect()
        except (pw.OperationalError, pw.InterfaceError) as error:
            raise StoreUnavailable(f"cannot open the database: {_first_line(error)}") from error

    def _is_retried(self, error: Exception) -> bool:
        if isinstance(error, TryAgain):
            return True
        if self.on_sqlite:
            return _says_locked(error)
        return _sql_state(error) in _RETRIED_STATES

    def _is_outage(self, error: Exception) -> bool:
        """Whether the database failed, as against a statement that it does not understand."""
        return not self.on_sqlite or any(word in str(error).lower() for word in _OUTAGE_WORDS)

    def _lost_connection(self, error: Exception) -> bool:
        """Whether this thread's connection to Postgres is gone; it is then forgotten, and the next try opens
        a new one."""
        if self.on_sqlite:
            return False
        unnamed = type(error) is pw.DatabaseError and _sql_state(error) is None
        if not self._peewee.is_closed() and (unnamed or self._peewee.connection().closed):
            self._peewee.close()
        return bool(self._peewee.is_closed())

    def _scrub(self, whole: bool) -> None:
        self._connect()
        try:
            if whole:
                self._peewee.execute_sql("VACUUM")
            busy = self._peewee.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except pw.OperationalError as error:
            raise StoreUnavailable(f"the database is in use: {_first_line(error)}") from error
        if busy:
            raise StoreUnavailable("the database is in use: its write-ahead log cannot be emptied")

    # --- Wiring -------------------------------------------------------------------------------------------

    def _connector(self) -> Any:
        if not self.on_sqlite:
            limits = f"-c timezone=UTC -c lock_timeout={self.settings.lock_timeout_ms}"
            limits += f" -c statement_timeout={self.settings.statement_timeout_ms}"
            parameters = db_url.parse(self.settings.url, unquote_password=True, unquote_user=True)
            defaults = {"options": limits, "connect_timeout": _CONNECT_TIMEOUT_SECONDS}
            return pw.PostgresqlDatabase(**{**defaults, **parameters})
        file = self.settings.url.removeprefix("sqlite:///")
        if file != ":memory:":
            Path(file).parent.mkdir(parents=True, exist_ok=True)
        return _WaitingSqlite(
            file,
            patience=self.settings.lock_timeout_ms / 1000,
            lock_type="IMMEDIATE",
            # What is deleted is overwritten: erased words do not stay behind in the file.
            pragmas={"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1, "secure_delete": 1},
        )

    def _pool(self) -> ThreadPoolExecutor:
        if self._workers is None:
            raise StoreUnavailable("the database is not open: call open() first")
        return self._workers

    def _on_worker(self, work: Callable[[], T]) -> T:
        return self._pool().submit(work).result()


class _WaitingSqlite(pw.SqliteDatabase):
    """Asks for a locked file every few milliseconds. SQLite by itself soon asks ten times a second only, and
    of several processes that write without a pause one would be left out for seconds."""

    def __init__(self, file: str, *, patience: float, **given: Any) -> None:
        super().__init__(file, timeout=0, **given)
        self._patience = patience

    def begin(self, lock_type: str | None = None) -> None:
        begin = super().begin
        self._waiting(lambda: begin(lock_type))

    def connect(self, reuse_if_open: bool = False) -> bool:
        connect = super().connect
        return self._waiting(lambda: connect(reuse_if_open))

    def _waiting(self, step: Callable[[], T]) -> T:
        until = time.monotonic() + self._patience
        while True:
            try:
                return step()
            except pw.OperationalError as error:
                if time.monotonic() >= until or not _says_locked(error):
                    raise
            time.sleep(random.uniform(*_SQLITE_PAUSE_SECONDS))


def _says_locked(error: Exception) -> bool:
    return any(word in str(error).lower() for word in _RETRIED_WORDS)


def _may_pass(error: Exception) -> bool:
    """Whether the database failed, as against the statement; psycopg2 has no better name than DatabaseError
    for a server that died."""
    return isinstance(error, (pw.OperationalError, pw.InterfaceError)) or type(error) is pw.DatabaseError


def _pause(attempt: int, lost: bool) -> None:
    """Longer after a lost connection, for a server that restarts: three seconds over four tries."""
    pause = _RECONNECT_PAUSE_SECONDS if lost else random.random() * _FIRST_PAUSE_SECONDS
    time.sleep(pause * 2**attempt)


def _sql_state(error: Exception) -> str | None:
    for source in (error.__cause__, error.__context__, getattr(error, "orig", None)):
        state = getattr(source, "pgcode", None)
        if state is not None:
            return str(state)
    return None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
