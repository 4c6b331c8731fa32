"""What callers say on the phone and what they do by it, as an Italian would take it.

The acts are a set: their order and their words are tested in test_acts.py.
"""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path

import pytest

from engine.details import Slot
from engine.understanding.acts import Phrases
from engine.understanding.report import ZONE, Line, report
from rules.phrases import load_phrases

PHRASES = Phrases.of(load_phrases(Path(__file__).parents[3] / "rules" / "it" / "phrases.toml"))
NOW = datetime(2026, 2, 9, 9, 30, tzinfo=ZONE)


def _rows(lines: str) -> list[tuple[str, set[str]]]:
    """Lines "acts | sentence"; "-" for none."""
    rows = [line.split("|", 1) for line in lines.strip().splitlines()]
    return [(sentence.strip(), {a for a in acts.split() if a != "-"}) for acts, sentence in rows]


def _acts(text: str, *, pending: bool) -> set[str]:
    offered = (Slot(date(2026, 2, 11), time(15)),) if pending else ()
    return set(report(Line(text, NOW, offered=offered), PHRASES)["acts"])


# After "mercoledì alle 15, conferma?"
ASKED = _rows("""
affirm | come no
affirm | come no, certo
affirm | e come no
affirm | ma come no!
affirm | eccome no
affirm | sì sì, come no
affirm | certo che sì
affirm | ma certo
affirm | ma sì dai
affirm | sì dai
affirm | dai, va bene
affirm | e va bene
affirm | va bene, dai
affirm | sì esatto
affirm | sì è giusto
affirm | giustissimo
affirm | esattissimo
affirm | correttissimo
affirm | tutto ok
affirm | tutto a posto
affirm | tutto bene
affirm | ci siamo
affirm | siamo d'accordo
affirm | per me sì
affirm | per me è perfetto
affirm | per me è ok
affirm | mi sta bene
affirm | mi sta benissimo
affirm | è ok
affirm | è perfetto
affirm | sì per favore
affirm | sì, sì, sì
affirm | sì grazie mille
affirm | sì va benissimo
affirm | sì va bene così grazie
affirm | sì, non c'è problema
affirm | nessun problema, va bene
affirm | no no, va bene
affirm | no no va benissimo così
affirm | no no, confermo
affirm | sì confermo, grazie
affirm | confermo mercoledì alle 15
affirm | sì, confermi pure
affirm | sì prenoti
affirm | sì, la prenoti
affirm | sì fissi pure
affirm | la confermi pure
affirm | sì, blocchi pure
affirm | procediamo
affirm | andata
affirm | affare fatto
affirm | sì, ci vediamo mercoledì
affirm | va bene, a mercoledì allora
affirm | perfetto, a mercoledì
affirm | ok, alle 15 va bene
affirm | sì, alle 15 va bene, no?
affirm | mercoledì alle 15 sì
affirm | ehm sì
affirm | eh sì sì
affirm | beh sì
hedge | boh sì va bene sì
affirm | sì, dica pure, confermo
hedge | sì, mi va bene anche questo
affirm | volentieri
affirm | molto volentieri
affirm | sarebbe perfetto
affirm | con piacere
affirm | certamente, confermo
affirm | sissignore
affirm | sì signora
affirm | esatto, quello
affirm | sì quello
affirm | assolutamente sì
affirm | ottimo, confermo
deny | no
deny | no no no
deny | no guardi
deny | direi di no
deny | mi sa di no
deny | purtroppo no
deny | no purtroppo
deny | no, non va bene
deny | no, alle 15 non posso
deny | non posso alle 15
deny | mercoledì non ce la faccio
deny | mercoledì mi è impossibile
deny | non mi torna
deny | non è giusto
deny | non è corretto
deny | non è questo il giorno
deny | no che non va bene
deny | certo che no
deny | neanche per sogno
deny | assolutamente no
deny | non confermo
deny | no, non confermo
deny | no grazie
deny | ho detto di no
deny | per niente
deny | non ci siamo
deny | non ci siamo capiti
deny | quel giorno lavoro, non posso
correct | sì, anzi no, giovedì
correct | sì anzi facciamo giovedì
correct | no, facciamo giovedì
correct | no, meglio giovedì
correct | volevo dire giovedì
correct | mi sono sbagliato, giovedì
correct | non mercoledì, giovedì
correct | non alle 15, alle 16
correct | alle 15 no, meglio alle 16
hedge | sì però facciamo alle 16
correct | avevo detto giovedì
correct | ho detto giovedì, non mercoledì
correct | le avevo detto giovedì
correct | era giovedì, non mercoledì
correct | possiamo fare giovedì invece?
correct | si può spostare alle 16? anzi no, facciamo alle 17
hedge | forse
hedge | forse sì
hedge | sì forse
hedge | sì, forse, vediamo
hedge | credo di sì
hedge | penso di sì
hedge | penso vada bene
hedge | dovrebbe andare
hedge | dovrei farcela
hedge | mah, vediamo
hedge | non so
hedge | non lo so, ci devo pensare
hedge | ci penso
hedge | magari sì
hedge | dipende
hedge | sì, ma non sono sicuro
hedge | sì però devo controllare
hedge | va bene, ma prima devo sentire mia moglie
hedge | se riesco sì
hedge | sì se riesco
hedge | sì, salvo imprevisti
hedge | in teoria sì
hedge | in linea di massima va bene
hedge | probabilmente sì
hedge | può darsi
hedge | le faccio sapere
hedge | confermo domani
hedge | vi confermo più tardi
hedge | confermo appena so
hedge | mi faccia pensare
hedge | eventualmente
hedge | ni
hedge | più o meno sì
hedge | quasi quasi sì
hedge | direi di sì, ma non ne sono certa
hedge | a meno che non piova, sì
hold_on | aspetti un attimo
hold_on | un attimo solo
hold_on | un secondo che prendo l'agenda
hold_on | aspetta aspetta
hold_on | mi dia un momento
hold_on | attenda in linea
ask_repeat | come scusi?
ask_repeat | scusi?
ask_repeat | mi scusi?
ask_repeat | può ripetere?
ask_repeat | non ho capito
ask_repeat | non ho sentito bene
ask_repeat | come ha detto?
ask_repeat | mi ripete l'orario?
drop | come non detto
drop | lasciamo perdere
drop | non se ne fa niente
drop | non mi interessa più
drop | no grazie, lasci perdere
drop | vi richiamo io
hedge | ci ripenso e poi vi dico
""")

