"""The tables, alike on SQLite and Postgres; instants are integers (epoch UTC) in the database and aware
datetimes here.

All models share one `proxy`, so there is one open database a process (see `storage.database`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import peewee as pw

from storage.results import BookingKind

proxy = pw.DatabaseProxy()

if TYPE_CHECKING:
    _WholeNumber = pw.BigIntegerField[Any]
else:
    _WholeNumber = pw.BigIntegerField

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def epoch_seconds(instant: datetime) -> int:
    """Whole seconds since 1970 UTC; fractions are cut off. Raises ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError(f"the store takes aware datetimes only, not {instant!r}: add its zone")
    return (instant - _EPOCH) // timedelta(seconds=1)


class InstantField(_WholeNumber):
    """An aware UTC datetime kept as whole epoch seconds."""

    def db_value(self, value: Any) -> Any:
        return epoch_seconds(value) if isinstance(value, datetime) else value

    def python_value(self, value: Any) -> Any:
        return None if value is None else _EPOCH + timedelta(seconds=value)


class MillisField(_WholeNumber):
    """An aware UTC datetime kept as whole epoch milliseconds."""

    def db_value(self, value: Any) -> Any:
        return (value - _EPOCH) // timedelta(milliseconds=1) if isinstance(value, datetime) else value

    def python_value(self, value: Any) -> Any:
        return None if value is None else _EPOCH + timedelta(milliseconds=value)


class HoldStatus:
    """What became of a pending booking."""

    AWAITING = "awaiting_confirm"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class BookingStatus:
    """Whether a booking is in force."""

    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class Table(pw.Model):
    """A table of the store."""

    class Meta:
        database = proxy
        legacy_table_names = False


# --- People and agendas -----------------------------------------------------------------------------------


class Consultant(Table):
    """Whose time is booked. Its row is the lock that orders everything done to its agenda. `calendar` is the id
    of the calendar that its bookings are copied to, if they are; `feed_digest` the hash of the secret part of its
    feed's address; `transfer_number` (E.164) where a person answers callers who ask for one."""

    id = pw.AutoField()
    name = pw.TextField()
    zone = pw.TextField(default="Europe/Rome")
    country = pw.TextField(default="IT")
    region = pw.TextField(null=True)
    calendar = pw.TextField(null=True)
    transfer_number = pw.TextField(null=True)
    feed_digest = pw.TextField(null=True, unique=True)

    class Meta:
        table_name = "consultants"


class Client(Table):
    """A registered client; `phone` is E.164."""

    id = pw.AutoField()
    name = pw.TextField()
    phone = pw.TextField(unique=True)
    email = pw.TextField(null=True)
    consultant = pw.ForeignKeyField(Consultant, backref="clients", on_delete="RESTRICT")

    class Meta:
        table_name = "clients"


class AvailabilitySettings(Table):
    """How a consultant may be booked; `weekly_hours` is {"lun": [["09:00", "13:00"], …], …} in local time."""

    consultant = pw.ForeignKeyField(Consultant, primary_key=True, on_delete="CASCADE")
    default_minutes = pw.IntegerField(default=60)
    allowed_minutes = pw.JSONField()
    grid_minutes = pw.IntegerField(default=30)
    buffer_before_minutes = pw.IntegerField(default=0)
    buffer_after_minutes = pw.IntegerField(default=0)
    lead_minutes = pw.IntegerField(default=0)
    horizon_days = pw.IntegerField(default=60)
    weekly_hours = pw.JSONField()
    published_starts_only = pw.BooleanField(default=False)

    class Meta:
        table_name = "consultant_availability_settings"


class AvailabilityException(Table):
    """A closed or an open interval, or (kind `start`) one exact start the consultant publishes."""

    id = pw.AutoField()
    consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="CASCADE")
    kind = pw.TextField()
    start_at = InstantField()
    end_at = InstantField(null=True)
    note = pw.TextField(null=True)

    class Meta:
        table_name = "availability_exceptions"
        indexes = ((("consultant", "start_at"), False),)
        constraints = (
            pw.Check(
                "(kind IN ('closed', 'open') AND end_at > start_at) OR (kind = 'start' AND end_at IS NULL)"
            ),
        )


