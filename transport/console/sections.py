"""The sections of the console as its navigation names them, and who may open each."""

from __future__ import annotations

from dataclasses import dataclass

from transport.console.access import Role, Viewer
from transport.console.wording import TEXTS


@dataclass(frozen=True, slots=True)
class Section:
    """One link of the navigation: its address, its title, and the roles that its page asks (see `access.requires`)."""

    path: str
    title: str
    roles: tuple[Role, ...]


SECTIONS = (
    Section("/chiamate", TEXTS["sections"]["calls"], (Role.CONSULENTE, Role.REVISORE)),
    Section("/calendario", TEXTS["sections"]["calendars"], (Role.CONSULENTE, Role.REVISORE)),
    Section("/agenda", TEXTS["sections"]["agenda"], (Role.CONSULENTE,)),
    Section("/cruscotto", TEXTS["sections"]["figures"], (Role.ANALISTA, Role.REVISORE, Role.CONSULENTE)),
    Section("/registro", TEXTS["sections"]["journal"], (Role.REVISORE,)),
    Section("/regole", TEXTS["sections"]["rules"], (Role.ANALISTA,)),
)


def sections_of(viewer: Viewer | None) -> list[Section]:
    """The sections that `viewer` may open, in order; none where nobody is signed in."""
    return [] if viewer is None else [section for section in SECTIONS if viewer.may(*section.roles)]
