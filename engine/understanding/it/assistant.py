"""Italian words by which an assistant turn is read: what it asks, offers, refuses, claims. For folded text."""

from __future__ import annotations

import re

from engine.understanding.it.patterns import alternatives, any_of

_NOUNS = alternatives(r"appuntament\w* consulenz\w* prenot\w* incontr\w* colloqui\w* visit[ae] fissa\w*")
_DONE = alternatives(
    "prenotat fissat confermat registrat segnat inserit bloccat riservat spostat annullat disdett cancellat creat"
)
_DONE = rf"{_DONE}[oaie]"

#: The turn is about an appointment or the agenda.
ABOUT_BOOKING = re.compile(
    rf"\b{_NOUNS}\b|\b{alternatives(r'disponibil[a-z]* liber[oiae] agenda calendario')}\b"
)

#: The turn says that something cannot be had.
UNAVAILABLE = re.compile(
    r"\bnon (?:\w+ ){0,3}?"
    + alternatives(
        "liber[oaie] disponibil[ei] disponibilita post[oi] possibile riesco riusciamo possiamo abbiamo ho c'e ci_sono"
    )
    + r"\b|\b"
    + alternatives(
        "occupat[oaie] purtroppo gia_pres[oaie] al_completo pien[oaie] mi_dispiace esaurit[oaie]"
        " nessuna_disponibilita"
        " appena_stat[oa]_pres[oa] gia_impegnat[oaie]"
    )
    + r"\b"
)

_UNDERSTOOD = alternatives(
    "capito sentito prenotato confermato (?:(?:alcun|nessun)_)?problem[a-z]* di_che bisogno"
)
_FULL = alternatives(
    "occupat[oaie] gia_pres[oaie] al_completo gia_impegnat[oaie] pien[oaie] esaurit[oaie] tutto_preso complet[oa]"
)
#: Said of the very slot that its clause names; being sorry alone refuses nothing.
NOT_FREE = re.compile(
    rf"\bnon (?:\w+ ){{0,2}}?{alternatives('liber[oaie] disponibil[ei] possibile')}\b"
    rf"|\b{_FULL}\b"
    rf"|\bnon {alternatives('''c'e ho abbiamo ci_sono riesco riusciamo possiamo''')}\b"
    rf"(?! (?:ancora )?{_UNDERSTOOD})"
)

FROM_TO = re.compile(
    r"(?P<from>\b(?:dalle|dall'|da)\s*(?:ore )?\S.*?)\s+(?P<to>(?:alle|all'|a)\s*(?:ore )?\S.*)"
)
CLAUSE = re.compile(r"(?:(?!\.\s|[,;:!?]|\b(?:ma|pero|invece)\b).)+", re.DOTALL)
#: Before, or as the first word of, a day or time that a booking is moved away from.
AWAY = re.compile(r"\b(?:da|dal|dall'|dalle|di|del|dell'|delle)\s*$")
AWAY_FIRST = re.compile(r"(?:da|dal|dall'|dalle)\b")

CANCEL = re.compile(r"\b(?:annull|disd[iae]|disdett|cancell|elimin)\w*")
MOVE = re.compile(r"\b(?:spost|rimand|posticip|anticip|rinvi)\w*")