# --- Calls ------------------------------------------------------------------------------------------------


class ScheduledCall(Table):
    """An outbound call to be placed: whom, when, and why."""

    id = pw.TextField(primary_key=True)
    consultant = pw.ForeignKeyField(Consultant, on_delete="RESTRICT")
    target_number = pw.TextField()
    client = pw.ForeignKeyField(Client, null=True, on_delete="SET NULL")
    due_at = InstantField()
    purpose = pw.TextField(null=True)

    class Meta:
        table_name = "scheduled_calls"


class VoiceCall(Table):
    """One phone call; `details` is the domain's `metadata`. `server` answers for it while it is open, and says
    so again before `lease_until`.

    `epoch` grows each time somebody takes it (see `storage.tenure`). `lost_at`: when its owner left it without
    a line, for its bridge to come back; `wanted_at`: when that was first asked of the owner; `hung_up_at`:
    when the bridge ended it by its own will. `handle`: what its conversation with the model goes on with.

    `outcome` is what was last done to a booking in it (storage.results.Outcome), `booking_id` to which.
    `callback_due`: somebody must call back; false once `callback_by` has said, at `callback_at`, that it is done.
    """

    id = pw.TextField(primary_key=True)
    bridge_call_id = pw.TextField(index=True)
    consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="RESTRICT")
    direction = pw.TextField()
    caller_number = pw.TextField(null=True)
    dialled_number = pw.TextField(null=True)
    client = pw.ForeignKeyField(Client, null=True, on_delete="SET NULL")
    scheduled_call = pw.ForeignKeyField(ScheduledCall, null=True, on_delete="SET NULL")
    started_at = InstantField()
    ended_at = InstantField(null=True)
    end_reason = pw.TextField(null=True)
    interrupted = pw.BooleanField(default=False)
    details = pw.JSONField(column_name="metadata")
    server = pw.TextField(null=True)
    lease_until = InstantField(null=True)
    epoch = pw.IntegerField(default=1, constraints=[pw.SQL("DEFAULT 1")])
    lost_at = MillisField(null=True)
    wanted_at = MillisField(null=True)
    hung_up_at = MillisField(null=True)
    handle = pw.TextField(null=True)
    outcome = pw.TextField(null=True)
    booking_id = pw.TextField(null=True)
    callback_due = pw.BooleanField(null=True)
    callback_at = InstantField(null=True)
    callback_by = pw.TextField(null=True)

    class Meta:
        table_name = "voice_calls"


class CallTurn(Table):
    """What was said, or (`keyed`) pressed on the telephone. `played` is [[epoch milliseconds, characters], …]."""

    call = pw.ForeignKeyField(VoiceCall, index=False, on_delete="CASCADE")
    number = pw.IntegerField()
    speaker = pw.TextField()
    text = pw.TextField()
    heard = pw.TextField(null=True)
    began_at = MillisField(null=True)
    ended_at = MillisField(null=True)
    played = pw.JSONField()
    keyed = pw.BooleanField(default=False)

    class Meta:
        table_name = "call_turns"
        primary_key = pw.CompositeKey("call", "number")


class CallAnalysis(Table):
    """One analysis, also when nothing came of it: the facts it found, and what it went by, so that it can be
    decided again.

    `availability`: the free starts it saw, null where they were those of the one before. `words`: what was
    said, which may be erased. `rules`: the version of the rules; it and `evidence` are null in analyses from
    before they were kept.
    """

    call = pw.ForeignKeyField(VoiceCall, index=False, on_delete="CASCADE")
    number = pw.IntegerField()
    recorded_at = MillisField()
    last_turn = pw.IntegerField()
    facts = pw.JSONField()
    availability = pw.JSONField(null=True)
    rules = pw.TextField(null=True)
    evidence = pw.JSONField(null=True)
    words = pw.JSONField(null=True)

    class Meta:
        table_name = "call_analyses"
        primary_key = pw.CompositeKey("call", "number")


# --- Conversations ----------------------------------------------------------------------------------------


