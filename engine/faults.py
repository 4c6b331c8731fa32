"""Errors as they may be logged: what and where, without messages that could hold personal data."""

from __future__ import annotations

from pathlib import Path


def where(error: BaseException) -> str:
    """The type of `error` and the file and line that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    return f"{type(error).__name__} at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
