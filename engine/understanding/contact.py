"""A lead's phone and email: dictated (in pieces too), offered from the line, restated by the assistant."""

from __future__ import annotations

from engine.details import Accumulator, Heard
from engine.ports import MentionKind
from engine.turns import Turn
from engine.understanding.caller import CallerReading, names_this_number
from engine.understanding.context import Agreement, CallerKnown, Reading
from engine.understanding.digits import find_digit_runs
from engine.understanding.emails import NOUNS, TLDS, find_email_pieces, join_email_pieces
from engine.understanding.folding import fold
from engine.understanding.it.agreement import AT_THE_END, OTHER_CONTACT, PROVIDER, SIGNS, SPELLS_ANEW
from engine.understanding.mentions import Act, EmailMention, PhoneMention, Problem, Words
from engine.understanding.phone_corrections import corrections, repairs
from engine.understanding.phones import corrected, phone_from_digits
from engine.understanding.readback import Asks, AssistantReading
from engine.understanding.spelling import units

_LONGEST_ADDRESS = 254
_FEW_WORDS = 4
_FEW_DIGITS = 3  # of which a phone number may be told apart


def contact_settled(held: Accumulator, caller: CallerKnown) -> bool:
    """Whether a lead's phone (unless we dialled it) and email were restated correctly since they last changed."""
    if caller.kind != "lead":
        return True
    dialled = caller.dialled is not None and held.details.phone == caller.dialled
    return (dialled or held.phone_heard is Heard.SAME) and held.email_heard is Heard.SAME


def gives_other_contact(held: Accumulator, said: CallerReading) -> bool:
    """Whether the words beside a yes say, or spell, anything of a phone or an email that cannot be of the one held."""
    if _other_phone(held.details.phone, said) or _other_email(held.details.email, said):
        return True
    flat = fold(said.text)
    if OTHER_CONTACT.search(flat):
        return True
    phone, email = held.details.phone, held.details.email
    at_the_end = AT_THE_END.search(flat) is not None
    apart = [*(s.mention for s in said.dates), *(s.mention for s in said.times), *said.phones, *said.emails]
    for run in find_digit_runs(said.text):
        alone = not any(words.start < run.end and run.start < words.end for words in apart)
        if phone is not None and alone and len(run.digits) >= _FEW_DIGITS and not _is_part(run.digits, phone):
            return True  # "sì, il 335"
        if phone is not None and alone and at_the_end and not phone.endswith(run.digits):
            return True  # "sì, 35 finale"
    if email is None or said.emails:
        return False
    if any(named.group() not in email for named in PROVIDER.finditer(flat)):
        return True  # "sì, gmail", where it is another's
    if any(name in flat.split() and sign not in email for name, sign in SIGNS.items()):
        return True  # "sì, anna trattino verdi"
    pieces = [piece for piece in find_email_pieces(said.text) if _ends_address(piece)]
    return SPELLS_ANEW.search(flat) is not None or not all(_is_part_of_email(p, email) for p in pieces)


def _ends_address(piece: Words) -> bool:
    """Whether a piece ends as addresses do: "libero punto com"."""
    return units(piece.text)[-1].text in TLDS


def _other_phone(known: str | None, said: CallerReading) -> bool:
    if known is None:
        return False
    return any(
        phone.value != known if phone.value else not _is_part(phone.digits, known) for phone in said.phones
    )


def _other_email(known: str | None, said: CallerReading) -> bool:
    if known is None:
        return False
    if any(
        email.value != known if email.value else not _is_part_of_email(email, known) for email in said.emails
    ):
        return True
    # "La mail finisce con punto com": said of an email, and no part of the one held.
    announced = not said.emails and not NOUNS.isdisjoint(unit.text for unit in units(said.text))
    return announced and any(not _is_part_of_email(piece, known) for piece in find_email_pieces(said.text))


def _is_part(digits: str, phone: str | None) -> bool:
    """Whether some digits of a phone number were said again: "il 347"."""
    return phone is not None and digits.removeprefix("+") in phone


def _is_part_of_email(words: Words, email: str | None) -> bool:
    """Whether the words spell a part of an address, or seem a slip of it."""
    if email is None:
        return False
    if isinstance(words, EmailMention) and words.suggestion == email:
        return True
    spelled = "".join(u.text for u in units(words.text) if u.kind in ("word", "letters", "digits", "sign"))
    return spelled.lower() in email.lower()


