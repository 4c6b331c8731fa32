"""An emulator of Gemini on the wire: Live conversations and generateContent over TLS on loopback, own CA."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Sequence
from typing import Any

import trustme
from aiohttp import web
from google.genai import types
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from engine.ports import Clock
from transport.simulation.clock import ScaledClock
from transport.simulation.gemini_emulator_call import Calls, EmulatedCall
from transport.simulation.gemini_emulator_live import EmulatedConnection
from transport.simulation.gemini_emulator_script import ExtractionScript, Script

EMULATOR_KEY = "emulator"
"""The only API key the emulator takes, unless told otherwise."""

_HOST = "127.0.0.1"
_LIVE = "/ws/google.ai.generativelanguage.{version:v[^./]+}.GenerativeService.BidiGenerateContent"
_GENERATE = "/{version:v[^/]+}/models/{model:[^/:]+}:generateContent"


class GeminiEmulator:
    """The production client speaks to it unchanged, given its `base_url` and `tls`.

    `script_for` is asked once a call, with its prompt, for what shall go wrong. Its time is `clock`, or one of
    its own that runs `speed` times as fast as ours; what it hears is counted in samples and needs none.
    """

    def __init__(
        self,
        *,
        api_key: str = EMULATOR_KEY,
        script_for: Callable[[str], Script] = lambda _: Script(),
        speed: float = 1.0,
        clock: Clock | None = None,
    ) -> None:
        self._api_key = api_key
        self._calls = Calls(script_for)
        self._connections: set[EmulatedConnection] = set()
        self._clock = clock or ScaledClock(speed)
        self._ca = trustme.CA()
        self._runner: web.AppRunner | None = None
        self.extraction = ExtractionScript()
        self.base_url = ""

    @property
    def calls(self) -> list[EmulatedCall]:
        """All calls so far, in the order in which they began."""
        return self._calls.all

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the emulator's own authority."""
        return self._ca.cert_pem.bytes()

    @property
    def tls(self) -> ssl.SSLContext:
        """A client's context that trusts the emulator and nobody else."""
        return ssl.create_default_context(cadata=self.ca_pem.decode())

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; `base_url` is known from now on."""
        app = web.Application(client_max_size=16 << 20)
        app.router.add_get(_LIVE, self._live)
        app.router.add_post(_GENERATE, self._generate)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(_HOST, "localhost").configure_cert(context)
        site = web.TCPSite(self._runner, _HOST, port, ssl_context=context)
        await site.start()
        self.base_url = f"https://{_HOST}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._runner:
            for connection in list(self._connections):
                await connection.close()
            await self._runner.cleanup()
            self._runner = None

    async def _live(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=16 << 20)
        await socket.prepare(request)
        key = request.headers.get("x-goog-api-key")
        if key is None:
            await socket.close(code=1008, message=b"Method doesn't allow unregistered callers")
        elif key != self._api_key:
            await socket.close(code=1007, message=b"API key not valid. Please pass a valid API key.")
        else:
            connection = EmulatedConnection(socket, request, self._calls, clock=self._clock)
            self._connections.add(connection)
            try:
                await connection.run()
            finally:
                self._connections.discard(connection)
        return socket

    async def _generate(self, request: web.Request) -> web.Response:
        if request.headers.get("x-goog-api-key") != self._api_key:
            return _refusal(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")
        try:
            asked = _GenerateRequest.model_validate_json(await request.read())
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            return _refusal(400, "INVALID_ARGUMENT", f'Invalid JSON payload received. Unknown name "{where}"')
        script = self.extraction
        await self._clock.sleep(script.delay_s)
        if script.status != 200:
            return _refusal(script.status, "UNAVAILABLE", "The model is overloaded. Please try again later.")
        text = "\n".join(part.text or "" for content in asked.contents for part in content.parts or [])
        if isinstance(script.answer, str):
            answer = script.answer
        else:
            found = script.answer(text) if script.answer else small_model(text)
            answer = json.dumps([dict(mention) for mention in found], ensure_ascii=False)
        content = {"role": "model", "parts": [{"text": answer}]}
        return web.json_response(
            {
                "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
                "usageMetadata": {
                    "promptTokenCount": 100,
                    "candidatesTokenCount": 10,
                    "totalTokenCount": 110,
                },
                "modelVersion": request.match_info["model"],
                "responseId": "emulated",
            }
        )


class _GenerateRequest(BaseModel):
    """The body of generateContent, as far as we use it."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    contents: list[types.Content]
    system_instruction: types.Content
    generation_config: types.GenerationConfig


_DAY = "lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "date",
        re.compile(rf"(?:{_DAY})(?: \d{{1,2}})?(?: [a-z]+(?=aio|zo|ile|gio|gno|lio|sto|bre)[a-z]+)?", re.I),
    ),
    ("date", re.compile(r"\b(?:dopo)?domani\b", re.I)),
    ("time", re.compile(r"\balle \w+(?::\d\d)?(?: e mezza)?", re.I)),
    ("email", re.compile(r"[\w.+-]+@[\w.-]+\w|[\w ]+ chiocciola [\w ]+", re.I)),
    ("phone", re.compile(r"\+?\d[\d ]{7,}\d")),
)


def small_model(turns: str) -> Sequence[dict[str, Any]]:
    """The emulator's own extraction: what simple patterns find in lines of "number speaker: words"."""
    return [
        {"kind": kind, "turn": int(line[1]), "verbatim": found[0].strip()}
        for line in re.finditer(r"^(\d+) \w+: (.*)$", turns, re.MULTILINE)
        for kind, pattern in _PATTERNS
        for found in pattern.finditer(line[2])
    ]


def _refusal(status: int, name: str, message: str) -> web.Response:
    error = {"code": status, "message": message, "status": name}
    return web.json_response({"error": error}, status=status)
