"""How every page is answered: rendered from its template, with the viewer and the token of its forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp_jinja2
from aiohttp import web

from transport.console import forms
from transport.console.access import SESSION, VIEWER


def page(
    request: web.Request, template: str, context: Mapping[str, Any], *, status: int = 200
) -> web.Response:
    """The page that `template` makes of `context`.

    Every template has `viewer`, `session` (its id, or None), `here` (the path) and `form_token` too.
    """
    given = {
        "viewer": request.get(VIEWER),
        "session": request.get(SESSION),
        "here": request.path,
        "form_token": forms.token(request),
        **context,
    }
    response = aiohttp_jinja2.render_template(template, request, given, status=status)
    forms.remember(request, response)
    return response