class ExtractionState(Table):
    """Where the analyses of a conversation stand, a call's or a chat's; `state` is the accumulator after the
    last one. The conversation of a call bears the call's id, that of a chat the chat's."""

    conversation = pw.TextField(primary_key=True)
    voice_call = pw.ForeignKeyField(VoiceCall, null=True, unique=True, on_delete="CASCADE")
    stage = pw.TextField()
    task = pw.TextField(null=True)
    last_analysis = pw.IntegerField(default=0)
    last_turn = pw.IntegerField(default=0)
    state = pw.JSONField(null=True)
    updated_at = InstantField()

    class Meta:
        table_name = "booking_extraction_state"
        constraints = (pw.Check("voice_call_id IS NULL OR voice_call_id = conversation"),)


class Chat(Table):
    """A written conversation that an integration brings under its own name `external`, which may be personal.
    `led_by` is what acts in it, the supervisor or a model of one's own through the tools; null before either has.
    What came before `anew_at` is past, and not looked back at."""

    id = pw.TextField(primary_key=True)
    integration = pw.TextField()
    external = pw.TextField()
    consultant = pw.ForeignKeyField(Consultant, on_delete="RESTRICT")
    client = pw.ForeignKeyField(Client, null=True, on_delete="SET NULL")
    source = pw.TextField()
    led_by = pw.TextField(null=True)
    started_at = InstantField()
    last_at = InstantField(index=True)
    anew_at = MillisField(null=True)

    class Meta:
        table_name = "chats"
        indexes = ((("integration", "external"), True),)
        constraints = (
            pw.Check("source IN ('whatsapp', 'public_link', 'instagram', 'chat')"),
            pw.Check("led_by IN ('supervisor', 'tools')"),
        )


class ChatMessage(Table):
    """A message of a chat; `number` counts them as they came, `message` is the integration's id of it. `analysis` is
    the one it was last read in: null before, 0 for one that was passed over."""

    chat = pw.ForeignKeyField(Chat, index=False, on_delete="CASCADE")
    number = pw.IntegerField()
    message = pw.TextField()
    role = pw.TextField()
    text = pw.TextField()
    at = MillisField()
    received_at = MillisField()
    analysis = pw.IntegerField(null=True)

    class Meta:
        table_name = "chat_messages"
        primary_key = pw.CompositeKey("chat", "number")
        indexes = ((("chat", "message"), True),)
        constraints = (pw.Check("role IN ('caller', 'assistant')"),)


class ChatAnalysis(Table):
    """An analysis of a chat: `before` is where the conversation stood, so that it can be read again from there;
    `notices` what was told, and `wrote` whether a booking was made, moved or cancelled."""

    chat = pw.ForeignKeyField(Chat, index=False, on_delete="CASCADE")
    number = pw.IntegerField()
    before = pw.JSONField()
    notices = pw.JSONField()
    wrote = pw.BooleanField()

    class Meta:
        table_name = "chat_analyses"
        primary_key = pw.CompositeKey("chat", "number")


class ApiKey(Table):
    """A key of an integration; `digest` is the SHA-256 of its secret, which is nowhere."""

    id = pw.TextField(primary_key=True)
    integration = pw.TextField()
    digest = pw.TextField()
    scopes = pw.JSONField()
    created_at = InstantField()
    revoked_at = InstantField(null=True)

    class Meta:
        table_name = "api_keys"


# --- The journal ------------------------------------------------------------------------------------------


class Transition(Table):
    """One entry of the journal, of a call or a chat; `body` is the canonical JSON that `hash` covers. Triggers keep it
    as it is.

    What follows the hash stands in the body too, and is here to be searched and counted; `notices` are their
    names with spaces between.
    """

    call = pw.ForeignKeyField(ExtractionState, index=False, on_delete="RESTRICT")
    sequence = pw.IntegerField()
    body = pw.TextField()
    previous_hash = pw.TextField()
    hash = pw.TextField()
    recorded_at = MillisField(null=True)
    event = pw.TextField(null=True)
    target = pw.TextField(null=True)
    rule = pw.TextField(null=True)
    guard = pw.TextField(null=True)
    outcome = pw.TextField(null=True)
    refusal = pw.TextField(null=True)
    notices = pw.TextField(null=True)

    class Meta:
        table_name = "transitions"
        primary_key = pw.CompositeKey("call", "sequence")


