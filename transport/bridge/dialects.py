"""Which dialect is spoken at which path."""

from __future__ import annotations

from collections.abc import Mapping

from transport.bridge.connection import Connection
from transport.bridge.fork import ForkConnection
from transport.bridge.stream import StreamConnection
from transport.bridge.twilio import TwilioConnection

DIALECTS: Mapping[str, type[Connection]] = {
    "/bridge/fork": ForkConnection,
    "/bridge/stream": StreamConnection,
    "/bridge/twilio": TwilioConnection,
}
