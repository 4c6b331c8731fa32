"""Words beside a yes: what puts it in doubt or off, and what leaves it as it is. All folded."""

from __future__ import annotations

import re

from engine.understanding.it.patterns import word_set

# Words beside a yes that leave it in doubt, put it off or take it back.
DOUBT = re.compile(
    r"\b(?:dovrei|dovremmo|potrei|potremmo|spero|speriamo|probabil\w+|mi sa|forse|magari|credo|penso"
    r"|immagino|suppongo"
    r"|non c'e (?:piu )?(?:posto|disponibilita)"
    r"|direi di si|cosa\W*$|chi parla|chi e|pronto|allora (?:niente|nulla)|(?:niente|nulla)\W*$"
    r"|mi sent(?:e|i|ite)\b|(?:mi|ci) (?:faccia|fai|fate|fara|farete) sapere|figuriamoci|provvisori\w+"
    r"|(?<!\d)(?!100)\d{1,2} ?(?:%|per cento\b)|\b(?:quasi|tendenzialmente|teoricamente|dovrebbe(?:ro)?"
    r"|boh)\b"
    r"|\b(?:ti|vi|le|te lo|ve lo|glielo) (?:dico|diro|scrivo|scrivero|aggiorno|aggiornero|so dire"
    r"|sapro dire)\b"
    r"(?! (?:subito )?(?:di )?si\b)|\bci aggiorn\w+"
    r"|(?:^|\b(?:ok|okay|si|bene|certo|perfetto)\b)\W*(?:(?:ora|adesso|allora|prima|ci|lo) )?"
    r"(?:guardo|controllo|verifico|chiedo(?! scusa)|provo|sento mi[ao]|mi organizzo)\b"
    r"|\b(?:1|un) (?:attimo|momento|minuto|secondo|att|min|sec)\b|\bpeccato\b|\bnon era per (?:te|lei|voi)\b"
    r"|in sospeso|in forse|\b(?:a|per) confermar\w+|\b(?:la|ti) sento\b|non c'e male|punto interrogativo"
    # Somebody else decides.
    r"|\bgliel[oa] chied\w+|\bmi inform\w+|\bdecid(?:o|e|era|ono|eranno|iamo|eremo|ere|a)\b"
    r"|\b(?:faccia lei|fate voi|fai tu)\b|\baspetto (?:la|una) (?:risposta|conferma)\b"
    r"|\b(?:parl(?:o|i|a|ero|iamo|ate)|sent(?:o|a|iamo|ite)|chied(?:o|a|iamo|ete)|chiam(?:i|a|ate))"
    r" (?:(?:con|a|prima|anche|pure) )*mi[oa]\b|\bl[oa] dica a mi[oa]\b"
    r"|\bmi[oa] (?:moglie|marito|madre|padre|figli[oa]|sorella|fratello|compagn[oa]|capo) (?:le|ti|vi) \w+"
    # The day alone, or the hour alone.
    r"|^\W*(?:va bene|ok|okay|d'accordo) (?:il giorno|la data|l'ora|l'orario)\W*$"
    r"|^\W*(?:il giorno|la data|l'ora|l'orario) (?:mi )?va (?:bene|benissimo)\W*$"
    r"|\b(?:il giorno|la data|l'ora|l'orario) (?:si|ok|okay)\W*$|\bper (?:il giorno|la data|l'ora"
    r"|l'orario)\W*$"
    r"|\bavevo capito\b|\b(?:credevo|pensavo)\b|\btengo presente\b|\b(?:vedo|insomma)\W*$|\bnon importa\b"
    # Giving up, in whatever list of phrases it stands.
    r"|\brichiam\w+|\bci risent\w+|\blasci\w* (?:perdere|stare)|\brinunci\w*"
    r"|\bun'?altra volta\b|come non detto|\bchiamo (?:piu tardi|dopo|domani)\b|\bfa (?:niente|nulla)\b"
    r"|^\W*(?:niente|nulla)\b(?! (?:da|in contrario|di meglio|problem\w*))|\bfacci\w+ (?:niente|nulla)\b"
    # Not for good.
    r"|\bper (?:ora|adesso|il momento)\b(?! (?:e|va) (?:tutto|bene cosi))|\bintanto\b"
    r"|\bpermettendo\b|\bsperando\b|\bcon riserva\b|\bda confermare\b|\bin attesa\b"
    r"|\bquando .{1,30}\bconferm\w+|\bpoi (?:\w+ )?(?:prenot|conferm|rispond|ved)o\b"
    r"|\bmi (?:mandi|scriva|invii|richiami)\b.{0,30}\b(?:e|che|poi) (?:\w+ )?(?:conferm|rispond)o\b"
    r"|\bprenoto (?:dal|sul|online|dopo|domani)\b|\bprima (?:di (?:prenotare|confermare)|mi dic\w+|vorrei"
    r"|volevo)\b"
    r"|\bmettiamo(?: che\b|\W*$)|\bfacciamo finta\b|\bipotetic\w+|\b(?:sulla carta|di massima|si potrebbe)\b"
    r"|\ba (?:occhio|memoria)\b|\bsu due piedi\b|\bche io sappia\b|\bquanto ne so\b|\bcioe \d{3,4}\b"
    # Only asked.
    r"|\b(?:solo|soltanto) (?:per )?(?:informar|sapere|informazion|curiosita)\w*|\bper curiosita\b"
    r"|\ba sapersi\b"
    r"|\bdell'informazione\b"
    r"|\ba matita\b|\bin caldo\b|\bferm[oa] (?:fino|per|un|qualche)\b|\bsenza impegno\b|\bun'opzione\b"
    r"|\b(?:diciamo(?: di si)?|all'incirca|tipo)\W*$|\bsi vedra\b|\bcome vuo(?:i|le)\b"
    # Of another booking, or of somebody else.
    r"|\bho gia prenotato\b|\bce l'ho gia\b|\bprenoto io\b|\bera quell[oa] (?:di|del\w*)\b"
    r"|\bquell[oa] era\b|\bnon sono io\b"
    # Not meant.
    r"|\bbrav[oaie]\b|\bcontinu(?:a|i|ate) pure\b"
    r"|\bscherz(?:o|avo|avamo)\b|\bcol cavolo\b|\bal secchio\b|\bti piacerebbe\b|\bsogna\b"
    # To somebody else in the room.
    r"|\bdicevo a\b|\bmi chiamavano\b|\bdimmi\b|\b(?:chiudi|apri|spegni|metti?l[oa]|vieni|siediti|smettila)\b"
    r"|\bsono al telefono\b|\bmetti giu\b|\bpassami\b"
    r"|si\W+(?:car[oa]|mamma|papa|amore|tesoro)\b|\barrivo (?:subito|ora|adesso)\b|dicevamo"
    r"|(?:parlavo|stavo parlando) con"
    r"|conferm\w+ (?:\w+ ){0,2}?(?:piu tardi|dopo|poi|in seguito|appena|nei prossimi|la settimana))"
)
# "Sì, annulliamo", whatever the phrase files say.
CALLS_OFF = re.compile(r"\b(?:annull|disdi|cancell|elimin|tolg|togli)\w*")
# "Sì, rimandi": of what is to be moved its verb, of anything else another wish.
PUTS_ELSEWHERE = re.compile(
    r"\b(?:spost|rimand|rinvi|posticip|anticip)(?:i|a|iamo|ate|are|[ai]l[oa]|arl[oa]|iamol[oa])?\b"
)
# A yes on a condition is no yes: "sì, se riesco a liberarmi". Of "a meno che non" a poor line may leave "che non".
CONDITION = re.compile(
    r"\b(?:se (?!no\b|vuole\b|vuoi\b|possibile\b)|salvo|meno che|a meno d[ei]|che non\b|purche|sempre che"
    r"|a patto"
    r"|basta che|dipende|a condizione|tranne|eccetto|a parte|fuorche|esclus[oi]|come se\b|ammesso che"
    r"|posto che|qualora|caso ?mai|nell'eventualita|a seconda|(?:nel|in) caso(?! di)|(?:non )?appena"
    r"|una volta che)"
)
# "Mercoledì non poss": what is left of a refusal, where a phrase of the list no longer stands.
REFUSES = re.compile(
    r"\bnon (?!ci sono (?:problem|difficolta|dubbi))(?:poss|pos|poter|riesc|ries|riusc|vad|vogl|vorr"
    r"|ce la|ci so)\w*|\b(?:di|che) non\b|\bnon con\b"
    r"|\bnon (?:mi )?serv(?:e|ono)\b(?! altro)|\bnon ci sar(?:o|emo)\b|\bnon (?:verr|veng)\w+"
    r"|\bnon e (?:piu |proprio )?(?:possibile|fattibile|il caso|il momento)\b"
)
# "Ok, ci sentiamo" puts off, unless a plain yes stands beside it: "sì, a dopo, grazie". "Ci sentiamo mercoledì" agrees.
PUTS_OFF = re.compile(
    r"\bci sentiamo\b(?! (?:allora )?(?:(?:a|il|alle|per) )?(?:lunedi|martedi|mercoledi|giovedi|venerdi"
    r"|sabato|domenica"
    r"|alle|\d))|\ba (?:dopo|piu tardi|poi|risentir\w+)\b"
)
LATER = re.compile(
    r"\bci sentiamo (?:\w+ )?(?:piu tardi|dopo|poi|domani|in settimana|nei prossimi|tra|fra)\b"
    r"|\bun(?:o|a)? (?:giorno |volta |sera )?di quest[ie]\b"
)
"""These put off also beside a plain yes."""

