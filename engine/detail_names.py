"""What the details of a booking are called in Italian: among the facts, in a list, and when one is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DetailName:
    """`fact`: as rules and rule files call it. `listed`: in a list of details. `asked`: what to ask the caller for."""

    fact: str
    listed: str
    asked: str


# In the order in which they are asked for.
NAMES = {
    "date": DetailName("data", "giorno", "il giorno"),
    "time": DetailName("ora", "ora", "l'ora"),
    "phone": DetailName("telefono", "telefono", "il telefono"),
    "email": DetailName("email", "email", "l'email"),
    "name": DetailName("nome", "nome", "il nome"),
    "target": DetailName("appuntamento", "quale appuntamento", "quale appuntamento"),
}
BY_FACT = {name.fact: detail for detail, name in NAMES.items()}
