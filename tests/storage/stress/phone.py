"""A server that answers calls, several at once, with the whole engine between caller and store:
`python -m tests.storage.stress.phone JOB`. Callers say yes, hang up before it, or are cut off."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from engine.conversation import Conversation
from engine.rehearsal import ZONE
from engine.supervisor import Supervisor
from engine.turns import Speaker, Turn
from engine.understanding.context import CallerKnown
from fsm.stages import Stage
from storage import bookings, calls, people
from storage.database import Database
from storage.models import epoch_seconds
from tests.dialogues import shipped_rulebook
from tests.local_extractor import LocalExtractor
from tests.storage.playground import NOW, rome
from tests.storage.stress.log import Log
from tests.storage.stress.worker import SPEED, Job

LINES = 6
MINUTES = 60
DAYS = {"giovedì 12 febbraio": "2026-02-12", "venerdì 13 febbraio": "2026-02-13"}
HOURS = [9, 10, 11, 12, 14, 15, 16, 17]
ENDINGS = ("yes", "yes", "yes", "hangs up", "cut off")


async def call(
    database: Database, log: Log, job: Job, dice: random.Random, clock: Callable[[], datetime]
) -> None:
    """One call, from its first word to its end."""
    (said, day), hour = dice.choice(list(DAYS.items())), dice.choice(HOURS)
    consultant, client_id = dice.choice(job.consultants), dice.choice(job.clients)
    ending, now = dice.choice(ENDINGS), clock()
    client = await database.run(lambda: people.client(client_id))
    assert client is not None
    call_id = await database.run(
        lambda: calls.open_call(
            bridge_call_id="line",
            consultant_id=consultant,
            direction="inbound",
            caller_number=client.phone,
            dialled_number=None,
            client_id=client_id,
            now=now,
        )
    )
    name = log.intend(
        "call",
        conversation=call_id,
        consultant=consultant,
        start=epoch_seconds(rome(f"{day}T{hour:02}:00")),
        minutes=MINUTES,
        ending=ending,
        now=epoch_seconds(now),
    )
    known = CallerKnown("client", "inbound", client.phone)
    conversation = Conversation(call_id, call_id, consultant, ZONE, known, client_id)
    supervisor = Supervisor(conversation, database, shipped_rulebook(), LocalExtractor(ZONE))
    words = [
        (Speaker.CALLER, f"Vorrei prenotare per {said} alle {hour}"),
        (Speaker.ASSISTANT, f"{said.capitalize()} alle {hour}:00, confermi?"),
        (Speaker.CALLER, "Sì, confermo" if ending == "yes" else "Un momento"),
        (Speaker.ASSISTANT, "Un attimo."),
    ]
    turns: list[Turn] = []
    for number, (speaker, text) in enumerate(words, start=1):
        began = max(clock(), turns[-1].ended_at or now) if turns else now
        turns.append(Turn(number, speaker, text, began, began + timedelta(seconds=4)))
        if speaker is Speaker.ASSISTANT:
            await database.run(lambda: calls.record_turns(call_id, list(turns)))
            await supervisor.analyse(
                list(turns),
                new=[number - 1, number],
                now=began + timedelta(seconds=4),
                call_over=False,
                pending_speech=False,
                unheard=False,
                still_valid=lambda: True,
            )
    if ending != "cut off":
        await supervisor.finish(clock(), "hangup")
    stage = supervisor.state.stage
    log.told(name, **{"is": "booked" if stage is Stage.COMPLETATO else "refused", "why": str(stage)})


async def serve(job: Job) -> None:
    log = Log(Path(job.log))
    with Database(job.settings()) as database:
        print("ready", flush=True)
        began, until = (float(word) for word in sys.stdin.readline().split())

        def clock() -> datetime:
            return NOW + timedelta(seconds=(time.monotonic() - began) * SPEED)

        async def line(number: int) -> None:
            dice = random.Random(f"{job.log} {number}")
            while time.monotonic() < until:
                await call(database, log, job, dice, clock)

        async def sweep() -> None:
            while time.monotonic() < until:
                await database.run(lambda: bookings.expire_holds(clock()))
                await asyncio.sleep(1)

        await asyncio.gather(sweep(), *(line(number) for number in range(LINES)))


if __name__ == "__main__":
    asyncio.run(serve(Job(**json.loads(sys.argv[1]))))