# "Sì, va bene?" asks nothing but whether it was heard.
ONLY_AGREES = word_set(
    "si ok okay va vanno bene benissimo perfetto giusto esatto corretto vero confermo confermato",
    "confermata d'accordo certo e allora cosi",
)
# Another one than the one restated, or both, without saying which: "sì, l'altro", "sì, più tardi".
POINTS_AWAY = re.compile(
    r"\bentramb[ie]\b|(?<!per )(?<!\ba )\btutt[ie] e (?:due|tre)\b"
    r"|\b(?:l'|quell'|un |un')altr[oa]\b(?! (?:cosa|domanda|giorno|ieri|volta)\b)"
    r"|\bquell[oa] (?:dopo|prima|successiv[oa]|seguente|precedente|d(?:i|el|ella) (?:mi|nostr|su)[oa]\b)"
    r"|\b(?:il|la) (?:prossim[oa]|successiv[oa]|seguente)\W*$"
    r"|\b(?:la|il) (?:mattin[ao]|pomeriggio|sera|giorno|settimana|mese) (?:dopo|prima|seguente"
    r"|successiv[oa])\b"
    r"|\b(?:minuti|ora|or[ae]tt[ae]|lunedi|martedi|mercoledi|giovedi|venerdi|sabato|domenica) (?:dopo"
    r"|prima)\b(?! d)"
    r"|\bdopo (?:le feste|le vacanze|le ferie|l'estate|pasqua|natale|capodanno|ferragosto)\b"
    r"|\b(?:uno|giorno) qualsiasi\b|\b(?:qualsiasi|qualunque) (?:giorno|ora|orario|data)\b"
    r"|\bnell'altr[oa] (?:sede|studio|ufficio)\b|\ba (?:casa mia|domicilio)\b"
    r"|\b(?:avanti|indietro) di\b|\bdi (?:una|due|tre) settiman[ae]\b"
    # More than one.
    r"|(?<!\ba )(?<!\bper )\btutt[ie]\W*$|\baggiung[ai]\W*$"
    r"|\b(?:due|tre|quattro|[2-9]) (?:appuntamenti|prenotazioni|consulenze|incontri|visite|sedute)\b"
    r"|\bne (?:prenot|segn|fiss|mett|aggiung|vogli|vorrei|facci|prend)\w* (?:anche )?(?:un[oa]?|due|tre"
    r"|altr\w+|[2-9])\b"
    r"|(?:^|[,.;:!?]|\bsi\b)\s*(?:(?:un po'|molto|subito|anche|ancora) )?"
    r"(?:dopo|prima|piu (?:tardi|presto|avanti|in la))\W*(?:$|[,.;:!?])"
)
# Broken off before the word that counts: "sì, alle …".
UNFINISHED = re.compile(
    r"\b(?:alle|all|dalle|delle|verso|le|il|lo|per|di|del|dell|della|dal|con|perche|al|non|se|o|oppure|e"
    r"|anche"
    r"|lun|lune|mart|marte|merc|merco|mercol|gio|giov|giove|ven|vene|vener|sab|saba|dom|dome)\W*$"
)
# Of an appointment that was to be moved or cancelled: it stays.
KEEPS = re.compile(
    r"\b(?:lo|la|li) (?:ten(?:g|ete)|tien|mant|lasc)\w*|\blasc(?:i|ia|iate|iamo)\b"
    r"|\b(?:resta|restano|rimane|rimangono)\b"
)
# Said of one that was to be cancelled: the caller comes after all; or does not, which is why, or rings again.
STILL_COMES = re.compile(
    r"(?<!non )(?<!non ci )\b(?:vengo|veniamo|verro|verremo|ci saro|ci saremo)\b"
    r"|\bconferm\w+ (?:l'appuntamento|la (?:mia )?(?:presenza|prenotazione))\b"
)
REASONS = re.compile(
    r"\bnon (?:(?:posso|possiamo|potro|riesco|riusciamo|riusciro|ce la faccio)(?: piu| proprio)?(?: ad?)?"
    r" (?:venire|venirci|esserci|passare)|vengo|veniamo|verro|verremo|ci saro|ci saremo)"
    r"(?: piu)?(?=\W*$| *[,.;!]| quel giorno| grazie| mi dispiace| scus)"
    r"|\b(?:poi |dopo )?(?:(?:la|vi|ti) )?richiam(?:o|ero)(?: poi| io)* per (?:(?:fissar|prenotar|prender)\w* )?"
    r"un(?:o|a|')? ?(?:altr|nuov)[oa](?: appuntamento)?\b"
)
# What a bare number may follow: "sì, il dodici".
BEFORE_NUMBER = ONLY_AGREES | word_set("il le l alle all per no")