# No question pending, or another one.
UNASKED = _rows("""
backchannel | sì
backchannel | ok
backchannel | va bene
backchannel | esatto
backchannel | certo
backchannel | sì sì
backchannel | sì sì certo
backchannel | come no
backchannel | mh mh
backchannel | ho capito
backchannel | capisco
backchannel | ah ecco
backchannel | sì, dica
backchannel | sì sono io
backchannel | ok, va bene, capisco
affirm | confermo
affirm | confermo tutto
show_interest | vorrei prenotare
show_interest | vorrei un appuntamento
show_interest | volevo fissare un appuntamento per mercoledì
show_interest | buongiorno, avrei bisogno di un appuntamento
show_interest | mi serve una consulenza
show_interest | chiamavo per prendere un appuntamento
show_interest | posso prenotare una visita?
show_interest | si può prenotare?
show_interest | è possibile avere un appuntamento?
show_interest | vorrei venire mercoledì, mi prenota?
show_interest | mi fissa un appuntamento?
show_interest | mi piacerebbe fissare un incontro
show_interest | vorrei parlare con il dottor Verdi di persona, mi dà un appuntamento?
ask_availability | quando siete liberi?
ask_availability | avete posto mercoledì?
ask_availability | c'è posto giovedì mattina?
ask_availability | che disponibilità avete?
ask_availability | che orari avete mercoledì?
ask_availability | ha qualcosa nel pomeriggio?
ask_availability | quando potrei venire?
ask_availability | qual è il primo posto libero?
ask_availability | mercoledì c'è disponibilità?
ask_availability | siete liberi venerdì alle 10?
ask_availability | avete un buco domani?
cancel | vorrei disdire l'appuntamento
cancel | devo annullare la consulenza di mercoledì
cancel | vorrei cancellare l'appuntamento di giovedì
cancel | chiamo per disdire
cancel | può annullare il mio appuntamento?
cancel | disdico
cancel | mi cancella l'appuntamento?
cancel deny | non posso più venire, vorrei disdire
reschedule | vorrei spostare l'appuntamento
reschedule | devo spostare la consulenza di mercoledì
reschedule | possiamo rimandare a giovedì?
reschedule | si può anticipare?
reschedule | vorrei cambiare l'appuntamento
reschedule | posso spostarlo a venerdì?
reschedule | vorrei cambiare il giorno dell'appuntamento
reschedule | mi sposta l'appuntamento?
reschedule | posticipiamo di un'ora l'appuntamento
ask_human | vorrei parlare con una persona
ask_human | mi passa un operatore?
ask_human | posso parlare con qualcuno?
ask_human | voglio parlare con un essere umano
- | quanto costa?
- | dove siete?
- | siete aperti il sabato?
- | a che ora chiudete?
- | ieri sono stato dal dentista
- | mercoledì ho il dentista alle 15
- | ho un appuntamento dal medico giovedì
- | vorrei disdire l'abbonamento
- | vorrei cancellare la newsletter
- | mi chiamo Mario Rossi
- | mercoledì 11 alle 15
- | va bene mercoledì?
- | è confermato?
- | ho prenotato un tavolo al ristorante per stasera
- | si può pagare con la carta?
- | che tempo fa?
- | mia moglie ha prenotato dal parrucchiere
- | vorrei prenotare un tavolo
- | volevo sapere se si può disdire
""")

