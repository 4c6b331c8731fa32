"""What an end of a conversation means for the next try."""

from __future__ import annotations

import ssl

import pytest
from google.genai import errors
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from engine.ports import Loss
from transport.gemini.losses import loss_of, loss_of_code, reason_of


def answered(status: int) -> InvalidStatus:
    return InvalidStatus(Response(status, "as written", Headers()))


@pytest.mark.parametrize(
    ("code", "loss"),
    [
        (1000, Loss.NETWORK),
        (1001, Loss.NETWORK),
        (1006, Loss.NETWORK),
        (1007, Loss.REFUSED),
        (1008, Loss.FATAL),
        (1011, Loss.SERVER),
        (4999, Loss.NETWORK),
    ],
)
def test_close_codes(code: int, loss: Loss) -> None:
    assert loss_of_code(code) is loss
    assert loss_of(errors.APIError(code, {"message": "as written"})) is loss
    assert loss_of(ConnectionClosedError(Close(code, ""), None)) is loss


@pytest.mark.parametrize(
    ("error", "loss"),
    [
        (ConnectionClosedError(None, None), Loss.NETWORK),
        (ConnectionResetError(), Loss.NETWORK),
        (TimeoutError(), Loss.NETWORK),
        (answered(401), Loss.FATAL),
        (answered(404), Loss.FATAL),
        (answered(429), Loss.SERVER),
        (answered(503), Loss.SERVER),
        (ssl.SSLCertVerificationError("who is that"), Loss.FATAL),
        (ValueError("no such setting"), Loss.FATAL),
    ],
)
def test_other_errors(error: Exception, loss: Loss) -> None:
    assert loss_of(error) is loss


QUOTED = "cannot say 'Anna Bianchi, 340 123 4567'"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            errors.APIError(400, {"error": {"status": "INVALID_ARGUMENT", "message": QUOTED}}),
            "400 INVALID_ARGUMENT",
        ),
        (errors.APIError(400, {"error": {"status": QUOTED, "message": QUOTED}}), "400"),
        (errors.APIError(1007, QUOTED), "1007"),
        (ConnectionClosedError(Close(1008, QUOTED), None), "closed with 1008"),
        (ConnectionClosedError(None, None), "closed with 1006"),
        (answered(401), "answered with 401"),
        (ConnectionRefusedError(QUOTED), "ConnectionRefusedError"),
        (ValueError(QUOTED), "ValueError"),
    ],
)
def test_a_reason_is_told_in_codes_since_sentences_may_quote_the_prompt(
    error: Exception, reason: str
) -> None:
    assert reason_of(error) == reason