def take_contact(
    out: Reading,
    said: CallerReading,
    answer: CallerReading,
    asked: AssistantReading | None,
    turn: Turn,
    caller: CallerKnown,
) -> None:
    """What a caller turn says of phone and email; `answer` is all that was said since the assistant was heard."""
    _take_phone(out, said, asked, turn, caller)
    _take_email(out, said, asked, turn)
    _accept(out, said, answer, asked, turn, caller)
    for name in ("phone", "email"):
        if name in said.rejected and getattr(out.held.details, name) is not None and name not in out.given:
            _give_up(out, name, turn)


def _take_phone(
    out: Reading, said: CallerReading, asked: AssistantReading | None, turn: Turn, caller: CallerKnown
) -> None:
    held = out.held
    whole = [phone for phone in said.phones if phone.value]
    if whole:
        held.digits, held.digits_keyed = "", False
        unlike = said.phones[-1].value is None and not _is_part(said.phones[-1].digits, whole[-1].value)
        if unlike or _in_doubt(held.details.phone, whole[-1], said, MentionKind.PHONE):
            _give_up(out, "phone", turn)
            out.phone_problem = True
        else:
            out.hold("phone", whole[-1].value, turn.number)
        return
    if said.this_number and caller.line:
        out.hold("phone", caller.line, turn.number)
        return
    mended = corrected(said.text, held.details.phone) if held.details.phone else None
    if mended:
        out.hold("phone", mended, turn.number)
        return
    if _other_phone(held.details.phone, said):  # another one, and not whole: nobody knows it now
        _give_up(out, "phone", turn)
        out.phone_problem = True
        goes_on = Problem.INCOMPLETE in said.phones[-1].problems
        held.digits, held.digits_keyed = (said.phones[-1].digits if goes_on else ""), False
        return
    wanted = held.digits or (asked is not None and "phone" in asked.wants)
    if wanted and held.details.phone is None and not said.dates and not said.emails:
        _add_piece(out, said, turn)


def _add_piece(out: Reading, said: CallerReading, turn: Turn) -> None:
    """Numbers dictated a few digits at a time, with "sì" and "okay" between."""
    runs = [phone.digits for phone in said.phones] or [run.digits for run in find_digit_runs(said.text)]
    if not runs:
        return
    out.about_booking = True
    if out.held.digits_keyed:  # partly keyed, partly said: it is asked whole
        out.held.digits, out.held.digits_keyed, out.phone_problem = "", False, True
        return
    digits = _with_pieces(out.held.digits, "".join(runs), said)
    value, problems = phone_from_digits(digits)
    if value and not problems:
        out.held.digits = ""
        out.hold("phone", value, turn.number)
    elif Problem.INCOMPLETE in problems:
        out.held.digits = digits
        out.phone_problem = True
    else:
        out.held.digits = ""
        out.phone_problem = True


def _with_pieces(before: str, said_now: str, said: CallerReading) -> str:
    """The digits dictated so far; a piece that corrects one of them takes its place, or all begins anew with it."""
    if before and (said.does(Act.CORRECT, Act.DENY) or repairs(said.text)):
        return next(corrections(said.text, before), said_now)
    return before + said_now


def _take_email(out: Reading, said: CallerReading, asked: AssistantReading | None, turn: Turn) -> None:
    held = out.held
    whole = [email for email in said.emails if email.value]
    if whole:
        held.spelled, held.email_suggestion = "", None
        unlike = said.emails[-1].value is None and not _is_part_of_email(said.emails[-1], whole[-1].value)
        if unlike or _in_doubt(held.details.email, whole[-1], said, MentionKind.EMAIL):
            _give_up(out, "email", turn)
            out.email_problem = True
        else:
            out.hold("email", whole[-1].value, turn.number)
        return
    if _other_email(held.details.email, said):  # another one, and not whole: nobody knows it now
        _give_up(out, "email", turn)
        out.email_problem = True
        last = said.emails[-1] if said.emails else None
        goes_on = last is not None and Problem.INCOMPLETE in last.problems
        held.spelled = last.text if last is not None and goes_on else ""
        held.email_suggestion = last.suggestion if last is not None else None
        return
    wanted = held.spelled or (asked is not None and "email" in asked.wants)
    if not wanted or held.details.email is not None:
        return
    if _only_nods(said):
        return
    if said.does(Act.DENY, Act.CORRECT):
        held.spelled = ""  # what was spelled so far is not what was meant
    sounding = find_email_pieces(said.text)
    new = " ".join(piece.text for piece in sounding) or said.text
    pieces = [piece for piece in (held.spelled, new) if piece]
    joined = join_email_pieces(pieces)
    if joined is not None and joined.value:
        held.spelled, held.email_suggestion = "", None
        out.hold("email", joined.value, turn.number)
    elif joined is not None and joined.suggestion:
        out.email_problem, out.about_booking = True, True
        more = Problem.INCOMPLETE in joined.problems  # "punto it" may still come
        held.spelled, held.email_suggestion = " ".join(pieces) if more else "", joined.suggestion
    elif held.spelled or sounding or _could_begin_address(said):
        held.spelled = " ".join(pieces)[-_LONGEST_ADDRESS:]
        out.about_booking = True


