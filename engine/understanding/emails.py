"""Email addresses in what was said, written or spelled; likely slips are pointed out, never corrected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email
from rapidfuzz.distance import OSA

from engine.understanding.it.patterns import word_set
from engine.understanding.mentions import EmailMention, Problem, Words
from engine.understanding.spelling import WITH, Unit, units

PROVIDERS = word_set(
    "gmail.com googlemail.com hotmail.com hotmail.it outlook.com outlook.it live.com live.it msn.com",
    "yahoo.com yahoo.it ymail.com icloud.com me.com mac.com libero.it virgilio.it tiscali.it alice.it",
    "tin.it tim.it fastwebnet.it aruba.it pec.it legalmail.it iol.it inwind.it email.it mail.com",
    "proton.me protonmail.com poste.it vodafone.it gmx.com gmx.it aol.com tiscalinet.it teletu.it",
    "arubapec.it postecert.it hotmail.fr",
)
#: Domains that exist or might, but are hardly ever meant.
MEANT = {
    **{
        "gmail.it": "gmail.com",
        "icloud.it": "icloud.com",
        "libero.com": "libero.it",
        "alice.com": "alice.it",
    },
    **{"virgilio.com": "virgilio.it"},
}
#: How providers sound to whoever does not know their names; only where the sign was spoken too.
SOUNDS = {
    **dict.fromkeys(("gimeil", "gimail", "gmeil", "jimail", "jimeil", "gimeyl"), "gmail"),
    **dict.fromkeys(("otmail", "otmeil", "hotmeil"), "hotmail"),
    **dict.fromkeys(("autluk", "outluk", "autlook"), "outlook"),
    **dict.fromkeys(("aicloud", "iclaud", "aiclaud"), "icloud"),
    **dict.fromkeys(("iahoo", "yahu", "iahu"), "yahoo"),
}
TLD_SLIPS = {
    "con": "com",
    "cmo": "com",
    "ocm": "com",
    "coom": "com",
    "vom": "com",
    "comm": "com",
    "itt": "it",
}
TLDS = word_set(
    "it com net org eu io info biz me edu gov uk de fr es ch at cloud email online app dev",
    "pro tech studio co srl legal name tv cc us ie nl be pt ro sm va academy agency shop",
    "store site blog coach consulting group",
)
SHORTEST_FOR_SLIP = 7  # below, one letter makes another real domain ("tin.it", "tim.it")
MOST_ADDRESSES = 50  # of one turn; whatever holds more is no speech
MOST_WORDS = 4  # of one label, when words are said apart
MOST_WORDS_AT_START = 2  # the same, where no word announces the address

#: Words that announce an address; after them, plain words up to the sign belong to it.
NOUNS = frozenset({"email", "mail", "indirizzo", "posta", "elettronica"})
WRITE = frozenset({"scrivi", "scriva", "scrivete", "scrivimi", "scrivetemi", "segni", "segna", "segnati"})
#: Words that stand before an address and are no part of it.
BEFORE = (
    NOUNS
    | WRITE
    | word_set(
        "e la il lo le mia mio tua suo sua sarebbe allora guardi guarda senta si certo ok okay va",
        "bene no anzi ecco a al all alla per con di da in su quella quello usi usa metta metti",
        "mandi manda inviate invii invia mi puo potete personale aziendale lavoro privata ufficio",
        "corretta giusta come segue ehm eh mh uhm beh cioe dunque poi che trova do lascio detto",
        "esatta esatto nome utente sempre perfetto sono l un una mandatemi mandami ed oppure o",
        "dica confermo volentieri dicevo invece ma pero scusi scusa aspetti aspetta altra nuova",
    )
)


#: How the sign is written or said; most turns have none.
_SIGN = re.compile(r"@|chiocciol|\b(?:at|et)\b", re.IGNORECASE)


def find_emails(text: str) -> tuple[EmailMention, ...]:
    """Addresses in `text`, in order; several consecutive answers may be given as one text.

    Where a spoken address begins is sure after words that announce it ("la mia email è", "scriva"), at the start
    of the text, or when a single word stands before the sign. Otherwise the mention is AMBIGUOUS and has a
    suggestion.
    An address without its end or its beginning is INCOMPLETE.
    """
    if not _SIGN.search(text):
        return ()
    found = units(text)
    mentions: list[EmailMention] = []
    floor = 0
    for at, unit in enumerate(found):
        if unit.kind != "sign" or unit.text != "@" or at < floor:
            continue
        local = _local(found, at, floor)
        domain = _domain(found, at + 1)
        if not (local.text or domain.complete):
            continue  # "la chiocciola dell'acquario"
        start = min(found[local.first].start, unit.start)
        end = max(found[domain.after - 1].end, unit.end)
        mentions.append(_mention(Words(text[start:end], start, end), local, domain))
        floor = domain.after
        if len(mentions) == MOST_ADDRESSES:
            break
    return tuple(mentions)


def find_email_pieces(text: str) -> tuple[Words, ...]:
    """Stretches that sound like part of an address ("mario punto rossi", "chiocciola gmail punto com")."""
    found = units(text)
    pieces: list[Words] = []
    at = 0
    while at < len(found):
        run = at
        while run < len(found) and (
            found[run].kind in ("word", "letters", "digits", "together")
            or _inner(found, run)
            or (run > at and run + 1 < len(found) and _spelling_comma(found, run))
        ):
            run += 1
        stretch = found[at:run]
        while stretch and stretch[0].kind == "word" and stretch[0].text in BEFORE:
            stretch = stretch[1:]
        if any(u.kind == "sign" for u in stretch):
            start, end = stretch[0].start, stretch[-1].end
            pieces.append(Words(text[start:end], start, end))
        at = max(run, at + 1)
    return tuple(pieces)


def join_email_pieces(pieces: Sequence[str]) -> EmailMention | None:
    """The last address that consecutive answers make together, or None. Its place is that in the joined text."""
    joined = " ".join(piece.strip().rstrip(".,;") for piece in pieces)
    return next(reversed(find_emails(joined)), None)


@dataclass(frozen=True, slots=True)
class _Part:
    """One side of the sign: what it says, and from which unit to which."""

    text: str
    first: int
    after: int
    unsure: bool = False
    complete: bool = True


def _local(found: list[Unit], sign: int, floor: int) -> _Part:
    chunk = _chunk(found, sign, floor)
    if chunk < sign and not (chunk > floor and found[chunk - 1].kind == "sign" and found[chunk - 1].spoken):
        return _written(found, chunk, sign, floor)
    first = sign
    while first > floor and _belongs(found, first - 1, sign):
        first -= 1
    begins = first == 0 or _ends_sentence(found[first - 1])
    together = any(u.kind == "together" for u in found[first:sign])
    # The head is what stands before the first sign; only there can other words have slipped in.
    head = next((n for n in range(first, sign) if found[n].kind == "sign"), sign)
    skipped = max((n for n in range(first, head) if _before(found, n)), default=first - 1)
    opening = [u for u in found[skipped + 1 : head] if u.kind in ("word", "letters", "digits")]
    plain = [u for u in opening if u.kind == "word"]
    opens = begins and skipped < first and (together or len(plain) <= MOST_WORDS_AT_START)
    announced = _announced(found, first, skipped) or opens
    unsure = len(plain) > 1 and not (announced and (together or len(plain) <= MOST_WORDS))
    if any(u.kind == "letters" for u in opening) and plain and not announced:
        unsure = True
    unsure = unsure or any(u.kind == "unclear" for u in found[first:sign]) or _remarked(found, first, skipped)
    unsure = unsure or (together and not _announced(found, first, skipped) and _cut_short(found, first))
    kept = [u for u in found[skipped + 1 : sign] if u.kind in ("word", "letters", "digits", "sign")]
    body = sum(1 for u in found[head:sign] if u.kind == "word")
    local = "".join(u.text for u in kept)
    return _Part(local, min(skipped + 1, sign), sign, unsure or body > 2 * MOST_WORDS, bool(local))


def _cut_short(found: list[Unit], first: int) -> bool:
    """Whether a comma leaves out words that "tutto attaccato" may join on: "pietro, tosi, tutto attaccato"."""
    if first < 2 or found[first - 1].text != ",":
        return False
    return found[first - 2].kind in ("word", "letters", "digits") and not _before(found, first - 2)


def _remarked(found: list[Unit], first: int, skipped: int) -> bool:
    """Whether the last word skipped makes a remark on the words before it: "pizzi con la zeta di Zorro"."""
    if skipped < first:
        return False
    last = next((n for n in range(skipped, first - 1, -1) if found[n].text in WITH), None)
    return last is not None and any(
        u.kind == "word" and not _before(found, n) for n, u in enumerate(found[first:last], start=first)
    )


def _belongs(found: list[Unit], at: int, sign: int) -> bool:
    """Whether the unit may be part of what leads up to the sign."""
    unit = found[at]
    if unit.kind == "stop":
        return _spelling_comma(found, at)
    if unit.kind == "sign" and not unit.spoken:
        return unit.text != "@" and (unit.glued or at == 0) and (found[at + 1].glued or at + 1 == sign)
    return not (unit.kind == "sign" and unit.text == "@")


def _spelling_comma(found: list[Unit], at: int) -> bool:
    """Whether the comma only sets off what is spelled ("emme, a, erre", "mario, punto, rossi")."""
    near = [found[n] for n in (at - 1, at + 1) if 0 <= n < len(found)]
    spelled = len(near) == 2 and all(u.kind in ("letters", "digits") for u in near)
    remark = any(u.kind in _UNWRITTEN for u in near)
    goes_on = len(near) == 2 and near[0].kind == "letters" and near[1].kind == "word"  # "p come Pisa, tosi"
    return found[at].text == "," and (spelled or remark or goes_on or _beside_spoken_sign(found, at))


_UNWRITTEN = frozenset({"together", "remark", "unclear"})


def _before(found: list[Unit], at: int) -> bool:
    unit = found[at]
    joined = at + 1 < len(found) and found[at + 1].glued and found[at + 1].kind != "stop"
    return unit.kind == "word" and unit.text in BEFORE and not joined


def _ends_sentence(unit: Unit) -> bool:
    return unit.kind == "stop" or (unit.kind == "sign" and unit.text == ".")


def _announced(found: list[Unit], first: int, skipped: int) -> bool:
    """Whether the words up to `skipped` announce an address."""
    said = [u.text for u in found[max(first, skipped - 5) : skipped + 1]]
    return bool(NOUNS.intersection(said)) or bool(WRITE.intersection(said[-2:]))


def _chunk(found: list[Unit], sign: int, floor: int) -> int:
    """Where the word that is written up to the sign begins; the sign's own place if it was spoken or stands apart."""
    at = sign
    while at > floor and found[at].glued and found[at - 1].kind in ("word", "letters", "digits", "sign"):
        if found[at - 1].text == "@" or found[at].spoken:
            break
        at -= 1
    return at


