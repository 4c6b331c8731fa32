"""Where a request comes from, with and without proxies, and what may be set for them."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict
from pydantic import ValidationError

from transport.console.address import address_of, neighbourhood
from transport.console.settings import ConsoleSettings

PROXIES = ConsoleSettings(proxies="10.0.0.5, 10.0.0.6,::1").trusted


@pytest.mark.parametrize(
    ("peer", "told", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        ("10.0.0.5", [], "10.0.0.5"),
        ("10.0.0.5", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.5", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.5", ["1.1.1.1", "203.0.113.9, 10.0.0.6"], "203.0.113.9"),
        ("::1", ["2001:db8:0:0::1"], "2001:db8::1"),
        ("::ffff:10.0.0.5", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.5", ["1.1.1.1, nonsense"], "?"),
        ("", ["203.0.113.9"], "?"),
    ],
)
def test_whose_word_is_taken_for_where_a_request_comes_from(peer: str, told: list[str], address: str) -> None:
    transport = Mock()
    transport.get_extra_info = lambda name, default=None: (peer, 1) if name == "peername" else default
    headers = CIMultiDict([("X-Forwarded-For", line) for line in told])
    assert address_of(make_mocked_request("GET", "/", headers, transport=transport), PROXIES) == address


def test_an_ipv6_network_is_one_place() -> None:
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1") != neighbourhood("2001:db8:1::1")
    assert neighbourhood("192.0.2.1") != neighbourhood("192.0.2.2")
    assert neighbourhood("?") == "?"


@pytest.mark.parametrize(
    "wrong",
    [
        {"public_url": "http://voce.example"},
        {"public_url": "voce.example"},
        {"public_url": "https://"},
        {"public_url": "https://voce.example/console"},
        {"public_url": "https://voce.example?x"},
        {"proxies": "proxy.example"},
        {"proxies": "10.0.0.0/8"},
    ],
)
def test_addresses_that_cannot_be_set(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ConsoleSettings.model_validate(wrong)


def test_a_public_address_is_kept_as_browsers_write_it() -> None:
    assert ConsoleSettings(public_url="https://Voce.Example:8443/").public_url == "https://voce.example:8443"
