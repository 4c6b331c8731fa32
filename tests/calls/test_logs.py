"""What a whole call leaves in the log and among the numbers: its id on every line, and nothing personal."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from pathlib import Path

from fsm.stages import Stage
from tests.calls.lineup import line_up
from transport.logs import log_handler
from transport.simulation.caller import SimulatedCaller
from transport.simulation.scenarios import seed_demo

_CLIENT_AND_LEAD = ("A", "B")
# Digits in a row, but not those of a hash.
_PERSONAL = re.compile(
    r"bianchi|mario|rossi|anonymous|gmail|@|chiocciola|(?<![0-9a-f])\d{6,}(?![0-9a-f])|\+39", re.IGNORECASE
)
_SHORT = 6  # letters; a shorter word may be one of our own


async def test_a_call_is_logged_with_its_id_and_without_a_word_of_it(tmp_path: Path) -> None:
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = log_handler("json", stream), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        async with line_up(tmp_path) as lines:
            scenarios = await lines.database.run(lambda: seed_demo(lines.clock.now()))
            played = [each for each in scenarios if each.letter in _CLIENT_AND_LEAD]
            url = f"{lines.url}/bridge/fork"
            callers = [SimulatedCaller(url, each.dialled, each.persona, lines.clock) for each in played]
            await asyncio.gather(*(caller.run(lines.session) for caller in callers))
            ended = {each.dialled.call_id: await lines.ended(each.dialled.call_id) for each in played}
            numbers = await lines.page("/metrics")
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    log = [json.loads(line) for line in stream.getvalue().splitlines()]
    for call_id, call in ended.items():
        assert call.stage == "completato", call.story
        own = [line for line in log if line.get("call") == call_id]
        assert {line["logger"] for line in own} >= {"engine.call", "transport.bridge.endpoint"}
        assert {line.get("conversation") for line in own} == {None, call.detail.call.id}
    ids = {call_id: call.detail.call.id for call_id, call in ended.items()}
    strays = [
        line for line in log
        if "call" not in line and any(one in line["message"] for pair in ids.items() for one in pair)
    ]  # fmt: skip
    assert [line for line in strays if not line["logger"].startswith("transport.simulation")] == []

    labels = [line.rpartition(" ")[0] for line in numbers.splitlines()]  # without the values
    written = "\n".join([*(line["message"] for line in log), *labels])
    for each in ids.values():
        written = written.replace(each, "")
    assert not (found := _PERSONAL.search(written)), written[max(0, found.start() - 200) : found.end()]
    said = {word for call in ended.values() for turn in call.detail.turns for word in turn.text.split()}
    letters = {word.strip(".,?!:").lower() for word in said}
    spoken = [word for word in letters if len(word) >= _SHORT and word in written.lower()]
    spoken = sorted(set(spoken) - set(Stage))
    assert spoken == [], "words of the call"
