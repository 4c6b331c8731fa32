"""The Reading of an analysis: all turns since the last one, folded in the order they were spoken into what we hold.

The fold knows nothing of stages beyond the one it is given, fires nothing and asks no store: it takes the
agenda as it was seen and returns new values and facts. DESIGN §3 is its law.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from engine.details import Accumulator, Stance
from engine.ports import MentionKind
from engine.turns import Speaker, Transcript, Turn
from engine.understanding.agreement import asks_for_yes
from engine.understanding.answers import contact_is_settled, restates_held, say_no, say_yes
from engine.understanding.caller import CallerReading, Meant, read_caller
from engine.understanding.contact import hear_contact, take_contact
from engine.understanding.context import Agreement, Context, Reading, binding
from engine.understanding.draft import Draft, last_heard
from engine.understanding.folding import blanked
from engine.understanding.it import agreement as it
from engine.understanding.it.calendar import WEEKDAY_NAMES
from engine.understanding.keys import keyed_beside, take_keys
from engine.understanding.mentions import Act
from engine.understanding.offers import remember_offer, stance_of
from engine.understanding.own import identify_target, note_own_day
from engine.understanding.readback import AssistantReading
from engine.understanding.request import drops, note_unclaimed, take_request
from engine.understanding.restatement import restate, settle_by
from engine.understanding.slots import reject, take_slot, without_old
from fsm.stages import Task

_BETWEEN_NOTES = "; "
_LONGEST_NOTES = 500


def read(transcript: Transcript, new: Collection[int], held: Accumulator, context: Context) -> Reading:
    """Fold the turns numbered `new` into a copy of `held`. Other turns of `transcript` are only looked back at."""
    draft = Draft(transcript, held.copy(), context)
    for turn in transcript:
        if turn.number in new:
            if turn.keyed:
                take_keys(draft, turn)
            elif turn.speaker is Speaker.CALLER:
                _caller(draft, turn)
            else:
                _assistant(draft, turn)
    return _finished(draft)


def _caller(draft: Draft, turn: Turn) -> None:
    """A caller turn: what it asks for, then its values, then its yes."""
    before = last_heard(draft.before(turn))
    asked = draft.heard(before) if before else None
    said = _read_caller(draft, turn, asked)
    draft.out.human |= said.does(Act.ASK_HUMAN)
    draft.out.stays = said.does(Act.DENY, Act.CORRECT, Act.DROP) and not said.does(Act.ASK_HUMAN)
    note_own_day(draft, said.alone)
    before_asking = draft.out.requested
    take_request(draft, said, asked)
    if not draft.active:
        note_unclaimed(draft, said)
        return
    if draft.out.requested is before_asking and drops(draft, said):
        draft.forget()
        return
    if draft.out.requested is not Task.NESSUNO:
        draft.out.about_booking = True
    known = _fingerprint(draft.held)
    changing = draft.task in (Task.SPOSTA, Task.DISDICI)
    answer = _whole_answer(draft, said, asked, turn)
    said = identify_target(draft, said, turn) if changing else without_old(said)
    if draft.task is not Task.DISDICI:
        take_slot(draft, said, asked, turn)
        reject(draft, said, turn)
    if draft.of_lead:
        take_contact(draft.out, said, answer, asked, turn, draft.context.caller)
    _take_name_and_duration(draft, said, turn)
    _take_notes(draft, said, turn)
    say_no(draft, said, asked, changed=_fingerprint(draft.held) != known)
    say_yes(draft, said, answer, before, asked, turn)
    if draft.out.agreement is Agreement.VALID and keyed_beside(draft, turn):
        draft.out.agreement = Agreement.INVALID


def _whole_answer(
    draft: Draft, said: CallerReading, asked: AssistantReading | None, turn: Turn
) -> CallerReading:
    """All that the caller has said since the assistant was last heard: a pause makes two turns of one sentence."""
    pieces = [turn.text]
    for known in draft.before(turn):
        if known.keyed:
            continue
        if known.speaker is Speaker.CALLER:
            pieces.insert(0, known.text)
        elif known.heard_text.strip():
            break
    return said if len(pieces) == 1 else _read_caller(draft, replace(turn, text=", ".join(pieces)), asked)


def _read_caller(draft: Draft, turn: Turn, asked: AssistantReading | None) -> CallerReading:
    text = turn.text
    if draft.task is Task.DISDICI:  # "sì, non posso venire" gives the reason, and denies nothing
        text = blanked(text, it.REASONS)
    left, day = draft.target, draft.held.details.date
    if draft.task is Task.SPOSTA and left and day and left.slot.day.weekday() != day.weekday():
        # "Sì, giovedì non posso", where it moves to another day.
        weekday = WEEKDAY_NAMES[left.slot.day.weekday()]
        text = blanked(text, re.compile(it.LEFT.format(day=weekday)))
    return read_caller(
        text,
        draft.local(turn),
        draft.context.phrases,
        yes_no_pending=bool(asked and asked.yes_no),
        found=[mention for mention in draft.context.found if mention.turn == turn.number],
    )


def _take_name_and_duration(draft: Draft, said: CallerReading, turn: Turn) -> None:
    if said.names and draft.of_lead and MentionKind.NAME not in said.disputed:
        draft.held.set("name", said.names[-1].value, turn.number)
    for duration in said.durations if MentionKind.DURATION not in said.disputed else ():
        allowed = duration.minutes in draft.agenda.allowed_minutes
        if allowed and duration.minutes != draft.held.details.minutes:
            draft.held.set("minutes", duration.minutes, turn.number)
            draft.out.given.add("minutes")


def _take_notes(draft: Draft, said: CallerReading, turn: Turn) -> None:
    """What it is about, as the other extractor points it out; and a second choice beside the one that counts."""
    about = [m.verbatim for m in draft.context.found if m.turn == turn.number and m.kind is MentionKind.NOTES]
    if any(s.meant is Meant.WISH for s in said.dates):
        about += [f"anche {s.mention.text}" for s in said.dates if s.meant is Meant.ALOUD]
    known = (draft.held.details.notes or "").split(_BETWEEN_NOTES)
    new = [note for note in dict.fromkeys(about) if note not in known]
    if new:
        notes = _BETWEEN_NOTES.join([*filter(None, known), *new])
        draft.held.set("notes", notes[:_LONGEST_NOTES], turn.number)


def _assistant(draft: Draft, turn: Turn) -> None:
    """An assistant turn, as far as it was heard: what it restates, offers or claims."""
    heard, out = draft.heard(turn), draft.out
    out.about_booking |= heard.about_booking
    if heard.claims_done and (draft.active or heard.about_booking):
        out.claims = True
    if not draft.active:
        remember_offer(draft, heard, turn)
        return
    stance = stance_of(draft, heard)
    draft.held.stances = {**dict(list(draft.held.stances.items())[-5:]), turn.number: stance}
    if draft.held.slot() and (heard.dates or heard.times):
        out.mismatch = stance is Stance.MISMATCH
    if stance is not Stance.PLAIN and out.agreement is Agreement.VALID:
        out.agreement = Agreement.INVALID
    if stance is Stance.PLAIN:
        settle_by(draft, heard, turn)
        restate(draft, heard)
    if draft.of_lead:
        hear_contact(out, heard, turn)
    remember_offer(draft, heard, turn)


def _finished(draft: Draft) -> Reading:
    """The reading, once every turn is in."""
    if draft.out.requested is not Task.NESSUNO:
        draft.held.asked = draft.out.requested
    last = last_heard(draft.turns[::-1])
    if last is not None and draft.active:
        asked = draft.heard(last)
        draft.out.readback_stands = (
            asks_for_yes(asked) and restates_held(draft, asked) and contact_is_settled(draft)
        )
    return draft.out


def _fingerprint(held: Accumulator) -> tuple[object, ...]:
    """All that a caller turn can change by naming something."""
    return (*binding(held), held.day_options, held.time_options, held.digits, held.spelled)
