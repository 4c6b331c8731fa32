"""Who may see what: roles, the viewer of a request, and what each route of the console declares that it asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web

from storage.users import Role

__all__ = [
    "SESSION",
    "VIEWER",
    "Needs",
    "Role",
    "Viewer",
    "anybody",
    "is_own_way",
    "needs_of",
    "requires",
    "signed_in",
]

#: Routes that are no pages and keep their own ways: tokens, keys, or open to all.
OWN_WAYS = ("/bridge/", "/v1", "/ics/", "/prenota/", "/healthz", "/metrics")

_NEEDS = "console_needs"


_SEES_ALL = frozenset({Role.REVISORE, Role.AMMINISTRATORE})


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page. `consultant_id` is whose agenda is theirs; every consulente has one."""

    user_id: int
    name: str
    roles: frozenset[Role]
    consultant_id: int | None = None

    def __post_init__(self) -> None:
        if Role.CONSULENTE in self.roles and self.consultant_id is None:
            raise ValueError("a consulente has an agenda: give its consultant")

    def may(self, *roles: Role) -> bool:
        """Whether one of `roles` is theirs; an amministratore may everything."""
        return Role.AMMINISTRATORE in self.roles or not self.roles.isdisjoint(roles)

    @property
    def own_only(self) -> int | None:
        """The consultant whose calls and agenda alone they may see; None: all of them.

        Raises HTTPForbidden for who may see no calls at all, so that a forgotten question shows nothing.
        """
        if not self.roles.isdisjoint(_SEES_ALL):
            return None
        if Role.CONSULENTE not in self.roles:
            raise web.HTTPForbidden
        return self.consultant_id

    def may_act_for(self, consultant_id: int) -> bool:
        """Whether they may change what is this consultant's; to see it is not enough."""
        own = Role.CONSULENTE in self.roles and self.consultant_id == consultant_id
        return own or Role.AMMINISTRATORE in self.roles


VIEWER: web.RequestKey[Viewer] = web.RequestKey("viewer", Viewer)

#: The id of the viewer's session, where they have signed in.
SESSION: web.RequestKey[int] = web.RequestKey("session", int)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a route asks: one of `roles`, or with `anybody` nothing. `live` routes stream and are no navigation; only
    with `files` a form may bring files."""

    roles: frozenset[Role] = frozenset()
    anybody: bool = False
    live: bool = False
    files: bool = False


H = TypeVar("H", bound=Callable[..., Any])


def requires(*roles: Role, live: bool = False, files: bool = False) -> Callable[[H], H]:
    """Declare who may use the decorated handler; an amministratore always may. Without a declaration nobody may.

    `live`: a WebSocket or a stream of events; it must be asked for by a page of ours (see `same_origin`).
    `files`: its form may bring some.
    """

    def declare(handler: H) -> H:
        setattr(handler, _NEEDS, Needs(frozenset(roles) | {Role.AMMINISTRATORE}, live=live, files=files))
        return handler

    return declare


def signed_in(handler: H) -> H:
    """Declare that everybody who is signed in may use the decorated handler."""
    return requires(*Role)(handler)


def anybody(handler: H) -> H:
    """Declare that everybody may use the decorated handler, signed in or not."""
    setattr(handler, _NEEDS, Needs(anybody=True))
    return handler


def needs_of(handler: object) -> Needs | None:
    """What was declared for a handler; None when nothing was."""
    return getattr(handler, _NEEDS, None)


def is_own_way(path: str) -> bool:
    """Whether the route at `path` is none of the console's."""
    return path.startswith(OWN_WAYS)
