"""What opens the door to a bridge, and what does not."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tests.clocks import START
from transport.tokens import BridgeTokens, TokensError

OLD, NEW = "old-old-old-old-old-24", "new-new-new-new-new-24"
TOKENS = BridgeTokens(f"{NEW}, {OLD}")
SIGNED = TOKENS.sign(START + timedelta(minutes=5))


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def admitted(authorization: str | None = None, **query: str) -> bool:
    headers = CIMultiDict({} if authorization is None else {"Authorization": authorization})
    return TOKENS.admit(headers, query, START)


@pytest.mark.parametrize(
    "authorization",
    [f"Bearer {NEW}", f"Bearer {OLD}", f"bearer  {OLD} ", basic("bridge", NEW), basic("", OLD)],
)
def test_every_token_in_force_opens(authorization: str) -> None:
    assert admitted(authorization)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        NEW,
        f"Bearer {NEW[:-1]}",
        f"Bearer {NEW}x",
        f"Bearer {NEW.upper()}",
        f"Bearer {NEW}, {OLD}",
        f"Digest {NEW}",
        f"Bearer {SIGNED}",
        basic(NEW, ""),
        basic("bridge", "wrong"),
        "Basic " + base64.b64encode(NEW.encode()).decode(),
        "Basic %%%",
        "Basic ünicode",
        "Bearer \udcff",
    ],
)
def test_nothing_else_does(authorization: str | None) -> None:
    assert not admitted(authorization)


def test_a_header_that_is_wrong_is_not_made_good_by_the_query() -> None:
    assert admitted(token=SIGNED)
    assert not admitted("Bearer wrong", token=SIGNED)


def test_a_token_itself_does_not_belong_in_an_address() -> None:
    assert not admitted(token=NEW)


def test_what_is_signed_runs_out() -> None:
    at = {"token": SIGNED}
    assert TOKENS.admit({}, at, START + timedelta(seconds=299))
    assert not TOKENS.admit({}, at, START + timedelta(seconds=300))


def test_what_was_signed_with_the_old_token_is_good_while_that_is() -> None:
    signed = {"token": BridgeTokens(OLD).sign(START + timedelta(minutes=5))}
    assert TOKENS.admit({}, signed, START)
    assert not BridgeTokens(NEW).admit({}, signed, START)


def test_its_end_cannot_be_put_off() -> None:
    expiry, _, signature = SIGNED.partition(".")
    assert not admitted(token=f"{int(expiry) + 1}.{signature}")
    assert not admitted(token=f"0{expiry}.{signature}")


@given(st.text(max_size=90))
def test_no_text_opens_or_breaks(text: str) -> None:
    assert not admitted(token=text)
    assert not admitted(f"Bearer {text}")
    assert not admitted(f"Basic {text}")


@pytest.mark.parametrize("written", ["", " , ", "short", f"{NEW},short", "sedici-caratterì-è"])
def test_weak_tokens_are_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(TokensError) as refused:
        BridgeTokens(written)
    assert "short" not in str(refused.value)
    assert "BRIDGE_TOKENS" in str(refused.value)


def test_tokens_are_not_shown() -> None:
    assert repr(TOKENS) == "BridgeTokens(2 tokens)"
