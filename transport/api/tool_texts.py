"""What the tools say in Italian: to the model that may call them, and to the customer about what came of it."""

from __future__ import annotations

from collections.abc import Mapping

DESCRIPTIONS: Mapping[str, str] = {
    "getAvailableSlots": "Elenca gli orari liberi del consulente. Proponi al cliente solo questi.",
    "proposeBooking": (
        "Tiene libero un orario per 15 minuti, in attesa del sì del cliente. Non prenota: ripeti giorno, data e ora "
        "e chiedi conferma."
    ),
    "confirmBooking": (
        "Prenota l'orario tenuto libero. Chiamalo solo dopo che il cliente ha detto sì a giorno e ora ripetuti per "
        "intero. Se il cliente non è registrato servono telefono ed email, ripetuti anch'essi."
    ),
    "cancelBooking": "Annulla un appuntamento, dopo il sì del cliente.",
    "rescheduleBooking": "Sposta un appuntamento a un altro orario libero, dopo il sì del cliente.",
    "getMyBookings": "Elenca gli appuntamenti in programma del cliente.",
}

FIELDS: Mapping[str, str] = {
    "fromDate": "Primo giorno, AAAA-MM-GG; se manca, oggi.",
    "toDate": "Ultimo giorno, AAAA-MM-GG; se manca, due settimane dopo il primo.",
    "minutes": "Durata in minuti; se manca, quella abituale del consulente.",
    "start": "Inizio, ora locale del consulente: AAAA-MM-GGTHH:MM.",
    "token": "Il token di proposeBooking; se manca, vale l'ultimo orario tenuto in questa conversazione.",
    "name": "Nome del cliente, se non è registrato.",
    "phone": "Telefono del cliente, se non è registrato.",
    "email": "Email del cliente, se non è registrato.",
    "notes": "Di che cosa si tratta, con le parole del cliente.",
    "bookingId": "L'appuntamento, da getMyBookings; nei 30 minuti dopo una prenotazione può mancare: vale quella.",
}

# (tool, code) -> sentence; None stands for every tool. {slot}, {slots} and {until} are filled in.
SENTENCES: Mapping[tuple[str | None, str], str] = {
    ("getAvailableSlots", "OK"): "Sono liberi: {slots}.",
    ("getAvailableSlots", "NO_SLOTS"): "In quei giorni non c'è posto.",
    ("proposeBooking", "OK"): "{slot} è libero e resta tenuto fino alle {until}: confermi?",
    ("confirmBooking", "OK"): "L'appuntamento è prenotato: {slot}.",
    ("cancelBooking", "OK"): "L'appuntamento di {slot} è annullato.",
    ("rescheduleBooking", "OK"): "L'appuntamento è spostato a {slot}.",
    ("getMyBookings", "OK"): "Gli appuntamenti in programma: {slots}.",
    ("getMyBookings", "NO_BOOKINGS"): "Non ci sono appuntamenti in programma.",
    (None, "SLOT_TAKEN"): "{slot} non è più disponibile. {alternatives}",
    (None, "OUTSIDE_HOURS"): "{slot} non si può prenotare. {alternatives}",
    (None, "PAST"): "È un orario già passato: non è cambiato nulla. {alternatives}",
    (
        None,
        "HOLD_EXPIRED",
    ): "Il tempo per confermare è scaduto e non è prenotato nulla: scegliamo di nuovo l'orario.",
    (None, "NOT_FOUND"): "Non troviamo questo appuntamento: non è cambiato nulla.",
    ("confirmBooking", "NOT_FOUND"): "Non c'è un orario in attesa di conferma: scegliamone uno.",
    (None, "DETAILS_MISSING"): "Per prenotare mancano ancora: {missing}.",
    (None, "INVALID_PHONE"): "Il numero di telefono non è completo: puoi scriverlo di nuovo?",
    (None, "INVALID_EMAIL"): "L'email non è scritta bene: puoi scriverla di nuovo?",
    (None, "WHICH_BOOKING"): "Quale appuntamento? {bookings}",
}

ALTERNATIVES = "Sono liberi: {slots}."
THEIR_BOOKINGS = "In programma: {slots}."
MISSING: Mapping[str, str] = {"phone": "il telefono", "email": "l'email"}
AND = " e "


def sentence(tool: str, code: str, **values: str) -> str:
    """The sentence for what a tool came to. Raises KeyError for a code that has none."""
    text = SENTENCES.get((tool, code)) or SENTENCES[None, code]
    said = text.format(**values).strip()
    return said[:1].upper() + said[1:]
