"""Every page of the console: address, who may see it, and a word that it shows. A new page is one more line here."""

from __future__ import annotations

from dataclasses import dataclass

from storage.users import Role

CONSULENTE, ANALISTA, REVISORE = Role.CONSULENTE, Role.ANALISTA, Role.REVISORE
EVERYBODY = tuple(Role)


@dataclass(frozen=True)
class Known:
    """A page. `path` may name seeded calls as {booked}; `roles` may see it, and an amministratore always."""

    path: str
    roles: tuple[Role, ...]
    says: str
    signed_in: bool = True

    def for_role(self, role: Role) -> bool:
        """Whether who has this role alone may see it."""
        return role is Role.AMMINISTRATORE or role in self.roles


PAGES = (
    Known("/chiamate", (CONSULENTE, REVISORE), "Ada Bianchi"),
    Known("/chiamate/{booked}", (CONSULENTE, REVISORE), "nessun sì a un riepilogo esatto"),
    Known("/calendario", (CONSULENTE, REVISORE), "gli appuntamenti stanno solo qui"),
    Known("/agenda", (CONSULENTE,), "Agenda di Marco Rossi"),
    Known("/agenda/orari", (CONSULENTE,), "Orari della settimana"),
    Known("/agenda/consultation/{booking}", (CONSULENTE,), "Lun 16 feb alle 10:00"),
    Known("/cruscotto", (ANALISTA, REVISORE, CONSULENTE), "Fin dove arrivano"),
    Known("/registro", (REVISORE,), "interesse_esplicito"),
    Known("/regole", (ANALISTA,), "In vigore da"),
    Known("/regole/prova", (ANALISTA,), "Prova una modifica"),
    Known("/regole/2", (ANALISTA,), "abandon_after = 4"),
    Known("/account", EVERYBODY, "questa sessione"),
    Known("/accedi", (), "Password", signed_in=False),
    Known("/primo-accesso/{nobody}", (), "Il link non vale più", signed_in=False),
)
