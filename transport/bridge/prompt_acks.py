"""Acknowledging at once what a bridge sends: one that does not set TCP_NODELAY waits for it with its next frame."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


@contextlib.contextmanager
def prompt_acks(transport: asyncio.BaseTransport | None) -> Iterator[Callable[[], None]]:
    """Gives what is to be called after each frame, since the kernel forgets; nothing where the platform has it not."""
    connected = transport.get_extra_info("socket") if transport is not None else None
    if connected is None or _QUICKACK is None or connected.fileno() < 0:
        yield lambda: None
        return
    # A socket of our own: the one that uvloop shows is made anew for every call.
    with socket.socket(fileno=os.dup(connected.fileno())) as own:

        def again() -> None:
            try:  # noqa: SIM105  # a context manager costs more than the call
                own.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
            except OSError:
                pass

        yield again