#: What sounds like a finished booking: a past participle stated …
CLAIM = re.compile(
    rf"\b{alternatives('''ho abbiamo l'ho te_l'ho gliel'ho ti_ho le_ho vi_ho''')}"
    rf"(?: {alternatives('gia appena tutto quindi')})* {_DONE}\b"
    rf"|\b{alternatives('e risulta e_stat[oa] e_gia e_tutto e_ufficialmente')}"
    rf"(?: {alternatives('gia tutto ora quindi adesso stat[oa]')})* {_DONE}\b"
    rf"|\b{alternatives('appuntamento prenotazione consulenza spostamento disdetta')} (?:gia )?{_DONE}\b"
    rf"|^(?:\W*{alternatives('perfetto ottimo bene benissimo ecco fatto allora')})*\W*{_DONE}\b(?!\s*\?)"
)
#: … but neither negated, wished, conditional nor to come.
NO_CLAIM = re.compile(
    rf"\bnon (?:\w+ ){{0,3}}?{_DONE}\b"
    rf"|\b{alternatives('quando appena una_volta se dopo_che prima_che finche')} (?:\S+ ){{0,6}}?{_DONE}\b"
    rf"|\b{alternatives('sara verra verrebbe sarebbe vorrei vuole vuoi devo posso puo_essere')}"
    rf" (?:\S+ ){{0,4}}?{_DONE}\b"
)

#: Closing questions that ask to confirm or to act …
STRONG_CLOSER = any_of(
    r"conferm(?:i|a|o|iamo|are|ate|erebbe|eresti) tutto_(?:giusto|corretto|esatto|a_posto|ok)"
    r" proced(?:o|iamo|ere) prenot(?:o|iamo|are|i) fiss(?:o|iamo|are|i) blocc(?:o|hiamo|are|hi) annull(?:o|iamo"
    r"|are|i)"
    r" disd(?:ico|iciamo|ire|ica) cancell(?:o|iamo|are|i) spost(?:o|iamo|are|i)"
    r" segn(?:o|iamo|are|i) metto mettere metta"
)
#: … and those that ask whether it suits.
SOFT_CLOSER = re.compile(
    r"\b"
    + alternatives(
        r"(?:va|andrebbe|vanno|puo_andare?|andare?)_bene"
        r" (?:ti|le|vi)_(?:va|torna|andrebbe|funziona|sta_bene|fa_comodo|farebbe_comodo|piace|interessa"
        r"|convien\w+)"
        r" puo_andare andrebbe che_ne_(?:dici|dice|pensa|pensi) ci_sta ci_siamo siamo_(?:d'accordo|intesi)"
        r" facciamo sicur[oa]"
    )
    + r"\b|\b(?:va|(?:e )?(?:giusto|corretto|esatto|ok|okay|d'accordo|bene|vero|allora|intesi|confermat[oa]"
    r"|che dic[ei]))\W*$"
)
#: A question without its mark: only what can hardly be a statement.
UNMARKED_CLOSER = re.compile(
    alternatives(
        r"(?:e_|allora_|quindi_)?(?:mi_)?conferm[ia] (?:ti|le)_va(?:_bene)? va_bene(?:_cosi|_per_(?:lei|te))?"
        r" tutto_(?:giusto|corretto) (?:mi_dica|dimmi)_se_va_bene me_lo_conferm[ia]"
    )
)
#: "Vuole cambiare o conferma?" asks for a yes to the slot all the same.
CHANGE_OR_CONFIRM = re.compile(
    r"\bcambi\w+\b.*\bo\b.*\bconferm\w+|\b(?:conferm\w+|va bene)\b.*\bo\b.*\bcambi\w+"
)
#: A yes to a negated question says no, or nothing that can be relied on.
NEGATED = re.compile(r"\bnon\b")

