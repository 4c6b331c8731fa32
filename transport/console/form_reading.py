"""Reads the form of a request that acts, and refuses what no page of ours sends, before any of it is decoded."""

from __future__ import annotations

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

_FIELDS = ("", "application/x-www-form-urlencoded")
_FILES = "multipart/form-data"
_LONGEST = 1 << 16  # bytes; of a form without files
NUL = "\0"  # which Postgres takes in no text, and nobody types


async def can_be_read(request: web.Request, *, files: bool = False) -> bool:
    """Whether the form of `request` may be a page's of ours; then `request.post()` gives its fields.

    It is in UTF-8 and of one piece, unless `files` come with it. Else whoever asks would choose the codec, each part
    its own, and there are codecs that take minutes for what fits in a body: so long no call is heard.
    """
    kind = request.content_type
    if kind == _FILES and not files:
        return False
    try:
        if (request.charset or "utf-8").lower() != "utf-8":
            return False
        if kind in _FIELDS and len(await request.read()) > _LONGEST:
            return False
        fields = await request.post()
    except (ValueError, LookupError, HttpProcessingError):  # no boundary, no UTF-8, no headers of a part
        return False
    return not any(isinstance(value, str) and NUL in value for value in fields.values())