def _written(found: list[Unit], chunk: int, sign: int, floor: int) -> _Part:
    """A local part written as one. Between the words that announce it and itself nothing may stand: "la mia email è
    mario rossi@gmail.com" may be all one."""
    at = chunk
    while at > max(floor, chunk - MOST_WORDS) and found[at - 1].kind == "word" and not _before(found, at - 1):
        at -= 1
    unsure = at < chunk and at > floor and _announced(found, floor, at - 1)
    first = at if unsure else chunk
    return _Part("".join(u.text for u in found[first:sign]), first, sign, unsure)


def _domain(found: list[Unit], first: int) -> _Part:
    labels: list[str] = []
    label: list[Unit] = []
    at = first
    unsure = False
    while at < len(found):
        unit = found[at]
        if (unit.kind == "stop" and unit.text == "," and _beside_spoken_sign(found, at)) or (
            unit.kind in _UNWRITTEN
        ):
            unsure = unsure or unit.kind == "unclear"
            at += 1
        elif unit.kind in ("word", "letters", "digits"):
            if labels and label and not unit.glued and not _spelling_on(label[-1], unit):
                break
            label.append(unit)
            at += 1
        elif _inner(found, at) and unit.text == "-" and label:
            label.append(unit)
            at += 1
        elif _inner(found, at) and unit.text == "." and label:
            unsure = unsure or len([u for u in label if u.kind == "word"]) > MOST_WORDS
            labels.append("".join(u.text for u in label))
            label = []
            at += 1
        else:
            break
    if label and labels:
        labels.append("".join(u.text for u in label))
        if found[first - 1].spoken:
            labels = [SOUNDS.get(said.lower(), said) for said in labels]
        return _Part(".".join(labels), first, at, unsure or _odd_end(label))
    if label:
        return _without_dot(found, first, label)
    return _Part(".".join(labels), first, at if labels else first, unsure, False)