#: A question with one of these is about something else than the slot.
OTHER_TOPIC = any_of(
    r"e-?mail mail posta indirizzo numero telefono cellulare recapito nome cognome invito promemoria messaggio sms"
    r" whatsapp link privacy registr\w+ prezz[oi] cost[oaie]\w* tariff\w+ pag\w+ document\w+ informazion\w+ gia"
    r" prim[oa]_(?:volta|appuntament\w*|consulenz\w*|visita|incontro) ricontatt\w+ richiam\w+ capit[oa]"
    r" sent(?:e|i|ito"
    r"|ire) aiut\w+ linea collega sapere domand\w+ sito"
    r" videochiamata online presenza persona sede parcheggi\w+ chiam\w+ mand\w+ invi\w+ spedi\w+ consegn\w+ quanto"
    r" come_mai durata consens\w+ dati codice fiscale partita marketing newsletter port\w+ ritir\w+ fattur\w+"
    r" pagament\w+ orari aperti apert[oa] chius[oaie] arriv\w+ treno compleanno nat[oa]"
)
#: So is one of these, unless the question names the slot: "la aspettiamo mercoledì alle 15, d'accordo?"
WAITING = any_of(r"attend\w+ aspett\w+ un'ora mezz'ora minuti")
#: Asks whether to change, so that a yes is a wish to change.
CHANGES = any_of(
    r"cambi\w+ modific\w+ corregg\w+ divers[oaie] un_altr[oa] altr[oaie] manten\w+ ten(?:ere|erlo"
    r"|erla) lasciarl[oa]"
)
#: Says of days and times that they are to be had.
OFFERING = any_of(r"propo\w+ offr\w+ ho abbiamo avrei avremmo disponibil\w+ liber[oaie] post[oi]")
#: The slot is named, but not as one to be booked now.
NOT_YET = any_of(
    r"richiam\w+ ricontatt\w+ verific(?:o|hiamo|are|her\w+) controll(?:o|iamo|are|er\w+) provvisori\w+ lista"
    r" segreteria collega intanto opzion\w+ sapere"
    r" forse magari eventual\w+ salvo appena passo passiamo chied\w+ prov[oi]\w* dopo poi non era aveva avevi"
)
#: Whom the appointment is with, and where, in the original spelling.
WITH_WHOM = re.compile(
    r"\bcon (?:il |la |lo |l')?(?:(?:dott|avv|ing|prof|signor|studio)\w*\.? ?)?[A-Z]\w+(?: [A-Z]\w+)?"
    r"|\b(?:in|di|a) (?:via|viale|piazza|corso|largo) [A-Z]\w+(?: [A-Z]\w+)?(?:,? \d+)?"
)
#: Two things offered at once.
OR = any_of("o oppure")

#: Words that may stand beside a slot in a question about nothing else: "Allora mercoledì 11 alle 15?"
FILLERS = frozenset(
    """
    allora quindi dunque perfetto bene benissimo ottimo ok okay d accordo e a al alla alle all ai il lo la l i
    le gli un una di del della dell per con da dalle dal in su sul nel ci si mi ti vi che vediamo sentiamo
    vedremo incontriamo aspettiamo aspetto attendiamo appuntamento consulenza incontro suo sua tuo tua nostro
    nostra intende intendi dice dici intendeva intendevi cioe ossia proprio ore ora giorno facciamo metto segno
    telefono email mail numero dottor dott dottoressa avvocato studio signor signora sposto annullo disdico
    cancello spostiamo annulliamo questo quello mattina pomeriggio sera vuole vuoi posso possiamo potrei detto
    abbiamo o oppure cosi pure certo certamente ho c trovato trovo posto libero libera liberi disponibile
    disponibilita primo prima solo ancora slot orario offro offrire offrirle offrirti propongo proporle proporti
    proporre darle darti do segnato segniamo segnerei fissato fissata fisserei prenoterei ripeto ripetiamo
    riepilogo riepilogando ricapitolo ricapitolando riassumo riassumendo guardi guarda senta sarebbe sara fissa
    invece va ha grazie gentile febbraio anno prossimo prossima minuti un'ora mezz mezza d'accordo intesi quel
    quella giornata scelto scelta richiesto chiesto inserisco inserire mettere metta confermarle confermarti
    comunque prenotazione glielo gliela me te lei voi noi vederci incontrarci sentirci avremmo avrei proporrei
    andar andare vero sicuro sicura voler volere voglio no due tre richiesta tutto resta rimane restiamo teniamo
    tengo tenere riservo riserviamo lascio registro registriamo fermo inseriamo sistemo puo potrebbe se blocco
    blocchiamo madre padre moglie marito figlio figlia mamma
    """.split()  # noqa: SIM905 (a table reads better than its quotes)
)

