"""The entrance of the demo: its throw-away store is shown to everybody on this machine, as to an amministratore."""

from __future__ import annotations

import ipaddress

from aiohttp import web

from transport.console.access import Role, Viewer

_EVERYBODY = Viewer(0, "demo", frozenset({Role.AMMINISTRATORE}))


class OpenDoor:
    """An `access.Entrance` that asks for nothing; only for a store that holds nobody's data, on loopback."""

    async def viewer(self, request: web.Request) -> Viewer | None:
        """Everybody who asks for this machine by its own name: a name of somebody else's that leads here is none."""
        if not _names_this_machine(request.url.host):
            raise web.HTTPForbidden
        return _EVERYBODY


def _names_this_machine(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