class JournalHead(Table):
    """The last entry of each chain, and up to which one checkpoints cover it. Only to find what is not yet covered."""

    call = pw.ForeignKeyField(ExtractionState, primary_key=True, on_delete="RESTRICT")
    sequence = pw.IntegerField()
    hash = pw.TextField()
    covered = pw.IntegerField(default=0)

    class Meta:
        table_name = "journal_heads"


class Checkpoint(Table):
    """A signed statement of where chains stood; `body` is the canonical JSON that `hash` and `signature` cover."""

    number = pw.IntegerField(primary_key=True)
    body = pw.TextField()
    hash = pw.TextField()
    signature = pw.TextField()

    class Meta:
        table_name = "journal_checkpoints"


class CheckpointHead(Table):
    """Where one chain stood at a checkpoint. It outlives the call, so that a missing call shows."""

    checkpoint = pw.IntegerField()
    call = pw.TextField(column_name="call_id")
    sequence = pw.IntegerField()
    hash = pw.TextField()

    class Meta:
        table_name = "journal_checkpoint_heads"
        primary_key = pw.CompositeKey("checkpoint", "call")
        indexes = ((("call", "sequence"), False),)


class PersonalValue(Table):
    """A personal value that the journal knows only by its digest; without the row the digest says nothing."""

    call = pw.ForeignKeyField(ExtractionState, index=False, on_delete="CASCADE")
    digest = pw.TextField()
    kind = pw.TextField()
    value = pw.TextField()
    salt = pw.TextField()

    class Meta:
        table_name = "personal_values"
        primary_key = pw.CompositeKey("call", "digest")


# --- Rules ------------------------------------------------------------------------------------------------


class RuleVersion(Table):
    """One version of the rule files with their texts; `id` is the hash of these."""

    id = pw.TextField(primary_key=True)
    files = pw.JSONField()
    author = pw.TextField(null=True)

    class Meta:
        table_name = "rule_versions"


class RuleChange(Table):
    """From `in_force_at` on, calls that begin go by `version`."""

    id = pw.AutoField()
    version = pw.ForeignKeyField(RuleVersion, index=False, on_delete="RESTRICT")
    in_force_at = InstantField()

    class Meta:
        table_name = "rule_changes"


# --- Offers -----------------------------------------------------------------------------------------------


class ProposedSlot(Table):
    """One of the slots that a conversation was last offered; `position` from 1, as they were named in turn
    number `turn`."""

    conversation = pw.TextField()
    position = pw.IntegerField()
    start_at = InstantField()
    minutes = pw.IntegerField()
    offered_at = InstantField()
    turn = pw.IntegerField()

    class Meta:
        table_name = "proposed_appointment_slots"
        primary_key = pw.CompositeKey("conversation", "position")
        constraints = (pw.Check("position > 0"), pw.Check("minutes > 0"))


# --- Bookings ---------------------------------------------------------------------------------------------


class PendingBooking(Table):
    """A hold. Unique a conversation and a start while `awaiting_confirm`; no clock in any constraint."""

    token = pw.TextField(primary_key=True)
    consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="RESTRICT")
    conversation = pw.TextField()
    client = pw.ForeignKeyField(Client, null=True, on_delete="RESTRICT")
    start_at = InstantField()
    minutes = pw.IntegerField()
    status = pw.TextField(default=HoldStatus.AWAITING)
    created_at = InstantField()
    expires_at = InstantField()
    confirmed_at = InstantField(null=True)
    booking_kind = pw.TextField(null=True)
    booking_id = pw.TextField(null=True)
    moving_kind = pw.TextField(null=True)
    moving_id = pw.TextField(null=True)

    class Meta:
        table_name = "pending_bookings"
        constraints = (
            pw.Check("status IN ('awaiting_confirm', 'confirmed', 'expired', 'cancelled')"),
            pw.Check("(status = 'confirmed') = (booking_id IS NOT NULL)"),
            pw.Check("(booking_id IS NULL) = (booking_kind IS NULL)"),
            pw.Check("minutes > 0"),
        )


