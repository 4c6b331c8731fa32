"""The words of the machine: the stages a booking goes through, its tasks, and the events that move it."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """How far the booking of a call has come."""

    NESSUN_INTENTO = "nessun_intento"
    RACCOLTA_DATI = "raccolta_dati"
    DATI_COMPLETI = "dati_completi"
    CONFERMATO = "confermato"
    COMPLETATO = "completato"
    ERRORE = "errore"


class Task(StrEnum):
    """What the caller wants done."""

    NESSUNO = "nessuno"
    PRENOTA = "prenota"
    SPOSTA = "sposta"
    DISDICI = "disdici"


class Event(StrEnum):
    """What can be asked of the machine."""

    INTERESSE = "interesse"
    COMPLETA = "completa"
    CORREZIONE = "correzione"
    SCADENZA = "scadenza"
    ABBANDONO = "abbandono"
    CONFERMA = "conferma"
    SUCCESSO = "successo"
    FALLIMENTO = "fallimento"
    RIPROVA = "riprova"
    MODIFICA = "modifica"