def _only_nods(said: CallerReading) -> bool:
    """Whether nothing but "sì" or "okay" was said."""
    if not said.acts or not all(act.act in (Act.AFFIRM, Act.BACKCHANNEL) for act in said.acts):
        return False
    rest = said.text
    for act in reversed(said.acts):
        rest = rest[: act.start] + rest[act.end :]
    return not any(character.isalnum() for character in rest)


def _could_begin_address(said: CallerReading) -> bool:
    """Letters or a few bare words in answer to "la sua email?", before "chiocciola gmail punto com"."""
    if said.acts or len(said.text) > _LONGEST_ADDRESS:
        return False
    kinds = {unit.kind for unit in units(said.text)}
    return len(said.text.split()) <= _FEW_WORDS or kinds <= {"letters", "digits", "stop"}


def _accept(
    out: Reading,
    said: CallerReading,
    answer: CallerReading,
    asked: AssistantReading | None,
    turn: Turn,
    caller: CallerKnown,
) -> None:
    """A yes to a phone or email that the assistant named takes it over where none is held; a no gives it up.

    Not where the words beside the yes name another one: "sì, il mio numero è …".
    """
    if asked is None or turn.began_at is None:
        return
    phone, email = _one(asked.phones), _one(asked.emails)
    about = {Asks.PHONE: phone, Asks.EMAIL: email}
    held = out.held
    if said.does(Act.AFFIRM) and not said.does(Act.DENY, Act.CORRECT, Act.HEDGE) and asked.yes_no:
        if (
            held.details.phone is None
            and phone
            and asked.asks in (Asks.PHONE, Asks.SLOT)
            and not _other_phone(phone, answer)
        ):
            out.hold("phone", phone, turn.number)
            held.phone_heard = Heard.SAME
        if (
            held.details.email is None
            and email
            and asked.asks in (Asks.EMAIL, Asks.SLOT)
            and not _other_email(email, answer)
        ):
            out.hold("email", email, turn.number)
            held.email_heard, held.spelled = Heard.SAME, ""
        if (
            held.details.phone is None
            and asked.asks is Asks.PHONE
            and not phone
            and caller.line
            and not _other_phone(caller.line, answer)
            and names_this_number(asked.text)
        ):
            out.hold("phone", caller.line, turn.number)
    elif said.does(Act.DENY) and about.get(asked.asks):
        name = "phone" if asked.asks is Asks.PHONE else "email"
        if getattr(held.details, name) == about[asked.asks] and name not in out.given:
            _give_up(out, name, turn)


def hear_contact(out: Reading, reading: AssistantReading, turn: Turn) -> None:
    """What an assistant turn restates of phone and email."""
    held = out.held
    phone, email = _one(reading.phones), _one(reading.emails)
    if phone and held.details.phone:
        held.phone_heard = Heard.SAME if phone == held.details.phone else Heard.DIFFERENT
        if held.phone_heard is Heard.SAME:
            out.given.add("phone")
    if email and held.details.email:
        held.email_heard = Heard.SAME if email.lower() == held.details.email.lower() else Heard.DIFFERENT
        if held.email_heard is Heard.SAME:
            out.given.add("email")
    if Heard.DIFFERENT in (held.phone_heard, held.email_heard) and out.agreement is Agreement.VALID:
        out.agreement = Agreement.INVALID


def _one(mentions: tuple[PhoneMention, ...] | tuple[EmailMention, ...]) -> str | None:
    """The only value named; None when several or none."""
    values = {mention.value for mention in mentions if mention.value}
    return values.pop() if len(values) == 1 else None


def _in_doubt(
    known: str | None, mention: PhoneMention | EmailMention, said: CallerReading, kind: MentionKind
) -> bool:
    """Whether the other extractor found another value than we, now or before: nobody is believed, it is asked."""
    return kind in said.disputed or (mention in said.pointed and known not in (None, mention.value))


def _give_up(out: Reading, name: str, turn: Turn) -> None:
    out.lose(name, turn.number)
    out.about_booking = True