class Consultation(Table):
    """A booking of a registered client. `changed_at` is when it was last moved, `meet_link` where it is held, if
    on line."""

    id = pw.TextField(primary_key=True)
    consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="RESTRICT")
    client = pw.ForeignKeyField(Client, on_delete="RESTRICT")
    start_at = InstantField()
    minutes = pw.IntegerField()
    status = pw.TextField(default=BookingStatus.CONFIRMED)
    source = pw.TextField()
    voice_call = pw.ForeignKeyField(VoiceCall, null=True, index=False, on_delete="SET NULL")
    notes = pw.TextField(null=True)
    created_at = InstantField()
    cancelled_at = InstantField(null=True)
    changed_at = InstantField(null=True)
    meet_link = pw.TextField(null=True)

    class Meta:
        table_name = "consultations"
        constraints = (pw.Check("status IN ('confirmed', 'cancelled')"), pw.Check("minutes > 0"))


class AppointmentBooking(Table):
    """A booking of a lead; `source` is the channel it came by, the rest as in Consultation."""

    id = pw.TextField(primary_key=True)
    consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="RESTRICT")
    name = pw.TextField(null=True)
    phone = pw.TextField(index=True)
    email = pw.TextField()
    start_at = InstantField()
    minutes = pw.IntegerField()
    status = pw.TextField(default=BookingStatus.CONFIRMED)
    source = pw.TextField()
    voice_call = pw.ForeignKeyField(VoiceCall, null=True, index=False, on_delete="SET NULL")
    notes = pw.TextField(null=True)
    created_at = InstantField()
    cancelled_at = InstantField(null=True)
    changed_at = InstantField(null=True)
    meet_link = pw.TextField(null=True)

    class Meta:
        table_name = "appointment_bookings"
        constraints = (
            pw.Check("status IN ('confirmed', 'cancelled')"),
            pw.Check("minutes > 0"),
            pw.Check(
                "source IN ('whatsapp', 'public_link', 'instagram', 'public_page', 'voice_call', 'chat')"
            ),
        )


class CallBooking(Table):
    """The wall against a second booking of a call: the one in force that was made in it, of either kind."""

    voice_call = pw.ForeignKeyField(VoiceCall, primary_key=True, on_delete="CASCADE")
    booking_kind = pw.TextField()
    booking_id = pw.TextField()

    class Meta:
        table_name = "call_bookings"
        constraints = (pw.Check("booking_kind IN ('consultation', 'appointment')"),)


class SlotLock(Table):
    """The wall: one row a consultant and 15-minute cell, owned by exactly one hold or booking."""

    consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="RESTRICT")
    cell = pw.IntegerField()
    hold = pw.ForeignKeyField(PendingBooking, null=True, on_delete="RESTRICT")
    consultation = pw.ForeignKeyField(Consultation, null=True, on_delete="RESTRICT")
    appointment = pw.ForeignKeyField(AppointmentBooking, null=True, on_delete="RESTRICT")

    class Meta:
        table_name = "slot_locks"
        primary_key = pw.CompositeKey("consultant", "cell")
        constraints = (
            pw.Check(
                "(CASE WHEN hold_id IS NULL THEN 0 ELSE 1 END)"
                " + (CASE WHEN consultation_id IS NULL THEN 0 ELSE 1 END)"
                " + (CASE WHEN appointment_id IS NULL THEN 0 ELSE 1 END) = 1"
            ),
        )


class CommitReceipt(Table):
    """The receipt of the last transaction that a thread wrote (see `storage.receipts`). Postgres only."""

    writer = pw.TextField(primary_key=True)
    receipt = pw.TextField()
    left_at = InstantField()

    class Meta:
        table_name = "commit_receipts"


class CalendarView(Table):
    """How well a consultant's calendar is known: when it was last read, or why that failed since. `stale` while
    what is known is older than it should be."""

    consultant = pw.ForeignKeyField(Consultant, primary_key=True, on_delete="CASCADE")
    read_at = InstantField(null=True)
    failed_at = InstantField(null=True)
    error = pw.TextField(null=True)
    stale = pw.BooleanField(default=False)

    class Meta:
        table_name = "calendar_views"


