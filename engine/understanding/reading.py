"""The Reading of an analysis: all turns since the last one, folded in the order they were spoken into what we hold.

The fold knows nothing of stages beyond the one it is given, fires nothing and asks no store: it takes the
agenda as it was seen and returns new values and facts. DESIGN §3 is its law.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from engine.details import Accumulator, Slot, Stance
from engine.turns import Speaker, Transcript, Turn
from engine.understanding.agreement import (
    Restated,
    agrees,
    asks_for_yes,
    confirms_by_name,
    restates,
    spoken_after,
)
from engine.understanding.caller import CallerReading, M, Meant, Said, bare_weekday, means, read_caller
from engine.understanding.contact import contact_settled, hear_contact, take_contact
from engine.understanding.context import Agreement, Context, OwnBooking, Reading, binding
from engine.understanding.mentions import Act, DateMention, Problem, RangeMention, TimeMention
from engine.understanding.readback import Asks, AssistantReading, Verb, read_assistant
from fsm.stages import Stage, Task


def read(transcript: Transcript, new: Collection[int], held: Accumulator, context: Context) -> Reading:
    """Fold the turns numbered `new` into a copy of `held`. Other turns of `transcript` are only looked back at."""
    fold = _Fold(transcript, copy.deepcopy(held), context)
    for turn in transcript:
        if turn.number in new:
            if turn.speaker is Speaker.CALLER:
                fold.caller(turn)
            else:
                fold.assistant(turn)
    return fold.finish()


class _Fold:
    """One pass over the new turns."""

    def __init__(self, transcript: Transcript, held: Accumulator, context: Context) -> None:
        self.turns = list(transcript)
        self.held = held
        self.context = context
        self.agenda = context.agenda
        self.out = Reading(held)
        self.task = context.task
        self._read: dict[int, AssistantReading] = {}

    # --- turns -------------------------------------------------------------------------------------------------

    def caller(self, turn: Turn) -> None:
        """A caller turn: what it asks for, then its values, then its yes."""
        before = self._assistant_before(turn)
        asked = self._reading(before) if before else None
        said = read_caller(
            turn.text,
            self._local(turn),
            self.context.phrases,
            yes_no_pending=bool(asked and asked.yes_no),
            found=[mention for mention in self.context.found if mention.turn == turn.number],
        )
        self.out.human |= said.does(Act.ASK_HUMAN)
        self._note_own_day(said)
        before_asking = self.out.requested
        self._ask(said, asked)
        if not self._active:
            self._note_unclaimed(said)
            return
        if self.out.requested is before_asking and self._drops(said):
            self._forget()
            return
        if self.out.requested is not Task.NESSUNO:
            self.out.about_booking = True
        changed = _fingerprint(self.held)
        changing = self.task in (Task.SPOSTA, Task.DISDICI)
        said = self._identify_target(said, turn) if changing else _without_old(said)
        if self.task is not Task.DISDICI:
            self._take_slot(said, asked, turn)
            self._reject(said, asked, turn)
        if self.context.caller.kind == "lead":
            take_contact(self.out, said, asked, turn, self.context.caller)
        self._take_rest(said, turn)
        self._say_no(said, asked, changed=_fingerprint(self.held) != changed)
        self._say_yes(said, before, asked, turn)

    def assistant(self, turn: Turn) -> None:
        """An assistant turn, as far as it was heard: what it restates, offers or claims."""
        reading = self._reading(turn)
        self.out.about_booking |= reading.about_booking
        if reading.claims_done and (self._active or reading.about_booking):
            self.out.claims = True
        if not self._active:
            self._remember_offer(reading)
            return
        stance = self._stance(reading)
        self.held.stances = {**dict(list(self.held.stances.items())[-5:]), turn.number: stance}
        if self.held.slot() and (reading.dates or reading.times):
            self.out.mismatch = stance is Stance.MISMATCH
        if stance is not Stance.PLAIN and self.out.agreement is Agreement.VALID:
            self.out.agreement = Agreement.INVALID
        if stance is Stance.PLAIN:
            self._settle_by(reading, turn)
            self._restate(reading)
        if self.context.caller.kind == "lead":
            hear_contact(self.out, reading, turn)
        self._remember_offer(reading)

    # --- what the caller wants ---------------------------------------------------------------------------------

    @property
    def _active(self) -> bool:
        """Whether booking is the subject: a task is open, or has been asked for in this analysis."""
        if self.out.requested is not Task.NESSUNO:
            return True
        return self.context.stage not in (Stage.NESSUN_INTENTO, Stage.COMPLETATO)

    def _ask(self, said: CallerReading, asked: AssistantReading | None) -> None:
        wanted = self._wanted(said, asked)
        if wanted is Task.NESSUNO:
            return
        stage = self.context.stage
        if stage is Stage.COMPLETATO and self.out.requested is Task.NESSUNO:
            if wanted is Task.PRENOTA:
                return
            self.out.reopens = True
            self._begin_change(wanted)
        elif self.out.requested is Task.NESSUNO and (stage is Stage.NESSUN_INTENTO or self.out.drop):
            self.out.requested = self.task = wanted
        elif wanted is not Task.PRENOTA and wanted is not self.task and self._switches(wanted):
            self._forget()
            self.out.requested = self.task = wanted

    def _wanted(self, said: CallerReading, asked: AssistantReading | None) -> Task:
        if said.does(Act.CANCEL):
            return Task.DISDICI
        if said.does(Act.RESCHEDULE):
            return Task.SPOSTA
        change = self._change_of_own(said, asked)
        if change is not Task.NESSUNO:
            return change
        if said.does(Act.SHOW_INTEREST, Act.ASK_AVAILABILITY) or (
            said.asks_to_come and _wishes_whole_slot(said)
        ):
            return Task.PRENOTA
        if self.context.stage is Stage.COMPLETATO:
            return Task.SPOSTA if self._names_another_slot(said) else Task.NESSUNO
        return Task.PRENOTA if self._answers_offer(said, asked) else Task.NESSUNO

    def _change_of_own(self, said: CallerReading, asked: AssistantReading | None) -> Task:
        """To move or cancel an own booking without a phrase of the list: by its day, or by a yes to our question."""
        if not self.agenda.own or self.context.stage is Stage.COMPLETATO:
            return Task.NESSUNO
        verb = said.change
        if verb is Verb.NONE and asked is not None and asked.yes_no and not asked.times and _plain_yes(said):
            verb = asked.verb
        if verb is Verb.NONE and self._gives_up_own_day(said):
            verb = Verb.MOVE
        return _TASK_OF[verb]

    def _gives_up_own_day(self, said: CallerReading) -> bool:
        """ "Non posso più venire giovedì, si può fare venerdì alle 15?" """
        given_up = [s.mention for s in said.dates if s.meant is Meant.RULED_OUT]
        own_day = any(means(day, own.slot.day) for day in given_up for own in self.agenda.own)
        return own_day and any(s.meant is Meant.WISH for s in said.dates)

    def _names_another_slot(self, said: CallerReading) -> bool:
        """After completion: a correction that names another day or time than the one booked."""
        own = self._own(self.held.booking)
        if own is None or not said.does(Act.CORRECT):
            return False
        other_day = any(s.meant is Meant.WISH and not means(s.mention, own.slot.day) for s in said.dates)
        other_time = any(
            s.meant is Meant.WISH and own.slot.at not in s.mention.candidates for s in said.times
        )
        return other_day or other_time

    def _answers_offer(self, said: CallerReading, asked: AssistantReading | None) -> bool:
        if asked is None:
            return False
        names = bool(_wished(said)) or said.ordinal is not None
        affirms = said.does(Act.AFFIRM) and not said.does(Act.DENY, Act.HEDGE)
        if asked.asks is Asks.CHOICE or (asked.offers and asked.asks is Asks.NOTHING):
            return names
        if asked.asks is Asks.SLOT and asked.offers:
            return names or affirms
        return asked.asks is Asks.BOOKING and affirms

    def _switches(self, wanted: Task) -> bool:
        """Whether asking to move or cancel in the middle of another task is about an own booking."""
        if self.task is Task.PRENOTA:
            return bool(self.agenda.own)
        return True

    def _begin_change(self, wanted: Task) -> None:
        """Reopen the booking of this call: its slot is where the wish starts from."""
        self.out.requested = self.task = wanted
        own = self._own(self.held.booking)
        if own is not None:
            self.held.target = own.id
            self.held.details.date, self.held.details.time = own.slot.day, own.slot.at
            if wanted is Task.DISDICI:
                self.out.given.add("target")

    def _drops(self, said: CallerReading) -> bool:
        if said.does(Act.DROP) or (self.task in (Task.SPOSTA, Task.DISDICI) and said.keeps):
            return True
        return (
            said.does(Act.CANCEL)
            and self.task is Task.PRENOTA
            and self.out.requested is Task.NESSUNO
            and not self.agenda.own
        )

    def _forget(self) -> None:
        self.held.clear(keep_phone=self.context.caller.dialled)
        self.out.drop = True
        self.out.given.clear()
        self.out.correction = False
        self.out.requested = Task.NESSUNO
        self.out.agreement, self.out.agreed_to = Agreement.NONE, None

    # --- moving and cancelling: which booking ------------------------------------------------------------------

    def _identify_target(self, said: CallerReading, turn: Turn) -> CallerReading:
        """Find the one own booking that is meant; days and times that only point at it are taken out of `said`."""
        if self.held.target is not None and self._own(self.held.target) is None:
            self.held.target = None
        if self.held.target is not None and self.task is Task.DISDICI:
            return said
        hints, rest = self._split_hints(said)
        picked = self._picked(said)
        if hints or picked:
            self.held.unknown_target = False
        if self.held.target is None and not self.held.unknown_target:
            fitting = [
                own
                for own in self.agenda.own
                if _fits(own.slot, hints) and (picked is None or own.slot == picked)
            ]
            if len(fitting) > 1 and not hints:
                fitting = [own for own in fitting if own.id == self.held.spoken_of] or fitting
            self.out.no_booking_found = not fitting
            self.held.unknown_target = not fitting and bool(self.agenda.own)
            self.out.several_bookings = len(fitting) > 1
            if len(fitting) == 1:
                self.held.target = fitting[0].id
                self.out.given.add("target")
                self.out.about_booking = True
                if self.task is Task.DISDICI:
                    self.held.set("date", fitting[0].slot.day, turn.number)
                    self.held.set("time", fitting[0].slot.at, turn.number)
        own = self._own(self.held.target)
        if own is not None and len(said.times) > len(rest.times) > 0 and not rest.dates:
            self._hold("date", own.slot.day, turn)  # "dalle 11 alle 15": the same day
        return rest

    def _note_own_day(self, said: CallerReading) -> None:
        """ "Ho un appuntamento giovedì ma non riesco a venire": which booking a later wish to change may mean."""
        named = [own for own in self.agenda.own if any(means(s.mention, own.slot.day) for s in said.dates)]
        if len(named) == 1:
            self.held.spoken_of = named[0].id

    def _note_unclaimed(self, said: CallerReading) -> None:
        """Days and times named before booking was the subject: a yes to quite another slot is not taken for granted."""
        meant = (Meant.WISH, Meant.OLD)
        self.held.days_before = tuple(d for s in said.dates if s.meant in meant for d in s.mention.candidates)
        self.held.times_before = tuple(
            t for s in said.times if s.meant in meant for t in s.mention.candidates
        )

    def _contradicts_unclaimed(self, day: date | None, at: time | None) -> bool:
        other_day = bool(day and self.held.days_before and day not in self.held.days_before)
        return other_day or bool(at and self.held.times_before and at not in self.held.times_before)

    def _picked(self, said: CallerReading) -> Slot | None:
        """The booking that "il secondo" means among those the assistant has just named."""
        if said.ordinal is None or not -1 <= said.ordinal < len(self.held.offered):
            return None
        return self.held.offered[said.ordinal]

    def _split_hints(self, said: CallerReading) -> tuple[list[DateMention | TimeMention], CallerReading]:
        if self.task is Task.DISDICI:
            pointing = (Meant.WISH, Meant.OLD)
            all_hints: list[DateMention | TimeMention] = [
                s.mention for s in said.dates if s.meant in pointing
            ]
            all_hints += [s.mention for s in said.times if s.meant in pointing]
            return all_hints, replace(said, dates=(), times=())
        old_dates = [s for s in said.dates if self._points_at_own(s, said)]
        own_times = {own.slot.at for own in self.agenda.own}
        first, *others = said.times or (None,)
        old_times = [s for s in said.times if s.meant is Meant.OLD]
        if (
            first is not None
            and others
            and first not in old_times
            and own_times & set(first.mention.candidates)
        ):
            old_times.append(first)
        hints: list[DateMention | TimeMention] = [s.mention for s in old_dates]
        hints += [s.mention for s in old_times]
        rest = replace(
            said,
            dates=tuple(s for s in said.dates if s not in old_dates),
            times=tuple(s for s in said.times if s not in old_times),
        )
        return hints, rest

    def _points_at_own(self, said_day: Said[DateMention], said: CallerReading) -> bool:
        if said_day.meant is Meant.OLD:
            return True
        if said_day.meant is Meant.RULED_OUT:
            return any(means(said_day.mention, own.slot.day) for own in self.agenda.own)
        if said_day.meant is not Meant.WISH or not (said.does(Act.RESCHEDULE) or self.held.target is None):
            return False
        if not any(means(said_day.mention, own.slot.day) for own in self.agenda.own):
            return False
        later = [s for s in said.dates if s.mention.start > said_day.mention.start and s.meant is Meant.WISH]
        towards = (
            said.text[: said_day.mention.start].lower().rstrip().endswith((" a", " al", " per", " verso"))
        )
        return bool(later) or not towards

    def _own(self, booking_id: str | None) -> OwnBooking | None:
        return next((own for own in self.agenda.own if own.id == booking_id), None)

    # --- day and time ------------------------------------------------------------------------------------------

    def _take_slot(self, said: CallerReading, asked: AssistantReading | None, turn: Turn) -> None:
        if said.ordinal is not None and asked and len(self.held.offered) > 1 and self._offered_by(asked):
            index = said.ordinal
            if -1 <= index < len(self.held.offered):
                self._hold("date", self.held.offered[index].day, turn)
                self._hold("time", self.held.offered[index].at, turn)
                return
        day = _choose(said, said.dates, self.held.details.date)
        at = _choose(said, said.times, self.held.details.time)
        if day:
            self._take_day(day, asked, turn)
        if at:
            self._take_time(at, turn)
        elif not day:
            self._take_moved_time(said, turn)
        self._take_relative(said, turn, day=bool(day), at=bool(at))
        self._complete_from_offer(bool(day), bool(at), asked, turn)

    def _take_day(self, mentions: Sequence[DateMention], asked: AssistantReading | None, turn: Turn) -> None:
        days, problem = self._settle_day(mentions, asked)
        if len(days) == 1 and problem is None:
            self._hold("date", next(iter(days)), turn)
            return
        if self.held.details.date is not None and self.held.details.date not in days:
            self._lose("date", turn)
        if self.held.details.date is None:
            self.held.day_options, self.held.day_problem = tuple(sorted(days)), problem or "ambiguo"
        self.out.about_booking = True

    def _settle_day(
        self, mentions: Sequence[DateMention], asked: AssistantReading | None
    ) -> tuple[frozenset[date], str | None]:
        if len(mentions) > 1:
            days = frozenset(day for mention in mentions for day in mention.candidates)
            return days, "ambiguo"
        mention = mentions[0]
        if mention.problems & _WRONG_DAY.keys():
            problem = next(_WRONG_DAY[p] for p in _WRONG_DAY if p in mention.problems)
            return frozenset(mention.candidates), problem
        if self.held.details.date is not None and means(mention, self.held.details.date):
            return frozenset({self.held.details.date}), None
        talked_of = {slot.day for slot in self.held.offered} if asked else set()
        meant = {day for day in talked_of if means(mention, day)}
        if (bare_weekday(mention) or len(mention.candidates) > 1) and len(meant) == 1:
            return frozenset(meant), None
        if self.held.day_options and self.held.day_problem == "ambiguo":
            narrowed = set(self.held.day_options) & set(mention.candidates)
            if len(narrowed) == 1:
                return frozenset(narrowed), None
        return frozenset(mention.candidates), None

    def _take_time(self, mentions: Sequence[TimeMention], turn: Turn) -> None:
        candidates = {at for mention in mentions for at in mention.candidates}
        if any(Problem.IMPOSSIBLE in mention.problems for mention in mentions):
            self.held.time_options, self.held.time_problem = (), "impossibile"
            return
        settled = self._settle_time(candidates) if len(mentions) == 1 else None
        if settled is not None:
            self._hold("time", settled, turn)
            return
        if self.held.details.time is not None and self.held.details.time not in candidates:
            self._lose("time", turn)
        if self.held.details.time is None:
            self.held.time_options, self.held.time_problem = tuple(sorted(candidates)), "ambiguo"
        self.out.about_booking = True

    def _settle_time(self, candidates: Collection[time]) -> time | None:
        """An hour without a part of the day, by what is held, offered, free, or open; None: ask."""
        day = self.held.details.date
        if self.held.details.time in candidates:
            return self.held.details.time
        if len(candidates) == 1:
            return next(iter(candidates))
        offered = {slot.at for slot in self.held.offered if day in (None, slot.day)} & set(candidates)
        if len(offered) == 1:
            return offered.pop()
        free = {slot.at for slot in self.agenda.free if slot.day == day} & set(candidates)
        if free:
            return free.pop() if len(free) == 1 else None
        opened = {at for at in candidates if self.agenda.open_at(at, day)} or {
            at for at in candidates if self.agenda.open_at(at, None)
        }
        return opened.pop() if len(opened) == 1 else None

    def _take_moved_time(self, said: CallerReading, turn: Turn) -> None:
        """ "dalle 11 alle 15" when a booking is moved: from its own time to the new one."""
        own = self._own(self.held.target)
        if self.task is not Task.SPOSTA or own is None:
            return
        for span in said.ranges:
            if span.time_from == own.slot.at and span.time_to is not None:
                self._hold("time", span.time_to, turn)
                if self.held.details.date is None:
                    self._hold("date", own.slot.day, turn)

    def _take_relative(self, said: CallerReading, turn: Turn, *, day: bool, at: bool) -> None:
        """ "Il giorno dopo", "un'ora prima": counted from the day and time talked about."""
        own = self._own(self.held.target)
        from_day = self.held.details.date or (own.slot.day if own else None)
        from_time = self.held.details.time
        if not day and from_day is not None and said.days_on:
            self._hold("date", from_day + timedelta(days=said.days_on), turn)
        if not at and from_time is not None and said.minutes_on:
            later = datetime.combine(date.min + timedelta(days=1), from_time) + timedelta(
                minutes=said.minutes_on
            )
            self._hold("time", later.time(), turn)

    def _complete_from_offer(self, day: bool, at: bool, asked: AssistantReading | None, turn: Turn) -> None:
        """A time alone, or a day alone, that fits exactly one of the slots just offered, means that slot."""
        if asked is None or day == at or not self._offered_by(asked):
            return
        details = self.held.details
        if at and details.date is None and not self.held.day_options:
            fitting = [slot for slot in self.held.offered if slot.at == details.time]
            if len(fitting) == 1:
                self._hold("date", fitting[0].day, turn)
        if day and details.time is None and not self.held.time_options:
            fitting = [slot for slot in self.held.offered if slot.day == details.date]
            if len(fitting) == 1:
                self._hold("time", fitting[0].at, turn)

    def _offered_by(self, asked: AssistantReading) -> bool:
        return bool(asked.slots) and bool(self.held.offered)

    def _hold(self, name: str, value: object, turn: Turn) -> None:
        """Hold a value the caller gave, or agreed to."""
        old = getattr(self.held.details, name)
        if old is not None and old != value:
            self.out.correction = True
            self.out.agreement, self.out.agreed_to = Agreement.NONE, None
        self.held.set(name, value, turn.number)
        self.out.given.add(name)
        self.out.about_booking = True

    def _lose(self, name: str, turn: Turn) -> None:
        """A value was taken back and nothing settled stands in its place."""
        if getattr(self.held.details, name) is not None:
            self.held.set(name, None, turn.number)
            self.out.correction = True
            self.out.agreement, self.out.agreed_to = Agreement.NONE, None
            self.out.given.discard(name)

    def _reject(self, said: CallerReading, asked: AssistantReading | None, turn: Turn) -> None:
        """Days and times ruled out, by name or in general ("non quel giorno", "un altro orario")."""
        wished = {
            "date": any(s.meant is Meant.WISH for s in said.dates),
            "time": any(s.meant is Meant.WISH for s in said.times),
        }
        details = self.held.details
        out_of = {
            "date": details.date is not None
            and any(s.meant is Meant.RULED_OUT and means(s.mention, details.date) for s in said.dates),
            "time": details.time is not None
            and any(s.meant is Meant.RULED_OUT and details.time in s.mention.candidates for s in said.times),
        }
        if said.does(Act.CORRECT, Act.DENY):
            for span in said.ranges:  # "meglio la settimana dopo", "no, di pomeriggio"
                out_of["date"] |= details.date is not None and not _in_days(span, details.date)
                out_of["time"] |= details.time is not None and not _in_hours(span, details.time)
        for name in ("date", "time"):
            if (out_of[name] or name in said.rejected) and not wished[name]:
                self._lose(name, turn)

    def _take_rest(self, said: CallerReading, turn: Turn) -> None:
        if said.names and self.context.caller.kind == "lead":
            self.held.set("name", said.names[-1].value, turn.number)
        for duration in said.durations:
            if (
                duration.minutes in self.agenda.allowed_minutes
                and duration.minutes != self.held.details.minutes
            ):
                self.held.set("minutes", duration.minutes, turn.number)
                self.out.given.add("minutes")

    # --- no and yes --------------------------------------------------------------------------------------------

    def _say_no(self, said: CallerReading, asked: AssistantReading | None, *, changed: bool) -> None:
        """A denial or a correction that names nothing: the values stay, but somebody has to say them again."""
        denies = said.does(Act.DENY) and asked is not None and asked.asks is Asks.SLOT
        corrects = said.does(Act.CORRECT)
        contradicts = said.does(Act.DENY, Act.CORRECT, Act.HEDGE, Act.HOLD_ON, Act.ASK_REPEAT) and not (
            said.does(Act.DENY) and asked is not None and asked.asks in _UNRELATED
        )
        if contradicts and self.out.agreement is Agreement.VALID:
            self.out.agreement = Agreement.INVALID
        if (denies or corrects) and not changed:
            self.out.about_booking = True
            if self.held.details.date is not None or self.held.details.time is not None:
                self.out.correction = True
            self.out.given.clear()

    def _say_yes(
        self, said: CallerReading, before: Turn | None, asked: AssistantReading | None, turn: Turn
    ) -> None:
        if before is None or asked is None or not said.does(Act.AFFIRM):
            return
        if not agrees(said, self.task):
            self.out.agreement = Agreement.INVALID if asked.dates else self.out.agreement
            return
        self.out.about_booking |= asked.about_booking
        self._fill(said, before, asked, turn)
        answers = asks_for_yes(asked) or confirms_by_name(said, self.held.slot())
        heard = spoken_after(turn, before, asked.spoken_by)
        one_offer = not self._other_offer_before(before)
        if answers and heard and one_offer and self._restates_held(asked) and self._contact_settled():
            self.out.agreement, self.out.agreed_to = Agreement.VALID, binding(self.held)
        elif asked.dates or asked.times:
            self.out.agreement = Agreement.INVALID

    def _other_offer_before(self, turn: Turn) -> bool:
        """Whether the assistant had just asked about another slot, and nobody has spoken since."""
        place = next(i for i, known in enumerate(self.turns) if known.number == turn.number)
        now_named = self._restated(self._reading(turn))
        for known in reversed(self.turns[:place]):
            if known.speaker is Speaker.CALLER:
                return False
            earlier = self._reading(known)
            if asks_for_yes(earlier) and self._restated(earlier).slots - now_named.slots:
                return True
        return False

    def _fill(self, said: CallerReading, before: Turn, asked: AssistantReading, turn: Turn) -> None:
        """A yes to one named day and/or time takes them over, unless the turn was a mismatch."""
        if asked.asks is not Asks.SLOT or not asked.yes_no or self.task is Task.DISDICI:
            return
        stance = self.held.stances.get(before.number, Stance.PLAIN)
        if (
            stance is Stance.MISMATCH
            or self._other_offer_before(before)
            or not spoken_after(turn, before, asked.spoken_by)
        ):
            return
        if _wished(said) and stance is Stance.OFFER:
            return
        day, at = self._offered_day(asked, stance), self._offered_time(asked, stance)
        if self.context.stage is Stage.NESSUN_INTENTO and self._contradicts_unclaimed(day, at):
            return
        if stance is Stance.OFFER:
            if day is not None:
                self._hold("date", day, turn)
            if at is not None:
                self._hold("time", at, turn)
            return
        if self.held.details.date is None and day is not None and not said.dates:
            self._hold("date", day, turn)
        if self.held.details.time is None and at is not None and not said.times:
            self._hold("time", at, turn)

    def _offered_day(self, asked: AssistantReading, stance: Stance) -> date | None:
        wanted = self.held.details.date
        days = {self._day_of(m) for m in asked.dates}
        if stance is Stance.OFFER and len(days) > 1:
            days.discard(wanted)
        return days.pop() if len(days) == 1 else None

    def _offered_time(self, asked: AssistantReading, stance: Stance) -> time | None:
        wanted = self.held.details.time
        times = {self._time_of(m, None, asked) for m in asked.times}
        if stance is Stance.OFFER and len(times) > 1:
            times.discard(wanted)
        return times.pop() if len(times) == 1 else None

    def _restates_held(self, asked: AssistantReading) -> bool:
        own = self._own(self.held.target)
        return restates(asked, self._restated(asked), self.held, self.task, own.slot if own else None)

    def _contact_settled(self) -> bool:
        return self.task is not Task.PRENOTA or contact_settled(self.held, self.context.caller)

    def finish(self) -> Reading:
        """The reading, once every turn is in."""
        if self.out.requested is not Task.NESSUNO:
            self.held.asked = self.out.requested
        last = next(
            (t for t in reversed(self.turns) if t.speaker is Speaker.ASSISTANT and t.heard_text.strip()), None
        )
        if last is not None and self._active:
            asked = self._reading(last)
            self.out.readback_stands = (
                asks_for_yes(asked) and self._restates_held(asked) and self._contact_settled()
            )
        return self.out

    # --- the assistant's words ---------------------------------------------------------------------------------

    def _restated(self, asked: AssistantReading) -> Restated:
        """The days and times of a turn, each taken as the value held where its words can mean that."""
        day = self.held.details.date
        days = {m: self._day_of(m) for m in asked.dates}
        times = {m: self._time_of(m, day, asked) for m in asked.times}
        together = ((days.get(s.day) if s.day else day, times.get(s.at)) for s in asked.slots)
        return Restated(
            frozenset(days.values()),
            frozenset(times.values()),
            frozenset(Slot(d, t) for d, t in together if d is not None and t is not None),
            frozenset(
                [d for m, d in days.items() if asked.leaves(m)]
                + [t for m, t in times.items() if asked.leaves(m)]
            ),
        )

    def _day_of(self, mention: DateMention) -> date | None:
        """The day an assistant's words mean; None when they leave it open or do not add up."""
        if mention.problems & _WRONG_DAY.keys():
            return None
        known = self.held.details.date
        if known is not None and (known in mention.candidates or self._weekday_of_known(mention, known)):
            return known if not mention.problems or len(mention.candidates) == 1 else None
        old = self._own(self.held.target)
        if old is not None and old.slot.day in mention.candidates:
            return old.slot.day
        return mention.candidates[0] if len(mention.candidates) == 1 and not mention.problems else None

    def _weekday_of_known(self, mention: DateMention, known: date) -> bool:
        """A bare weekday stands for the day talked about, if no nearer such day is on offer."""
        if not means(mention, known):
            return False
        return not any(slot.day in mention.candidates and slot.day != known for slot in self.held.offered)

    def _time_of(self, mention: TimeMention, day: date | None, asked: AssistantReading) -> time | None:
        if mention.problems or not asked.fits_part_of_day(mention, self.held.details.time):
            return None
        if self.held.details.time in mention.candidates:
            return self.held.details.time
        old = self._own(self.held.target)
        if old is not None and old.slot.at in mention.candidates:
            return old.slot.at
        return self._settle_time(set(mention.candidates))

    def _stance(self, reading: AssistantReading) -> Stance:
        wish = self.held.details
        restated = self._restated(reading)
        days, times = set(restated.days), set(restated.times)
        old = self._own(self.held.target)
        if old is not None and self.task is Task.SPOSTA:
            days.discard(old.slot.day) if wish.date != old.slot.day else None
            times.discard(old.slot.at) if wish.time != old.slot.at else None
        other = (wish.date is not None and bool(days - {wish.date})) or (
            wish.time is not None and bool(times - {wish.time})
        )
        if not other:
            return Stance.PLAIN
        if self.task is not Task.DISDICI and not self._wish_available() and reading.says_unavailable:
            return Stance.OFFER
        return Stance.MISMATCH

    def _wish_available(self) -> bool:
        """Whether what the caller wants, as far as it is known, can be had."""
        wish = self.held.details
        return any(
            (wish.date is None or slot.day == wish.date) and (wish.time is None or slot.at == wish.time)
            for slot in self.agenda.free
        )

    def _settle_by(self, reading: AssistantReading, turn: Turn) -> None:
        """The assistant's own restatement settles what the caller's words had left open."""
        if self.held.details.date is None and self.held.day_problem == "ambiguo":
            meant = {
                day
                for day in self.held.day_options
                for m in reading.dates
                if not m.problems and day in m.candidates
            }
            if len(meant) == 1 and len(reading.dates) == 1:
                self.held.set("date", meant.pop(), turn.number)
                self.out.given.add("date")
        if self.held.details.time is None and self.held.time_problem == "ambiguo":
            said = {at for m in reading.times for at in m.candidates if len(m.candidates) == 1}
            meant_at = said & set(self.held.time_options)
            if len(meant_at) == 1 and len(reading.times) == 1:
                self.held.set("time", meant_at.pop(), turn.number)
                self.out.given.add("time")

    def _restate(self, reading: AssistantReading) -> None:
        if reading.says_unavailable:
            return
        restated = self._restated(reading)
        if restated.days == {self.held.details.date}:
            self.out.given.add("date")
        if restated.times == {self.held.details.time}:
            self.out.given.add("time")

    def _remember_offer(self, reading: AssistantReading) -> None:
        """The slots a turn named, for "alle 15", "giovedì" or "il secondo" in the caller's answer."""
        slots = []
        for spoken in reading.slots:
            day = self._day_of(spoken.day) if spoken.day else self.held.details.date
            if day is None and spoken.day is not None:
                day = self._free_day(spoken.day, spoken.at)
            if day is None:
                continue
            free = {slot.at for slot in self.agenda.free if slot.day == day} & set(spoken.at.candidates)
            at = free.pop() if len(free) == 1 else self._time_of(spoken.at, day, reading)
            if at is not None and Slot(day, at) not in slots:
                slots.append(Slot(day, at))
        if slots:
            self.held.offered = tuple(slots)

    def _free_day(self, day: DateMention, at: TimeMention) -> date | None:
        free = {s.day for s in self.agenda.free if s.day in day.candidates and s.at in at.candidates}
        return free.pop() if len(free) == 1 and not day.problems & _WRONG_DAY.keys() else None

    # --- looking back ------------------------------------------------------------------------------------------

    def _assistant_before(self, turn: Turn) -> Turn | None:
        """The last assistant turn that had begun when `turn` was spoken and of which something was heard."""
        place = next(i for i, known in enumerate(self.turns) if known.number == turn.number)
        for known in reversed(self.turns[:place]):
            if known.speaker is Speaker.ASSISTANT and known.heard_text.strip():
                return known
        return None

    def _reading(self, turn: Turn) -> AssistantReading:
        if turn.number not in self._read:
            self._read[turn.number] = read_assistant(turn.heard_text, self._local(turn), self._minutes())
        return self._read[turn.number]

    def _minutes(self) -> int:
        return self.held.details.minutes or self.agenda.minutes

    def _local(self, turn: Turn) -> datetime:
        return (turn.began_at or self.context.now).astimezone(self.agenda.zone)


