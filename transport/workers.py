"""Several server processes on one port: a parent that starts them, starts a dead one again, and passes SIGTERM on."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

from prometheus_client.multiprocess import mark_process_dead

from engine.ports import Clock
from transport.settings import ServerSettings

log = logging.getLogger(__name__)

REFUSED = 2  # the exit status of a program that cannot use its settings
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0
_STEADY_S = 60.0  # who has run so long did not die of its start
_PARENT_EVERY_S = 1.0


@contextmanager
def reserved(settings: ServerSettings) -> Iterator[int]:
    """The port that workers are to share, kept for them; a free one for 0. Raises OSError when it is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as alone:  # which another server's shared port would not let in
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        alone.bind((settings.host, settings.port))
        port = int(alone.getsockname()[1])
    with socket.socket(family) as shared:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind((settings.host, port))
        yield port


class Workers:
    """`count` processes of `command`; the environment of each is made by `environment` from its number, from 1 on."""

    def __init__(
        self,
        count: int,
        command: Sequence[str],
        environment: Callable[[int], Mapping[str, str]],
        clock: Clock,
    ) -> None:
        self._command, self._environment, self._clock = tuple(command), environment, clock
        self._count = count
        self._running: dict[int, Process] = {}
        self._ready: set[int] = set()
        self._stopping = False
        self._status = 0

    async def run(self, ready: Callable[[str], None]) -> int:
        """Until SIGTERM or SIGINT; the exit status. `ready` gets what the first one printed, once all have."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        try:
            with tempfile.TemporaryDirectory(prefix="numbers-") as numbers:
                await asyncio.gather(
                    *(self._keep(each, numbers, ready) for each in range(1, self._count + 1))
                )
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
            for process in self._running.values():
                with suppress(ProcessLookupError):
                    process.kill()
        return self._status

    def _stop(self) -> None:
        """Pass it on; a second time it makes a worker drop its calls."""
        self._stopping = True
        for process in self._running.values():
            with suppress(ProcessLookupError):
                process.terminate()

    async def _keep(self, number: int, numbers: str, ready: Callable[[str], None]) -> None:
        wait = _FIRST_WAIT_S
        while not self._stopping:
            began = self._clock.monotonic()
            status = await self._once(number, numbers, ready)
            if self._stopping:
                return
            if status == REFUSED and number not in self._ready:
                self._status = status
                self._stop()
                return
            if self._clock.monotonic() - began >= _STEADY_S:
                wait = _FIRST_WAIT_S
            log.error("worker %d ended with status %d; started again in %g s", number, status, wait)
            await self._pause(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)

    async def _pause(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        while not self._stopping and self._clock.monotonic() < until:
            await self._clock.sleep(0.1)

    async def _once(self, number: int, numbers: str, ready: Callable[[str], None]) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            env={**os.environ, **self._environment(number), "PROMETHEUS_MULTIPROC_DIR": numbers},
            stdout=PIPE,
            start_new_session=True,  # Ctrl-C is for us to pass on, once
        )
        self._running[number] = process
        if self._stopping:
            process.terminate()
        try:
            assert process.stdout is not None  # it was asked for
            if said := (await process.stdout.readline()).decode().strip():
                log.info("worker %d is ready, process %d", number, process.pid)
                fresh = len(self._ready) < self._count
                self._ready.add(number)
                if fresh and len(self._ready) == self._count:
                    ready(said)
            return await process.wait()
        finally:
            if process.returncode is not None:
                del self._running[number]
                mark_process_dead(process.pid, numbers)  # type: ignore[no-untyped-call]  # theirs has no types


@asynccontextmanager
async def with_parent(clock: Clock) -> AsyncIterator[None]:
    """What a worker does inside ends, as at SIGTERM, when its parent is gone."""
    parent = os.getppid()

    async def watch() -> None:
        while os.getppid() == parent:
            await clock.sleep(_PARENT_EVERY_S)
        log.error("the parent of this worker is gone: it stops")
        os.kill(os.getpid(), signal.SIGTERM)

    task = asyncio.create_task(watch(), name="parent")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def command_of_a_worker(config: str) -> list[str]:
    """How the program is started as a worker."""
    return [sys.executable, sys.argv[0], "--config", config, "serve", "--worker"]