# Beside a yes to a move, of the day that is left.
LEFT = (
    r"\b(?:invece|al posto) d(?:i|el|ella) (?:quell[oa] d(?:i|el|ella) )?{day}\b"
    r"|\b{day} (?:(?:purtroppo|proprio) )?non (?:posso|riesco|ce la faccio)\b|\b(?:non posso|non riesco) {day}\b"
)

QUESTION = re.compile(r"[^.!?;…]*\?")
# Asked beside a yes, what the yes may hang on: the price, how long it takes, with whom, the day and time themselves.
HANGS_ON = re.compile(
    r"\bquanto (?:mi |ci |vi |le )?(?:cost|vien|verr|pag|devo pag|si pag|dur|ci vuole|ci mett)\w*"
    r"|\b(?:a )?che or[ae]\b|\b(?:di )?che giorno (?:e|era|sarebbe|siamo)\b|\bcon chi\b(?=\W*$)"
)
# Questions of who has already agreed: how to get there, what to bring, what is sent, whether all is done.
HARMLESS = re.compile(
    r"\b(?:dov'?e?|indirizzo|in che via|a che piano|citofon\w+|parchegg\w+|come (?:ci )?(?:arriv|si arriv"
    r"|vi trov)\w*"
    r"|port(?:o|are|armi|iamo)|document\w+|promemoria|messaggi\w*|sms|e?-?mail"
    r"|mi (?:arriva|manda\w*|mandi|invia\w*|scrive\w*) (?!sapere)|serve (?:altro|qualcosa|qualcos'altro)"
    r"|(?:e|siamo|tutto) a posto|basta cosi|abbiamo finito)\b"
)
TAG = re.compile(r",\s*(?:giusto|vero|ok|okay|va bene|eh|esatto|corretto|no|d'accordo|dico bene)\s*\?$")
# Said of how an address is written, not of the one that was restated.
SPELLS_ANEW = re.compile(
    r"\bsenza (?:(?:il|lo|la|l'|nessun) ?)?(?:punt|trattin|spazi|acc)\w*|\btutt[oa] (?:attaccat|unit)[oa]\b"
    r"|\bco[nl] (?:(?:il|la|lo|una|un|l'|due|doppi[ao]) ?)*(?:punto|trattino|underscore"
    r"|\w{1,2} (?:lung|finale|doppi)\w*|acca|cappa|kappa|ipsilon|i greca)\b"
    r"|\bcon (?:la|l'|il|due|tre) ?\w\b(?!')|\bal (?:plurale|singolare|femminile|maschile)\b"
    r"|\bmaiuscol\w+|\bminuscol\w+"
)
# Another phone or email than the one restated, as far as we can tell: "sì, quella di lavoro".
OTHER_CONTACT = re.compile(
    r"\bquell[oa] (?:vecchi[oa]|nuov[oa]|di (?:lavoro|casa)|del lavoro|dell'ufficio|aziendale|personale)\b"
    r"|\b(?:al|sul) fisso\b|\bmanca(?:no)? (?:un|una"
    r"|il|la|due)\b"
    r"|\bcambiat[oa]\b|\berror[ei]\b|\bpec\b|\b(?:numero|mail|email|indirizzo) di mi[oa]\b"
)
# Of the digits beside them: how the number ends.
AT_THE_END = re.compile(r"\b(?:alla fine|finale|finali|ultime (?:\w+ )?cifre)\b")
# Signs of an address, and how they are said.
SIGNS = {"trattino": "-", "underscore": "_"}
# Beside the email restated, the provider of another one.
PROVIDER = re.compile(r"\b(?:gmail|hotmail|yahoo|outlook|icloud|tiscali|virgilio|fastwebnet)\b")
# Said after a yes, once the assistant has begun to answer, these leave it as it is.
CLOSES = word_set(
    "grazie mille tante molte infinite davvero ringrazio la ti vi lei voi te a e allora ok okay va",
    "bene benissimo perfetto ottimo arrivederci arrivederla buongiorno buonasera buona buon giornata",
    "serata pomeriggio lavoro ciao salve presto altrettanto gentile gentilissimo gentilissima molto",
    "d'accordo",
)