# Problems of a day's words that no choice may resolve, and how the facts name them.
_WRONG_DAY = {
    Problem.WEEKDAY_MISMATCH: "giorno_discorde",
    Problem.IMPOSSIBLE: "impossibile",
    Problem.PAST: "passato",
}
# Questions that a "no" can answer without touching the slot.
_UNRELATED = frozenset({Asks.OTHER, Asks.PHONE, Asks.EMAIL, Asks.BOOKING})


_TASK_OF = {Verb.NONE: Task.NESSUNO, Verb.MOVE: Task.SPOSTA, Verb.CANCEL: Task.DISDICI}


def _fingerprint(held: Accumulator) -> tuple[object, ...]:
    return (*binding(held), held.day_options, held.time_options, held.digits, held.spelled)


def _fits(slot: Slot, hints: Sequence[DateMention | TimeMention]) -> bool:
    """Whether a booking's slot is what all the hints can mean."""
    return all(
        means(hint, slot.day) if isinstance(hint, DateMention) else slot.at in hint.candidates
        for hint in hints
    )


def _choose(said: CallerReading, mentions: Sequence[Said[M]], current: date | time | None) -> list[M]:
    """The mention that counts; several when the turn leaves it open between them ("mercoledì o giovedì")."""
    wished = [s.mention for s in mentions if s.meant is Meant.WISH]
    if not wished and (current is None or said.does(Act.CORRECT)):
        wished = [s.mention for s in mentions if s.meant is Meant.ALOUD]
    chosen: list[M] = []
    for mention in wished:
        same = chosen and chosen[-1].candidates == mention.candidates
        if same or (chosen and said.repairs((chosen[-1].end, mention.start))):
            chosen = [mention]
        else:
            chosen.append(mention)
    return chosen[-1:] if len({m.candidates for m in chosen}) == 1 else chosen


