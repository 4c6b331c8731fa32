"""No part is bypassed: without rules nothing is booked, and no rule can book what nobody agreed to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rules.settings import RulesSettings
from tests.calls.lineup import ROOT, WEDNESDAY_15, LineUp, Part, booker, line_up
from transport.simulation.gemini_emulator_script import Script
from transport.simulation.persona import Reaction, Reply
from transport.simulation.receptionist import Misbehaviour

NO_RULES = "# Nessuna regola.\n"
HASTY_RULES = """
[[rule]]
id = "interesse"
when = { stage = "nessun_intento", requested = "prenota" }
event = "interesse"
why = "Si comincia."

[[rule]]
id = "completa"
when = { stage = "raccolta_dati" }
event = "completa"
why = "Subito."

[[rule]]
id = "conferma"
when = { stage = { in = ["nessun_intento", "raccolta_dati", "dati_completi"] } }
event = "conferma"
why = "Subito, senza un sì."
"""
HANGS_UP = Reply("", hang_up=True)


@pytest.fixture
def rules(tmp_path: Path, request: pytest.FixtureRequest) -> RulesSettings:
    """The shipped rule files, with the test's decisions in place of theirs."""
    folder = tmp_path / "rules"
    shutil.copytree(ROOT / "rules/it", folder, ignore=shutil.ignore_patterns("examples"))
    (folder / "decisions.toml").write_text(request.param, encoding="utf-8")
    return RulesSettings(directory=folder)


async def booked(lines: LineUp) -> set[str]:
    return {name for name, _ in await lines.in_force()}


@pytest.mark.parametrize("rules", [NO_RULES], indirect=True)
async def test_without_rules_nothing_is_booked(tmp_path: Path, rules: RulesSettings) -> None:
    persona = booker("Ada", Reaction("ancora un attimo", HANGS_UP))
    async with line_up(tmp_path, settings={"rules": rules}) as lines:
        call = (await lines.play([Part(persona, patience_s=3.0)]))["Ada"]
        assert "Sì, confermo." in [turn.text for turn in call.detail.turns], call.story
        assert await booked(lines) == set(), call.story
    assert call.holds == [] and call.events == [] and call.stage == "nessun_intento", call.story


@pytest.mark.parametrize("rules", [HASTY_RULES], indirect=True)
async def test_a_rule_that_confirms_at_once_books_nothing_without_a_readback(
    tmp_path: Path, rules: RulesSettings
) -> None:
    """The caller says when and hangs up; thanks for a claimed booking; or agrees as she should."""
    parts = (
        Part(booker("Fretta", Reaction("quale preferisci", Reply("Mercoledì 11 alle 15.", hang_up=True)))),
        Part(
            booker(
                "Illusa",
                Reaction("ho prenotato", Reply("Sì, va bene, grazie.")),
                Reaction("arrivederci|non è ancora registrato", HANGS_UP),
            ),
            Script(misbehaviour=Misbehaviour(claims_booking_after=2)),
        ),
        Part(
            booker("Ada", Reaction("ancora un attimo", HANGS_UP)), patience_s=3.0
        ),  # nobody tells her that it is done
    )
    async with line_up(tmp_path, settings={"rules": rules}) as lines:
        calls = await lines.play(parts)
        assert await booked(lines) <= {"Ada"}, "".join(call.story for call in calls.values())
    for name in ("Fretta", "Illusa"):
        call = calls[name]
        refused = {event for event, guard in call.events if guard is not None}
        assert "conferma" in refused, call.story
        assert call.booked == [] and call.stage != "confermato", call.story
    assert calls["Ada"].booked == [WEDNESDAY_15], calls["Ada"].story