# Whatever else they hold, these are no yes, also after a question that takes one.
NO_YES = """
sì, anzi no
se non piove va bene
sì, no, aspetti
sì... no
va bene? no, non va bene
sì, ma non mercoledì
va bene tutto tranne l'orario
sì? davvero?
ok ma alle 16
come non detto
come sì?
sì o no?
non è che non va bene, è che non posso
mica va bene
non dico di sì
non ho detto sì
chi ha detto che va bene?
mia moglie ha detto sì, io no
se va bene a lei
se dice di sì
magari va bene
speriamo di sì
vediamo se va bene
non so se va bene
dice che va bene?
quindi va bene mercoledì?
e se non va bene?
confermo dopo
confermerei, ma non so
non posso confermare
non ancora confermato
devo ancora confermare
dovrei confermare
vorrei confermare ma non posso
non vorrei confermare
prima di confermare devo chiedere
senza confermare
il sì lo dico dopo
è sicuro?
sicuro?
ma è sicuro?
certo non mercoledì
giusto mercoledì non posso
perfetto, quindi non c'è posto
ottimo, ma no
va bene un corno
ah sì?
ma sì che non va bene
sì vabbè
sì certo, come se fosse facile
figurati
figuriamoci
bene ma non benissimo
ok?
ok, no
sì, lasci stare
sì, mi faccia parlare con una persona
sì ma quanto costa?
non mi va bene per niente
mi va bene solo giovedì
va bene anche mercoledì
""".strip().splitlines()


@pytest.mark.parametrize(("text", "acts"), ASKED)
def test_in_answer_to_a_question(text: str, acts: set[str]) -> None:
    found = _acts(text, pending=True)
    assert acts <= found
    assert ("affirm" in found) == ("affirm" in acts)


@pytest.mark.parametrize(("text", "acts"), UNASKED)
def test_without_a_question(text: str, acts: set[str]) -> None:
    found = _acts(text, pending=False)
    assert acts <= found
    assert found - acts <= {"backchannel"}


@pytest.mark.parametrize("text", NO_YES)
def test_what_is_no_yes(text: str) -> None:
    assert not ({"affirm"} & _acts(text, pending=True)) or _acts(text, pending=True) & {
        "hedge",
        "correct",
        "deny",
    }
