"""A yes, a no, a doubt and every other act, with and without a question before it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.understanding.acts import Phrases, find_acts, rejected_details
from engine.understanding.mentions import Act
from rules.phrases import PhraseList, load_phrases

PHRASES = Phrases.of(load_phrases(Path(__file__).parents[3] / "rules" / "it" / "phrases.toml"))


def _table(lines: str) -> list[tuple[str, list[str]]]:
    """Lines "acts | sentence"; acts in order, "-" for none, "!" for explicit."""
    rows = [line.split("|", 1) for line in lines.strip().splitlines()]
    return [(sentence.strip(), [a for a in acts.split() if a != "-"]) for acts, sentence in rows]


def _acts(text: str, *, pending: bool) -> list[str]:
    found = find_acts(text, PHRASES, yes_no_pending=pending)
    return [mention.act.value + "!" * mention.explicit for mention in found]


# After a question that takes a yes.
ANSWERS = _table("""
affirm | sì
affirm | Sì.
affirm | si
affirm | Si'
affirm | sì sì
affirm | sì sì sì certo
affirm | s-sì
backchannel affirm | eh sì
affirm | siii
affirm | Sì, certo, va bene.
affirm | ok
affirm | okay perfetto
affirm | esatto
affirm | Va bene.
affirm | va benissimo, grazie
affirm | certo che sì
affirm | d'accordo
affirm | perfetto, grazie mille
affirm | mercoledì va bene
affirm | alle 15 perfetto
affirm | Sì mi va bene mercoledì
affirm | per me va bene
affirm | si va bene
affirm | si certo
affirm | si grazie
affirm | si mercoledì alle 15
affirm | direi di sì
affirm | ma certo!
affirm | ma sì, va bene
affirm | no no va bene
affirm | no, va bene così
hedge | no va bene
affirm hedge | sì, se mia moglie è d'accordo
hedge | No va bene così
hedge | no mi va bene
affirm | No no, perfetto.
affirm | no, no, va benissimo
backchannel affirm | ah ok va bene
affirm! | confermo
affirm! | Confermo.
affirm! | no, confermo
affirm! | confermo tutto
affirm! | lo confermo
affirm affirm! | sì confermo mercoledì alle 15
affirm affirm! | si confermo
affirm! | prenoti pure
affirm! | procedi pure
affirm! | può procedere
affirm! | confermo anche l'email
affirm affirm! | sì, confermo
affirm affirm! | va bene, confermato
affirm | sì, a che ora devo arrivare?
hold_on affirm | un attimo... sì
deny | no
deny | no no
deny | Nooo
deny | no grazie
deny | No, non va bene.
deny | non va bene
deny | non mi va bene
deny | non è esatto
deny | non sono d'accordo
deny | no no non va bene
deny | mercoledì no
deny | mercoledì non posso
deny | no grazie, va bene così
deny | no, va bene giovedì
deny | no, mi va bene il pomeriggio
deny | assolutamente no
deny | direi di no
deny | penso di no
deny | no, esatto
deny! | non confermo
deny! | io non lo confermo
deny! | non prenoti
deny! | ho detto che non confermo
deny affirm | giovedì no, venerdì sì
correct deny | sì, anzi no
correct | sì, anzi no, aspetta
correct | sì, no aspetta
correct | anzi
correct | anzi giovedì
correct | no aspetta
hold_on correct | aspetta, meglio giovedì
hold_on deny correct | Aspetta, no... facciamo giovedì piuttosto
correct | facciamo giovedì invece
correct | no, facciamo un altro giorno
correct | un altro orario
correct | a un'altra ora
correct | non quel giorno
correct | sì, non alle 15
correct | non mercoledì
correct | non il 12
correct | mi sono sbagliata
correct | cambiamo
correct | vorrei cambiare orario
correct | il numero è sbagliato
correct | ho cambiato idea
correct | meglio di pomeriggio
correct | alle 16 piuttosto
correct affirm | anzi sì
affirm | meglio così, sì
affirm hedge | sì ma preferisco giovedì
affirm hedge | sì però non so se riesco
affirm hedge | sì, forse
affirm hedge | va bene, però prima sento mia moglie
affirm hedge | ok ma devo vedere
hedge | ma quanto costa?
hedge | forse
hedge | magari
hedge | non lo so
hedge | non so
hedge | boh
hedge | penso di sì
hedge | credo di sì
hedge | Credo vada bene
hedge | ci penso
hedge | vediamo
hedge | le faccio sapere
hedge | mi sa di sì
hedge | se va bene
hedge | sì se riesco
hedge | va bene anche giovedì
hedge | confermo dopo
hedge | confermo quando ho parlato con mia moglie
hedge | se confermo
hedge | potrebbe andare
hedge | non sono sicuro
hedge | perché no
hedge | e magari anche giovedì
hold_on | aspetti
hold_on | un attimo
hold_on | un momento solo
hold_on | sì, un attimo
hold_on hold_on | sì sì aspetti che prendo l'agenda
hold_on affirm affirm! | un attimo, sì confermo
hedge | anzi no lascia stare
hedge affirm | meglio giovedì... no lascia stare, va bene mercoledì
hedge | lascia stare
drop! | lascia stare, richiamo io
drop | lasciamo stare
drop! | lasciamo perdere
drop! | non mi interessa più
drop! | non mi interessa
drop! | non voglio prenotare
drop! | vi richiamo
- | va bene, no?
- | va bene?
- | confermo?
- | Sì?
- | va bene mercoledì?
- | mercoledì alle 15, va bene?
- | quando confermo
- | si può fare
- | si sente
ask_repeat | si sente male
- | mi si è rotto il telefono
- | come si prenota
- | confermate via email?
- | qual è l'orario esatto
affirm | come no
- | è un certo giorno
- | sì o no
- | mi ha detto di sì
backchannel | mh
backchannel | ah ok
backchannel | capisco
backchannel | uhm
backchannel | sì ho capito
backchannel | sì sono io
backchannel | sì mi dica
backchannel | pronto
- | nessun problema
affirm | va bene, ci vediamo mercoledì
affirm! | no no, confermo mercoledì alle 15
affirm! | procedi
deny affirm! | no grazie, confermo così
deny affirm | no, sì
deny | no, ok
deny hedge | no ma va bene
hedge | ma va bene
hedge deny | l'orario va bene ma il giorno no
deny | sì sì no
deny | sì, mercoledì no
correct | mi va bene, anzi facciamo alle 16
affirm affirm | sì ma certo
affirm | la mail è giusta
- | si è liberato un posto
- | si sono sbagliati loro
- | le ho detto di sì
- | quindi mercoledì, giusto?
- | va bene se viene mia moglie?
- | aspetto una conferma
deny! hold_on | non confermo, aspetti
affirm cancel! | ok, annulla
affirm reschedule! | sì vorrei spostarlo
affirm | Mercoledì alle 15 va benissimo
affirm! | ok prenota
affirm affirm! | sì, comunque confermo mercoledì alle 15
- | non c'è problema
""")

# Nothing asked that takes a yes, or words of their own.
STATEMENTS = _table("""
backchannel | sì
backchannel | va bene
backchannel | ok perfetto
backchannel | certo
backchannel | si va bene
backchannel | no no va bene
affirm! | confermo
affirm! | prenoti pure
backchannel affirm! | sì, confermo
deny | no
hedge | forse
show_interest! | vorrei prenotare
show_interest! | Buongiorno, vorrei fissare un appuntamento.
show_interest! | Ciao Alessia, vorrei prenotare una consulenza
show_interest! | volevo prendere appuntamento
show_interest! | avrei bisogno di una consulenza
show_interest! | ho bisogno di un appuntamento
show_interest! | mi serve un appuntamento
show_interest! | vorrei un appuntamento per giovedì
show_interest! | posso prenotare per domani?
show_interest! | vorrei, ehm, prenotare una visita
show_interest! | è possibile fissare un appuntamento?
show_interest! | chiamo per un appuntamento
show_interest! | mi prenoti per mercoledì
show_interest! | possiamo fissare un incontro?
backchannel show_interest! | sì, vorrei prenotare
- | quanto costa una consulenza?
- | a che ora aprite?
- | ho già un appuntamento dal dentista
- | ieri ho preso appuntamento dal dentista
- | devo prenotare dal dentista
- | vorrei prenotare un tavolo
- | mia madre voleva prenotare
- | la consulenza quanto dura?
- | volevo sapere i prezzi
deny! | non voglio prenotare giovedì
drop! | non voglio prenotare
ask_availability! | quando siete disponibili?
ask_availability! | che disponibilità avete?
ask_availability! | avete posto giovedì?
ask_availability! | c'è qualcosa di pomeriggio?
ask_availability! | ci sono altri orari?
- | che orari fate
cancel! | vorrei disdire
cancel! | vorrei disdire l'appuntamento
cancel! | devo annullare l'appuntamento di mercoledì
cancel! | posso cancellare la mia prenotazione?
cancel! | vorrei disdire quello di giovedì
cancel! | annulli tutto
- | vorrei annullare l'abbonamento
- | devo disdire la palestra
- | fino a quando posso disdire?
- | posso disdire se cambio programma?
deny! | non voglio disdire
reschedule! | vorrei spostare l'appuntamento
reschedule! | posso spostare l'appuntamento a venerdì?
reschedule! | devo rimandare
reschedule! | vorrei anticipare l'appuntamento
reschedule! | possiamo spostarlo?
reschedule! | vorrei cambiare l'appuntamento
reschedule! | vorrei cambiare l'orario dell'appuntamento
reschedule! | può spostare la consulenza?
- | devo spostare la macchina
ask_repeat | come scusi?
ask_repeat | può ripetere?
ask_repeat | Scusi?
ask_repeat | Come?
ask_repeat | non ho capito
ask_repeat | non ho sentito bene
ask_repeat | potrebbe ripetere per favore
ask_human! | voglio parlare con una persona
ask_human! | vorrei parlare con un operatore
ask_human! | mi passi un operatore
drop! | ho da fare, richiamo io
- | il mio numero è 333 1234567
- |
- | ...
""")


@pytest.mark.parametrize(("text", "acts"), ANSWERS)
def test_answers_to_a_yes_no_question(text: str, acts: list[str]) -> None:
    assert _acts(text, pending=True) == acts


@pytest.mark.parametrize(("text", "acts"), STATEMENTS)
def test_said_without_such_a_question(text: str, acts: list[str]) -> None:
    assert _acts(text, pending=False) == acts


@pytest.mark.parametrize(
    ("text", "details"),
    [
        ("un altro giorno", {"date"}),
        ("non quel giorno", {"date"}),
        ("quel giorno non posso", {"date"}),
        ("possiamo cambiare giorno?", {"date"}),
        ("mercoledì no", {"date"}),
        ("mercoledì non posso", {"date"}),
        ("un altro orario", {"time"}),
        ("a un'altra ora", {"time"}),
        ("non a quell'ora", {"time"}),
        ("vorrei cambiare l'orario", {"time"}),
        ("alle 15 non posso", {"time"}),
        ("non alle 15", {"time"}),
        ("il numero è sbagliato", {"phone"}),
        ("il numero di telefono non è giusto", {"phone"}),
        ("non è il mio numero", {"phone"}),
        ("l'email è sbagliata", {"email"}),
        ("no, la mail non è corretta", {"email"}),
        ("non va bene il numero", {"phone"}),
        ("non posso mercoledì", {"date"}),
        ("alle 15 e mezza non posso", {"time"}),
        ("un altro giorno e un altro orario", {"date", "time"}),
        ("sì, va bene", set()),
        ("il mio numero è 333 1234567", set()),
        ("mercoledì alle 15", set()),
        ("il giorno va bene", set()),
    ],
)
def test_details_turned_down(text: str, details: set[str]) -> None:
    assert rejected_details(text) == details


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("no", "no"),
        ("non confermo", "non confermo"),
        ("non va bene", "non va bene"),
        ("forse", "forse"),
        ("non so", "non so"),
        ("sì ma", "sì ma"),
        ("va bene però", "va bene però"),
        ("ci penso io", "ci penso io"),
        ("aspetti", "aspetti"),
        ("meglio giovedì", "meglio giovedì"),
    ],
)
@pytest.mark.parametrize("act", [Act.AFFIRM, Act.BACKCHANNEL])
def test_phrase_files_cannot_undo_a_no_or_a_doubt(act: Act, phrase: str, text: str) -> None:
    shipped = load_phrases(Path(__file__).parents[3] / "rules" / "it" / "phrases.toml")
    old = shipped[act.value]
    edited = {**shipped, act.value: PhraseList((*old.phrases, phrase), old.explicit | {phrase})}
    phrases = Phrases.of(edited)
    assert len(phrases.ignored) == 1
    expected = find_acts(text, PHRASES, yes_no_pending=True)
    assert find_acts(text, phrases, yes_no_pending=True) == expected
    assert any(m.act in (Act.DENY, Act.HEDGE, Act.CORRECT, Act.HOLD_ON) for m in expected)


def test_negation_and_doubt_need_no_phrase_file() -> None:
    bare = Phrases.of({})
    for text, act in [
        ("no", Act.DENY),
        ("forse", Act.HEDGE),
        ("anzi", Act.CORRECT),
        ("aspetti", Act.HOLD_ON),
    ]:
        assert [m.act for m in find_acts(text, bare, yes_no_pending=True)] == [act]
    assert find_acts("sì, confermo", bare, yes_no_pending=True) == ()


def test_no_shipped_phrase_is_without_effect() -> None:
    assert PHRASES.ignored == ()


def test_words_stand_where_they_say() -> None:
    text = "Beh… sì, certo! Però aspetti, l'ora è sbagliata."
    for mention in find_acts(text, PHRASES, yes_no_pending=True):
        assert text[mention.start : mention.end] == mention.text
    assert [m.text for m in find_acts(text, PHRASES, yes_no_pending=True)] == [
        "Però",
        "aspetti",
        "è sbagliata",
    ]


def test_refuses_an_act_that_is_none() -> None:
    with pytest.raises(ValueError, match="prenota"):
        Phrases.of({"prenota": PhraseList(("sì",), frozenset())})


PIECES = [
    "sì",
    "no",
    "confermo",
    "non",
    "ma",
    "forse",
    "anzi",
    "va bene",
    "?",
    ",",
    "giovedì",
    "se",
    "aspetti",
    "si",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join) | st.text(max_size=120), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_text_gives_acts_in_order_and_only_a_yes_without_a_later_no(text: str, pending: bool) -> None:
    found = find_acts(text, PHRASES, yes_no_pending=pending)
    places = [(m.start, m.end) for m in found]
    assert places == sorted(places)
    assert all(text[m.start : m.end] == m.text for m in found)
    last_yes = max((m.start for m in found if m.act is Act.AFFIRM), default=-1)
    assert (
        all(m.start < last_yes for m in found if m.act in (Act.DENY, Act.CORRECT, Act.HOLD_ON))
        or last_yes < 0
    )
    if not pending:
        assert all(m.explicit for m in found if m.act is Act.AFFIRM)
    rejected_details(text)


@given(st.sampled_from(["no", "non confermo", "forse", "anzi", "aspetti", "non va bene", "ma non so"]))
def test_what_follows_a_yes_takes_it_back(after: str) -> None:
    found = find_acts(f"sì confermo, {after}", PHRASES, yes_no_pending=True)
    assert found[-1].act is not Act.AFFIRM


@pytest.mark.parametrize(
    "unit", ["sì ", "no ", "non ", "si,", "ma certo ", "eh ", "s-", "va ", "lascia stare anzi ", "?,no"]
)
def test_long_texts_are_read_to_their_end(unit: str) -> None:
    """As much as nobody says in a turn; in time that grows faster than the text this would not come to an end."""
    text = unit * (30_000 // len(unit))
    rejected_details(text)
    found = find_acts(text, PHRASES, yes_no_pending=True)
    assert not found or found[-1].end > len(text) - 2 * len(unit)