def _without_old(said: CallerReading) -> CallerReading:
    """Where nothing is to be moved, "l'appuntamento di giovedì" is a wish."""
    return replace(
        said,
        dates=tuple(replace(s, meant=Meant.WISH) if s.meant is Meant.OLD else s for s in said.dates),
        times=tuple(replace(s, meant=Meant.WISH) if s.meant is Meant.OLD else s for s in said.times),
    )


def _wishes_whole_slot(said: CallerReading) -> bool:
    wished = (Meant.WISH, Meant.OLD)  # "la prenotazione di giovedì": nothing to be moved yet
    return all(any(s.meant in wished for s in mentions) for mentions in (said.dates, said.times))


def _plain_yes(said: CallerReading) -> bool:
    return said.does(Act.AFFIRM) and not said.does(Act.DENY, Act.HEDGE, Act.CORRECT)


def _in_days(span: RangeMention, day: date) -> bool:
    return (span.date_from is None or span.date_from <= day) and (span.date_to is None or day < span.date_to)


def _in_hours(span: RangeMention, at: time) -> bool:
    return (span.time_from is None or span.time_from <= at) and (span.time_to is None or at < span.time_to)


def _wished(said: CallerReading) -> list[DateMention | TimeMention]:
    """Every day and time the turn really asks for."""
    return [s.mention for s in said.dates if s.meant is Meant.WISH] + [
        s.mention for s in said.times if s.meant is Meant.WISH
    ]
