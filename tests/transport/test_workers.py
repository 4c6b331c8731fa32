"""The port that workers share, and what becomes of one whose parent is gone."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from tests.clocks import VirtualClock
from transport.settings import ServerSettings
from transport.workers import reserved, with_parent


def test_a_free_port_is_kept_for_those_who_share_it() -> None:
    with reserved(ServerSettings(port=0)) as port:
        for _ in range(2):
            with socket.socket() as worker:
                worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                worker.bind(("127.0.0.1", port))
                worker.listen()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))


def test_a_port_that_another_server_shares_is_taken() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings = ServerSettings(port=other.getsockname()[1])
        with pytest.raises(OSError, match="in use"), reserved(settings):
            raise AssertionError("it was given away")


async def test_a_worker_whose_parent_is_gone_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, parent, sent = VirtualClock(), [7], list[tuple[int, int]]()
    monkeypatch.setattr("os.getppid", lambda: parent[0])
    monkeypatch.setattr("os.kill", lambda pid, number: sent.append((pid, number)))
    async with with_parent(clock):
        await clock.advance(60)
        assert sent == []
        parent[0] = 1
        await clock.advance(2)
    assert sent == [(os.getpid(), signal.SIGTERM)]