OPEN_QUESTION = any_of(
    r"qual[ei]? quando che_(?:giorno|ora|orario|giornata|data) quale_(?:giorno|ora|orario) a_che in_che per_che"
    r" quant[oaie] dove come cosa chi perche preferis\w+ preferit\w+ preferireb\w+ preferirest\w+"
)
WHICH_SLOT = any_of(
    r"qual[ei]? quando che_(?:giorno|ora|orario|giornata"
    r"|data) preferis\w+ preferireb\w+ preferirest\w+ orario giorno"
    r" disponibilita"
)
#: Words that propose an appointment.
PROPOSES = re.compile(
    OFFERING.pattern
    + rf"|\b{_NOUNS}\b|\b(?:ti|le|vi) (?:va|andrebbe|interessa|fa comodo|farebbe comodo|piace|convien\w+)\b"
    + r"|\b(?:puo|potrebbe) andare?\b|\bandrebbe\b|\bvederci\b|\bincontrarci\b|\bfacciamo\b|\bche ne (?:dici|dice)\b"
)

#: An open question about days or hours is ours only if it is about coming, preferring or being free.
COMING = any_of(
    r"preferi\w+ preferenz\w+ venire vieni viene vederci vedersi passare incontrar\w+ comod[oaie] andrebbe andrebbero"
    r" meglio vorrebbe vorresti vuole vuoi gradisce gradiresti liber[oaie] disponibil\w+ fissar\w+ prenotar\w+"
    r" appuntament\w+ consulenz\w+ spostar\w+ va_bene pensava pensavi scegli\w*"
)

#: Which details a question or request is about.
WANTED = {
    "phone": any_of("numero telefono cellulare recapito"),
    "email": any_of("e-?mail mail posta_elettronica indirizzo"),
    "name": any_of("nome cognome come_si_chiama come_ti_chiami"),
    "date": any_of("che_giorno quale_giorno quando quale_data che_data giorno"),
    "time": any_of("che_ora quale_ora orario a_che_ora"),
}
REQUEST = any_of(
    r"mi_(?:lasci\w*|da\w*|dai|dic\w*|dit\w*|dett\w*|ripet\w*|conferm\w*|ricord\w*|forni\w*|scand\w*) puo puoi"
    r" potrebbe potresti posso_avere avrei_bisogno ho_bisogno mi_serv\w+ serve servono qual_e quale qual vuole vuoi"
    r" che a_che quando"
)
WANT_APPOINTMENT = re.compile(
    rf"\b{alternatives('vuole vuoi vorrebbe vorresti desidera desideri le_va ti_va possiamo interessat[oa]')}\b"
    rf"[^?]*\b{_NOUNS}\b"
)
#: "Mi conferma la sua email?" confirms no slot.
CONFIRM_CONTACT = re.compile(
    r"\bconferm\w+ (?:(?:anche|pure|il|la|lo|i|un|una|tuo|tua|suo|sua|suoi|di|vostra|vostro) ?|l')*"
    + alternatives(
        r"e-?mail mail posta indirizzo numero telefono cellulare recapito nome cognome dati di_(?!\W*$)"
    )
    + r"\b"
)
#: May follow the last question without making it another one.
FILLER_AFTER = re.compile(r"^\W*(?:(?:grazie|prego|attendo|resto in attesa|mi dica|dimmi|pure)\W*)*$")
# After the question it takes that back: "confermi? Anzi, un attimo, controllo".
RETRACTS = re.compile(
    r"\b(?:anzi|un attimo|un momento|aspett[aie]|controllo|verifico|ricontrollo|mi correggo|mi sono sbagliat[oa]"
    r"|ho sbagliato"
    r"|non (?:e|c'e) (?:piu )?(?:libero|posto|disponibile))\b"
)
