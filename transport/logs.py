"""Log lines for people or for machines, each with the id of the call that it is about.

A call's tasks inherit the context in which they were started, so whoever takes a call says once which it is.
"""

from __future__ import annotations

import logging
import sys
import traceback
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, TextIO

from pythonjsonlogger.core import LogData
from pythonjsonlogger.orjson import OrjsonFormatter

from transport.settings import LoggingSettings

_OURS = ("engine", "fsm", "main", "rules", "storage", "transport")
_FIELDS = {"levelname": "level", "name": "logger"}


@dataclass(slots=True)
class _Call:
    call: str
    conversation: str | None = None


_current: ContextVar[_Call | None] = ContextVar("call", default=None)

_Raised = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)  # as in sys.exc_info()


def log_as(call_id: str) -> None:
    """Whatever this task, or one that it starts from now on, logs is about the bridge's call `call_id`."""
    _current.set(_Call(call_id))


def log_stored_as(conversation_id: str) -> None:
    """The call of `log_as` is called `conversation_id` in the store; its other tasks know it too."""
    current = _current.get()
    if current is not None:
        current.conversation = conversation_id


def set_up_logging(settings: LoggingSettings, *, least: int = logging.NOTSET) -> None:
    """Log to stderr as `settings` say, but nothing below `least`."""
    level = max(logging.getLevelNamesMapping()[settings.level.upper()], least)
    logging.basicConfig(level=level, handlers=[log_handler(settings.format, sys.stderr)])


def log_handler(form: Literal["text", "json"], stream: TextIO) -> logging.Handler:
    """Writes lines of one form to `stream`.

    Of libraries only warnings and errors: at lower levels some write down what passes through them.
    """
    handler = logging.StreamHandler(stream)
    handler.addFilter(lambda record: record.levelno >= logging.WARNING or _ours(record))
    handler.addFilter(_name_call)
    handler.addFilter(_hush_futures)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    return handler


def _ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in _OURS


def _name_call(record: logging.LogRecord) -> bool:
    """Give `record` the ids of the call in whose context it was logged, unless it names one itself."""
    current = _current.get()
    if current is not None and not hasattr(record, "conversation"):
        record.call, record.conversation = current.call, current.conversation
    return True


def _hush_futures(record: logging.LogRecord) -> bool:
    """asyncio tells of a failed task by its whole repr, with the words of its exception."""
    if record.name == "asyncio":
        record.msg, record.args = record.getMessage().partition("\n")[0], ()
    return True


class TextLines(logging.Formatter):
    """A line for people: time, level, where, [call], what."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and below it what was raised."""
        message, ids = record.getMessage(), [getattr(record, name, None) for name in ("call", "conversation")]
        named = " ".join(each for each in ids if each and each not in message)
        head = f"{self.formatTime(record)} {record.levelname} {record.name}:"
        line = f"{head} [{named}] {message}" if named else f"{head} {message}"
        return f"{line}\n{_without_words(record.exc_info)}" if record.exc_info else line


class JsonLines(OrjsonFormatter):
    """A JSON object a line: time (UTC), level, logger, message, process; `call` and `conversation` where known."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message", "process", "call", "conversation"],
            rename_fields=_FIELDS,
            timestamp="time",
        )

    def process_log_record(self, log_data: LogData) -> LogData:
        """Without fields that have no value."""
        return {name: value for name, value in log_data.items() if value is not None}

    def formatException(self, ei: _Raised) -> str:  # noqa: N802  # logging's own name
        """Where it was raised and what it is."""
        return _without_words(ei)


def _without_words(raised: _Raised) -> str:
    """A traceback without the exceptions' own words, which may be a caller's."""
    lines: list[str] = []
    error, seen = raised[1], set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        lines += [*traceback.format_tb(error.__traceback__), f"{type(error).__qualname__}\n"]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "".join(lines).rstrip()
