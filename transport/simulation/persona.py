"""What a simulated caller wants and answers: ordered reactions to what the assistant says."""

from __future__ import annotations

import re
from dataclasses import dataclass

GOODBYE = "Grazie mille, arrivederci."

_CONFIRMATION = (
    r"conferm\w*\s*\?|tutto giusto|è giusto|va bene\s*(così\s*)?\?|è corretto|corretto\s*\?|cambiare o"
)
_DONE = (
    r"(ho|abbiamo) (confermato|prenotato|fissato|registrato|spostato)"
    r"|è (stato )?(confermato|prenotato|fissato|spostato)|appuntamento confermato"
)
_AGAIN = r"non ho (sentito|capito)|(puoi|può) ripetere"
_WAIT = r"un (attimo|momento|istante)|sto (verificando|controllando|registrando)"
_EMAIL = r"e-?mail|posta elettronica"
_PHONE = r"telefono|cellulare|numero|recapito"
_SENTENCE = re.compile(r"[^.!?]*[.!?]+|[^.!?]+$")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the caller says: `says`, then after `pause_ms` of silence `adds`; then `keys` pressed; empty: nothing.

    `hang_up` ends the call right after the last sound of it.
    """

    says: str
    adds: str = ""
    pause_ms: int = 800
    hang_up: bool = False
    keys: str = ""


@dataclass(frozen=True, slots=True)
class Reaction:
    """When the assistant's words match the pattern `hears` (in any case): `reply`, at most `times`."""

    hears: str
    reply: Reply
    times: int = 1


@dataclass(frozen=True, slots=True)
class Interruption:
    """Begin speaking while the assistant still speaks, once.

    It happens as soon as the words heard so far in this turn match `hears` and the turn is `after_ms` old.
    """

    reply: Reply
    hears: str = ""
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Persona:
    """A caller. Asked for `phone` or `email` it says them (`refusal` if empty); `confirms` answers readbacks.

    Own `reactions` are tried first, in order. What nothing matches is answered with `otherwise`, twice at
    most; then the caller says goodbye.
    """

    name: str
    reactions: tuple[Reaction, ...] = ()
    interruptions: tuple[Interruption, ...] = ()
    phone: str = ""
    email: str = ""
    refusal: str = "Preferirei non darlo."
    confirms: str = "Sì, confermo."
    otherwise: str = "Può ripetere, per favore?"

    def all_reactions(self) -> tuple[Reaction, ...]:
        """The own ones, then what every caller answers to success, a readback, a question for a detail."""
        return (
            *self.reactions,
            Reaction(_DONE, Reply(GOODBYE, hang_up=True)),
            Reaction(_CONFIRMATION, Reply(self.confirms), times=3),
            Reaction(_EMAIL, Reply(self.email or self.refusal), times=3),
            Reaction(_PHONE, Reply(self.phone or self.refusal), times=3),
            Reaction(_WAIT, Reply(""), times=3),
        )


class Conversation:
    """One persona's part in one call: remembers which reactions are used up."""

    def __init__(self, persona: Persona) -> None:
        self._reactions = persona.all_reactions()
        self._left = [reaction.times for reaction in self._reactions]
        self._interruptions = list(persona.interruptions)
        self._otherwise = [Reply(persona.otherwise)] * 2
        self._last: Reply | None = None
        self._repeats = 3
        self._own = len(persona.reactions)  # the reaction after these, to success, looks at all words too

    def reply(self, heard: str) -> Reply:
        """The answer to one finished turn of the assistant.

        The reactions that every caller has look at the last question only, where there is one: a number
        repeated on the way to another question is not asked for. Not understood, the caller says it again.
        """
        question = last_question(heard)
        for number, reaction in enumerate(self._reactions):
            text = heard if number <= self._own else question
            if self._left[number] and re.search(reaction.hears, text, re.IGNORECASE):
                self._left[number] -= 1
                self._last = reaction.reply if reaction.reply.says else self._last
                return reaction.reply
        if self._last is not None and self._repeats and re.search(_AGAIN, heard, re.IGNORECASE):
            self._repeats -= 1
            return self._last
        return self._otherwise.pop() if self._otherwise else Reply(GOODBYE, hang_up=True)

    def interrupts(self, heard_so_far: str, spoken_ms: float) -> Reply | None:
        """What the caller bursts out with `spoken_ms` into the assistant's turn, if anything."""
        for interruption in self._interruptions:
            late_enough = spoken_ms >= interruption.after_ms
            if late_enough and re.search(interruption.hears, heard_so_far, re.IGNORECASE):
                self._interruptions.remove(interruption)
                return interruption.reply
        return None


def last_question(text: str) -> str:
    """The last sentence of `text` that asks something; all of `text` when none does."""
    questions = [sentence for sentence in _SENTENCE.findall(text) if sentence.endswith("?")]
    return questions[-1].strip() if questions else text