def _without_dot(found: list[Unit], first: int, label: list[Unit]) -> _Part:
    """ "gmail com", where only one reading is possible; otherwise a domain that still lacks its end."""
    for count in range(2, min(len(label), MOST_WORDS) + 1):
        domain = "".join(u.text for u in label[: count - 1]) + "." + label[count - 1].text
        if domain in PROVIDERS and all(u.kind != "stop" for u in found[first : first + count]):
            return _Part(domain, first, first + count)
    return _Part(label[0].text, first, first + 1, complete=False)


def _odd_end(label: list[Unit]) -> bool:
    """Whether a spoken domain ends in a word that ends none; a written one is left to the validator."""
    ending = "".join(u.text for u in label)
    return not label[0].glued and ending not in TLDS and ending not in TLD_SLIPS


def _spelling_on(last: Unit, unit: Unit) -> bool:
    return last.kind == "letters" and unit.kind == "letters"


def _inner(found: list[Unit], at: int) -> bool:
    """Whether the sign at `at` is inside an address and not the end of a sentence."""
    if at >= len(found) or found[at].kind != "sign":
        return False
    unit = found[at]
    return unit.spoken or (at + 1 < len(found) and unit.glued and found[at + 1].glued)


def _beside_spoken_sign(found: list[Unit], at: int) -> bool:
    near = [found[n] for n in (at - 1, at + 1) if 0 <= n < len(found)]
    return any(u.kind == "sign" and u.spoken for u in near)


