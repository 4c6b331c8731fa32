"""The entrance of the demo: its throw-away store is shown to everybody on this machine, as to an amministratore."""

from __future__ import annotations

from aiohttp import web

from transport.console.access import Role, Viewer

_EVERYBODY = Viewer(0, "demo", frozenset({Role.AMMINISTRATORE}))


class OpenDoor:
    """A `gate.Entrance` that asks for nothing; only for a store that holds nobody's data, on loopback."""

    async def viewer(self, _: web.Request) -> Viewer | None:
        """Everybody alike."""
        return _EVERYBODY

    def add_to(self, app: web.Application) -> None:
        """Nobody signs in here."""
