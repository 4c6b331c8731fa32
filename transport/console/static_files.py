"""What the pages load besides themselves: the files of one folder, as they were when the server started."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from transport.console.access import anybody


class Static:
    """The files of `folder` under `path`; no path of a request is looked up on the disk."""

    def __init__(self, folder: Path, path: str = "/static") -> None:
        self._path = path
        self._files = {path.name: path for path in folder.iterdir() if path.is_file()}

    def add_to(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_get(f"{self._path}/{{name}}", self.file)

    @anybody
    async def file(self, request: web.Request) -> web.StreamResponse:
        """One of them; browsers may keep it, and ask whether it has changed."""
        path = self._files.get(request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound
        return web.FileResponse(
            path, headers={"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        )