def _mention(place: Words, local: _Part, domain: _Part) -> EmailMention:
    value: str | None = None
    suggestion: str | None = None
    problem: Problem | None = None
    address = f"{local.text}@{domain.text}".lower()
    if not (local.complete and domain.complete):
        problem = Problem.INCOMPLETE
        whole = [p for p in ("gmail.com", "libero.it") if p.startswith(domain.text.lower() + ".")]
        suggestion = f"{local.text}@{whole[0]}".lower() if local.text and domain.text and whole else None
    elif local.unsure or domain.unsure:
        problem = Problem.AMBIGUOUS
        suggestion = _valid(address)
    elif (valid := _valid(address)) is None:
        problem = Problem.INVALID
    elif (meant := _likely_domain(domain.text.lower())) is not None:
        problem, suggestion = Problem.LIKELY_SLIP, f"{local.text}@{meant}".lower()
    else:
        value = valid
    problems = frozenset({problem} if problem else ())
    return EmailMention(place.text, place.start, place.end, value, problems, suggestion)


def _valid(address: str) -> str | None:
    try:
        return validate_email(address, check_deliverability=False, allow_smtputf8=False).normalized.lower()
    except EmailNotValidError:
        return None


def _likely_domain(domain: str) -> str | None:
    """The domain probably meant, when this one looks like a slip."""
    if domain in PROVIDERS:
        return None
    name, _, ending = domain.rpartition(".")
    if domain in MEANT:
        return MEANT[domain]
    if ending in TLD_SLIPS:
        mended = f"{name}.{TLD_SLIPS[ending]}"
        return _likely_domain(mended) or mended
    if not SHORTEST_FOR_SLIP <= len(domain) <= 64:
        return None
    near = sorted(PROVIDERS, key=lambda known: (OSA.distance(domain, known), known))[0]
    return near if OSA.distance(domain, near) == 1 and len(near) >= SHORTEST_FOR_SLIP else None