class BusyTime(Table):
    """When a consultant's calendar is taken by something that is no booking of ours, as it was last read."""

    id = pw.BigAutoField()
    consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="CASCADE")
    start_at = InstantField()
    end_at = InstantField()

    class Meta:
        table_name = "calendar_busy"
        indexes = ((("consultant", "start_at"), False),)
        constraints = (pw.Check("end_at > start_at"),)


class CalendarTask(Table):
    """One change of a booking that the consultant's calendar has still to follow; what the event shall say is
    read from the booking when it is done.

    Open until `done_at` is set or it is `dead` (given up). A worker that has taken it owns it until
    `leased_until`; after a failure it waits for `not_before`.
    """

    id = pw.BigAutoField()
    consultant = pw.ForeignKeyField(Consultant, index=False, on_delete="RESTRICT")
    booking_kind = pw.TextField()
    booking_id = pw.TextField()
    action = pw.TextField()
    event_id = pw.TextField()
    created_at = InstantField()
    not_before = InstantField()
    attempts = pw.IntegerField(default=0)
    leased_until = InstantField(null=True)
    lease_owner = pw.TextField(null=True)
    done_at = InstantField(null=True)
    last_error = pw.TextField(null=True)
    dead = pw.BooleanField(default=False)

    class Meta:
        table_name = "calendar_outbox"
        constraints = (
            pw.Check("action IN ('create', 'update', 'delete')"),
            pw.Check("booking_kind IN ('consultation', 'appointment')"),
            pw.Check("(leased_until IS NULL) = (lease_owner IS NULL)"),
            pw.Check("attempts >= 0"),
        )


# --- Who may use the console ------------------------------------------------------------------------------


class User(Table):
    """Somebody who may sign in to the console; `name` is folded (see `storage.users`), `roles` a list of their
    values. `consultant` is whose agenda is theirs."""

    id = pw.AutoField()
    name = pw.TextField(unique=True)
    password = pw.TextField()
    roles = pw.JSONField()
    consultant = pw.ForeignKeyField(Consultant, null=True, on_delete="RESTRICT")
    created_at = InstantField()
    disabled_at = InstantField(null=True)

    class Meta:
        table_name = "console_users"


class UserSession(Table):
    """One browser that is signed in. `digest` is of what its cookie holds; `seen_at` is exact to a minute."""

    id = pw.AutoField()
    digest = pw.TextField(unique=True)
    user = pw.ForeignKeyField(User, on_delete="CASCADE")
    began_at = InstantField()
    seen_at = InstantField()
    ends_at = InstantField(index=True)
    address = pw.TextField()
    browser = pw.TextField()

    class Meta:
        table_name = "console_sessions"


class SignInTries(Table):
    """Failed tries to sign in, by a digest of whom or where they were made; none before `not_before`."""

    subject = pw.TextField(primary_key=True)
    failures = pw.IntegerField()
    last_at = InstantField(index=True)
    not_before = InstantField()

    class Meta:
        table_name = "console_tries"


class FirstLink(Table):
    """A link by which the first user is made, known by its digest; one that was used takes all with it."""

    digest = pw.TextField(primary_key=True)
    ends_at = InstantField()

    class Meta:
        table_name = "console_first_links"


class ConsoleJob(Table):
    """Something long that somebody asked of the pages: how far it is, and in the end what came of it. Its server says
    at `updated_at` that it is still at it."""

    id = pw.TextField(primary_key=True)
    kind = pw.TextField()
    asked_by = pw.TextField()
    started_at = InstantField()
    updated_at = InstantField()
    seen = pw.IntegerField(default=0)
    total = pw.IntegerField(null=True)
    finished_at = InstantField(null=True)
    result = pw.JSONField(null=True)
    error = pw.TextField(null=True)

    class Meta:
        table_name = "console_jobs"
        indexes = ((("kind", "started_at"), False),)


VoiceCall.add_index(VoiceCall.lease_until, name="calls_open", where=pw.SQL("ended_at IS NULL"))

