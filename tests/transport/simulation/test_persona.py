"""Personas: which reaction answers what, and how often."""

from __future__ import annotations

import pytest

from transport.simulation.persona import (
    GOODBYE,
    Conversation,
    Interruption,
    Persona,
    Reaction,
    Reply,
    last_question,
)

LEAD = Persona(name="Mario", phone="Il numero è 333 1234567", email="mario@gmail.com")


@pytest.mark.parametrize(
    ("heard", "answer"),
    [
        ("Mi lascia un numero di telefono?", LEAD.phone),
        ("Perfetto, il numero è 333 1234567. E la sua e-mail?", LEAD.email),
        ("Martedì 11 alle 14, telefono 333 1234567, email mario@gmail.com. Tutto giusto?", LEAD.confirms),
        ("Mercoledì 11 febbraio alle 15. Confermi?", LEAD.confirms),
        ("Ho confermato il suo appuntamento. Serve altro?", GOODBYE),
        ("Un attimo, verifico.", ""),
        ("Che tempo fa da voi?", LEAD.otherwise),
    ],
)
def test_what_every_caller_answers(heard: str, answer: str) -> None:
    assert Conversation(LEAD).reply(heard).says == answer


def test_who_has_no_email_refuses() -> None:
    persona = Persona(name="Anna", refusal="Non uso la posta.")
    assert Conversation(persona).reply("Mi dice la sua e-mail?").says == "Non uso la posta."


def test_own_reactions_come_first_in_order_and_are_used_up() -> None:
    first, second = Reply("Giovedì alle 11."), Reply("Allora mercoledì alle 15.")
    persona = Persona("Ada", (Reaction("quale", first), Reaction("quale|preferisce", second, times=2)))
    talk = Conversation(persona)
    answers = [talk.reply("Quale preferisce?") for _ in range(4)]
    assert answers == [first, second, second, Reply(persona.otherwise)]


def test_who_is_not_understood_says_it_again_three_times_at_most() -> None:
    talk = Conversation(LEAD)
    first = talk.reply("Qual è la tua email?")
    again = [talk.reply("Scusami, non ho sentito bene.") for _ in range(4)]
    assert again[:3] == [first] * 3
    assert talk.reply("Scusami, puoi ripetere?").says == LEAD.otherwise


def test_after_two_misunderstandings_the_caller_leaves() -> None:
    talk = Conversation(LEAD)
    assert [talk.reply("Bla bla.").hang_up for _ in range(3)] == [False, False, True]


def test_an_interruption_waits_for_its_word_and_its_time_and_happens_once() -> None:
    burst = Reply("Aspetti!")
    talk = Conversation(Persona("Ugo", interruptions=(Interruption(burst, hears="mercoledì", after_ms=500),)))
    assert talk.interrupts("Allora lunedì", 900) is None
    assert talk.interrupts("Allora mercoledì", 400) is None
    assert talk.interrupts("Allora Mercoledì", 500) == burst
    assert talk.interrupts("Allora mercoledì", 900) is None


def test_without_a_question_everything_counts() -> None:
    assert last_question("Buongiorno. Dica pure.") == "Buongiorno. Dica pure."
    assert last_question("Confermi? Grazie.") == "Confermi?"
