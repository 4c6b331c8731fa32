"""Queries that are worded once: peewee makes their SQL the first time, after that only the values change.

For what an operation asks every time; wording a query takes peewee many times as long as running it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import peewee as pw

from storage.models import InstantField, epoch_seconds, proxy

_CONVERTED = (InstantField, pw.JSONField, pw.BooleanField)  # every other column is read as it is stored


class Given(pw.Node):
    """The place of a value in a query; an instant is given as an aware datetime, `json` as plain JSON values."""

    def __init__(self, name: str, *, json: bool = False) -> None:
        self.name, self.json = name, json

    def __sql__(self, ctx: Any) -> Any:
        if not self.json:
            return ctx.value(_Place(self.name), converter=False)
        if not isinstance(proxy.obj, pw.SqliteDatabase):
            return ctx.value(_JsonPlace(self.name), converter=False)
        return ctx.literal("json(").value(_JsonPlace(self.name), converter=False).literal(")")


class _Place(str):
    """What stands for a value among the parameters of a worded query."""

    __slots__ = ()


class _JsonPlace(str):
    """The same, for a value that is written as JSON text."""

    __slots__ = ()


class Statement:
    """A query with `Given` in the places of its values; run it inside a transaction."""

    def __init__(self, query: Callable[[], Any]) -> None:
        """`query` makes it; asked once for each kind of database."""
        self._query = query
        self._worded: dict[type, _Worded] = {}

    def run(self, **values: Any) -> int:
        """Run it; returns how many rows it wrote."""
        return int(self._execute(values)[1].rowcount)

    def all(self, **values: Any) -> list[Any]:
        """Its rows, with the columns by name (a foreign key as `…_id`)."""
        worded, cursor = self._execute(values)
        return [worded.read(row) for row in cursor.fetchall()]

    def first(self, **values: Any) -> Any:
        """Its first row, or None."""
        worded, cursor = self._execute(values)
        row = cursor.fetchone()
        return None if row is None else worded.read(row)

    def firsts(self, **values: Any) -> set[Any]:
        """The first column of every row, as stored."""
        return {row[0] for row in self._execute(values)[1].fetchall()}

    def _execute(self, values: dict[str, Any]) -> tuple[_Worded, Any]:
        database = proxy.obj
        worded = self._worded.get(type(database))
        if worded is None:
            worded = self._worded[type(database)] = _Worded(database, self._query())
        return worded, database.execute_sql(worded.sql, worded.filled(values))


class _Worded:
    """A query's SQL for one kind of database, and how its rows are read."""

    def __init__(self, database: Any, query: Any) -> None:
        self.sql, parameters = database.get_sql_context().sql(query).query()
        self._parameters = tuple(parameters)
        selected = getattr(query, "_returning", None) or ()
        fields = [each for each in selected if isinstance(each, pw.Field)]
        self._names = tuple(str(getattr(each, "object_id_name", each.name)) for each in fields)
        self._readers = [
            (at, each.python_value) for at, each in enumerate(fields) if isinstance(each, _CONVERTED)
        ]

    def filled(self, values: dict[str, Any]) -> list[Any]:
        return [_filled(each, values) for each in self._parameters]

    def read(self, row: tuple[Any, ...]) -> SimpleNamespace:
        read = list(row)
        for at, reader in self._readers:
            read[at] = reader(read[at])
        return SimpleNamespace(**dict(zip(self._names, read, strict=True)))


def _filled(parameter: Any, values: dict[str, Any]) -> Any:
    if type(parameter) is _Place:
        value = values[parameter]
        return epoch_seconds(value) if isinstance(value, datetime) else value
    if type(parameter) is _JsonPlace:
        value = values[parameter]
        return None if value is None else json.dumps(value)
    return parameter
