"""Numbers as bridges write them."""

import json

import pytest

from transport.bridge.metadata import read_metadata


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+393331234567", "+393331234567"),
        ("3331234567", "+393331234567"),
        ("00393331234567", "+393331234567"),
        ("sip:+393331234567@10.0.0.1;user=phone", "+393331234567"),
        ("06 1234 5678", "+390612345678"),
        ("anonymous", None),
        ("sip:anonymous@anonymous.invalid", None),
        ("0800CALLME", None),
        ("12", None),
        ("", None),
        (None, None),
    ],
)
def test_numbers(written: str | None, number: str | None) -> None:
    metadata = read_metadata(json.dumps({"callId": "a@b", "sampleRate": 8000, "from": written}))
    assert metadata.caller_number == number
    assert (metadata.call_id, metadata.direction, metadata.consultant_id) == ("a@b", "inbound", None)
