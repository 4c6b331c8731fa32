"""Several server processes on one port, as they are started: one dies and comes back, SIGTERM ends all."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from tests.calls.test_processes import ROOT, emulated, logged

_START_S = 60.0


async def line_with(log: Path, words: str, times: int) -> None:
    async with asyncio.timeout(_START_S):
        while True:
            if logged(log).count(words) >= times:
                return
            await asyncio.sleep(0.05)


@pytest.mark.timeout(150)
async def test_workers_share_a_port_come_back_and_stop_together(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("ab") as stderr:
        parent = await asyncio.create_subprocess_exec(
            sys.executable, "main.py", "serve", "--workers", "2",
            cwd=ROOT, env=emulated(tmp_path / "calls.db"), stdout=asyncio.subprocess.PIPE, stderr=stderr,
        )  # fmt: skip
    try:
        assert parent.stdout is not None
        said = (await asyncio.wait_for(parent.stdout.readline(), _START_S)).decode()
        url = said.partition("Pages: ")[2].strip().removesuffix("/chiamate")
        first = (await asyncio.wait_for(parent.stdout.readline(), _START_S)).decode()
        assert f"{url}/primo-accesso/" in first
        pids = [
            int(line.rpartition(" ")[2]) for line in logged(log).splitlines() if "is ready, process" in line
        ]
        assert len(set(pids)) == 2, logged(log)
        os.kill(pids[0], signal.SIGKILL)
        await line_with(log, "is ready, process", 3)
        assert "ended with status -9" in logged(log)
        async with aiohttp.ClientSession() as session:
            for _ in range(8):
                async with session.get(f"{url}/healthz", headers={"Connection": "close"}) as answer:
                    assert answer.status == 200
            async with session.get(f"{url}/metrics") as numbers:
                assert "vbs_loop_lag_seconds_count" in await numbers.text()
        parent.terminate()
        assert await asyncio.wait_for(parent.wait(), _START_S) == 0, logged(log)
        for pid in [
            int(line.rpartition(" ")[2]) for line in logged(log).splitlines() if "is ready, process" in line
        ]:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
    finally:
        with suppress(ProcessLookupError):
            parent.kill()
        await parent.wait()
