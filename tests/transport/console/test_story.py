"""A call's journal reads like a story: what was said and what was done about it, in order, with the reasons."""

from __future__ import annotations

from datetime import timedelta

from storage import journal, personal, privacy
from storage.calls import call_detail
from storage.database import Database
from tests.transport.console.conftest import NOW, SLOT
from transport.console.story import story

BEGAN = NOW + timedelta(hours=5)


def told(database: Database, call_id: str) -> list[str]:
    def read() -> list[str]:
        detail = call_detail(call_id)
        assert detail is not None
        return list(story(detail, personal.values_of(call_id)))

    return database.run_blocking(read)


def correct(call_id: str) -> None:
    journal.append(
        {
            "call_id": call_id,
            "analysis": 3,
            "event": "correzione",
            "from": "dati_completi",
            "to": "raccolta_dati",
            "rule": "correzione",
            "rules": "0123456789abcdef",
            "why": "il chiamante corregge il telefono",
            "changes": {
                "time": {"old": "10:00:00", "new": None},
                "phone": {"old": None, "new": "+393401111111"},
            },
            "outcome": "nessuno",
        },
        recorded_at=BEGAN + timedelta(seconds=20),
    )


async def test_words_and_entries_stand_in_the_order_they_happened(
    database: Database, seeded: dict[str, str]
) -> None:
    await database.run(lambda: correct(seeded["booked"]))
    lines = told(database, seeded["booked"])
    assert lines[0] == f"Chiamata {seeded['booked']}: Ada Bianchi, in entrata, Gio 12 feb 2026, 20:15"
    assert lines[1] == "Appuntamento Creato → Lun 16 feb alle 10:00"
    clock = [line.split()[0] for line in lines[3:] if not line.startswith(" ")]
    assert clock == ["20:15:00", "20:15:05", "20:15:05", "20:15:10", "ora", "20:15:15", "20:15:20"]
    assert "Assistente: «Lunedì 16 febbraio [interrotto, non sentito: alle 10, confermi?]»" in " ".join(lines)
    assert "20:15:15    [2] conferma: resta in raccolta dati" in lines
    assert "            rifiutato: nessun sì a un riepilogo esatto (readback_agreed)" in lines
    assert "            esito: orario occupato" in lines
    assert "            avviso: fare il riepilogo e chiedere conferma" in lines
    assert lines[-5:] == [
        "20:15:20    [3] correzione: dati completi → raccolta dati",
        "            regola: correzione, regole 0123456789ab",
        "            perché: il chiamante corregge il telefono",
        "            ora: 10:00:00 → —",
        "            telefono: — → +393401111111",
    ]


async def test_what_was_erased_is_told_as_such(database: Database, seeded: dict[str, str]) -> None:
    call_id = seeded["booked"]
    await database.run(lambda: correct(call_id))
    now = SLOT + timedelta(days=1)

    def erase() -> None:
        found = privacy.traces(phones=["+393401111111"], now=now)
        privacy.erase(found, cancel=False, now=now)

    await database.run(erase)
    lines = told(database, call_id)
    assert lines[0].startswith(f"Chiamata {call_id}: (cancellato), in entrata")
    assert "Le parole della chiamata non ci sono (o non ci sono più)." in lines
    assert "            telefono: — → (cancellato)" in lines
    assert lines[-4:] == [
        "            perché: I dati della persona sono stati cancellati su richiesta.",
        "            esito: dati personali cancellati su richiesta",
        "            cancellati: battute 4",
        "            cancellati: dati personali 1",
    ]
