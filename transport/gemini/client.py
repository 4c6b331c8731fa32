"""The one google-genai client of this process."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlsplit

from google import genai
from google.genai import types

from transport.errors import TransportError
from transport.gemini.fast import CapturedConnection
from transport.gemini.settings import GeminiSettings
from transport.loopback import is_loopback

_MAX_MESSAGE = 16 << 20
_CLOSE_TIMEOUT_S = 1.0


class GeminiKeyError(TransportError):
    """Raised when there is no API key to talk to Gemini with."""


def make_client(settings: GeminiSettings, api_key: str, tls: ssl.SSLContext | None = None) -> genai.Client:
    """A client for live conversations and the small model; share it, end with `await client.aio.aclose()`.

    `tls` says whom to trust; without it SSL_CERT_FILE and SSL_CERT_DIR do, else the bundled certificates.
    Raises GeminiKeyError for an empty key, TransportError when the certificates cannot be read.
    """
    if not api_key.strip():
        raise GeminiKeyError(
            "GEMINI_API_KEY is not set: put the key of your Google AI project in the environment,"
            " or set gemini.emulator = true to try the system without one"
        )
    wire: dict[str, Any] = {
        "compression": None,
        "ping_interval": None,
        "create_connection": CapturedConnection,
        "max_size": _MAX_MESSAGE,
        "open_timeout": settings.open_timeout_s,
        "close_timeout": _CLOSE_TIMEOUT_S,
    }
    if tls is not None:
        # One name for the WebSocket and aiohttp, the other for httpx.
        wire |= {"ssl": tls, "verify": tls}
    if is_loopback(urlsplit(settings.base_url).hostname):
        wire["proxy"] = None  # A proxy named in the environment does not lead there.
    options = types.HttpOptions(
        base_url=settings.base_url or None, api_version=settings.api_version, async_client_args=wire
    )
    try:
        return genai.Client(api_key=api_key, vertexai=False, http_options=options)
    except OSError as error:
        raise TransportError(f"cannot read the certificates named by SSL_CERT_FILE: {error}") from error