# The pages read calls newest first, a page at a time, each filter by an index in that order (see storage.call_list,
# which shows the plans).
VoiceCall.add_index(VoiceCall.started_at, VoiceCall.id, name="calls_by_start")
VoiceCall.add_index(VoiceCall.consultant, VoiceCall.started_at, VoiceCall.id, name="calls_of_consultant")
VoiceCall.add_index(VoiceCall.outcome, VoiceCall.started_at, VoiceCall.id, name="calls_by_outcome")
VoiceCall.add_index(VoiceCall.booking_id, name="calls_of_booking")
VoiceCall.add_index(
    VoiceCall.started_at, VoiceCall.id, name="calls_to_call_back", where=pw.SQL("callback_due")
)
VoiceCall.add_index(VoiceCall.started_at, VoiceCall.id, name="calls_cut_short", where=pw.SQL("interrupted"))
VoiceCall.add_index(
    VoiceCall.caller_number, VoiceCall.started_at, name="calls_from", where=pw.SQL("direction = 'inbound'")
)
VoiceCall.add_index(
    VoiceCall.dialled_number, VoiceCall.started_at, name="calls_to", where=pw.SQL("direction = 'outbound'")
)
ExtractionState.add_index(ExtractionState.stage, ExtractionState.voice_call, name="calls_by_stage")
# Wide, so that what is counted (storage.figures) is found without the entries themselves, which are long.
Transition.add_index(
    Transition.recorded_at,
    Transition.call,
    Transition.sequence,
    Transition.event,
    Transition.target,
    Transition.rule,
    Transition.guard,
    Transition.refusal,
    Transition.notices,
    name="entries_by_time",
)
Transition.add_index(Transition.rule, Transition.recorded_at, name="entries_by_rule")
Transition.add_index(Transition.outcome, Transition.recorded_at, name="entries_by_outcome")
Transition.add_index(
    Transition.guard, Transition.recorded_at, name="entries_by_guard", where=pw.SQL("guard IS NOT NULL")
)
CalendarTask.add_index(
    CalendarTask.consultant,
    CalendarTask.id,
    name="calendar_tasks_open",
    where=pw.SQL("done_at IS NULL AND NOT dead"),
)
CalendarTask.add_index(CalendarTask.event_id, name="calendar_tasks_dead", where=pw.SQL("dead"))


JournalHead.add_index(JournalHead.call, name="chains_not_covered", where=pw.SQL("sequence > covered"))

# Unique only among what is in force: a cancelled slot can be booked again.
PendingBooking.add_index(
    PendingBooking.consultant,
    PendingBooking.start_at,
    unique=True,
    name="one_hold_a_start",
    where=pw.SQL("status = 'awaiting_confirm'"),
)
PendingBooking.add_index(
    PendingBooking.conversation,
    unique=True,
    name="one_hold_a_conversation",
    where=pw.SQL("status = 'awaiting_confirm'"),
)
PendingBooking.add_index(
    PendingBooking.expires_at, name="holds_awaiting", where=pw.SQL("status = 'awaiting_confirm'")
)
for _model, _name in ((Consultation, "consultation"), (AppointmentBooking, "appointment")):
    _model.add_index(
        _model.consultant,
        _model.start_at,
        unique=True,
        name=f"one_{_name}_a_start",
        where=pw.SQL("status = 'confirmed'"),
    )
    _model.add_index(
        _model.voice_call, unique=True, name=f"one_{_name}_a_call", where=pw.SQL("status = 'confirmed'")
    )

BOOKING_TABLES: dict[BookingKind, type[Consultation] | type[AppointmentBooking]] = {
    BookingKind.CONSULTATION: Consultation,
    BookingKind.APPOINTMENT: AppointmentBooking,
}

TABLES: tuple[type[Table], ...] = (
    Consultant,
    Client,
    AvailabilitySettings,
    AvailabilityException,
    ScheduledCall,
    VoiceCall,
    CallTurn,
    CallAnalysis,
    ExtractionState,
    Chat,
    ChatMessage,
    ChatAnalysis,
    ApiKey,
    Transition,
    JournalHead,
    Checkpoint,
    CheckpointHead,
    PersonalValue,
    RuleVersion,
    RuleChange,
    ProposedSlot,
    PendingBooking,
    Consultation,
    AppointmentBooking,
    CallBooking,
    SlotLock,
    CalendarView,
    BusyTime,
    CalendarTask,
    CommitReceipt,
    ConsoleJob,
    User,
    UserSession,
    SignInTries,
    FirstLink,
)
