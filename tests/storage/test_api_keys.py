"""Keys of integrations: shown once, kept as digests, revoked at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage import api_keys
from storage.errors import StorageError
from tests.storage.playground import NOW, Store


def test_a_key_is_known_by_what_was_printed_and_nothing_else(store: Store) -> None:
    written = store.do(api_keys.add, "shop", ["tools"], now=NOW)
    other = store.do(api_keys.add, "shop", ["tools"], now=NOW)
    found = store.do(api_keys.known_by, written)
    assert found is not None
    assert (found.integration, found.scopes, found.created_at, found.revoked_at) == (
        "shop", {"tools"}, NOW, None,
    )  # fmt: skip
    prefix, name, secret = written.split("_", 2)
    wrong = (
        "",
        secret,
        written[:-1],
        written + "x",
        f"{prefix}_{name}_{other.split('_', 2)[2]}",
        f"{prefix}_{'0' * 12}_{secret}",
        written.replace(prefix, prefix.upper(), 1),
    )
    assert [store.do(api_keys.known_by, each) for each in wrong] == [None] * len(wrong)


def test_the_secret_is_nowhere(store: Store) -> None:
    written = store.do(api_keys.add, "shop", ["tools"], now=NOW)
    kept = str(store.rows("SELECT * FROM api_keys"))
    assert written.split("_", 2)[2] not in kept


def test_a_revoked_key_is_known_no_more_and_stays_on_the_list(store: Store) -> None:
    first = store.do(api_keys.add, "shop", ["tools"], now=NOW)
    second = store.do(api_keys.add, "shop", ["conversations:read", "conversations:write"], now=NOW)
    known = store.do(api_keys.known_by, first)
    assert known is not None
    store.do(api_keys.revoke, known.id, now=NOW)
    store.do(api_keys.revoke, known.id, now=NOW + timedelta(days=1))
    assert store.do(api_keys.known_by, first) is None
    assert store.do(api_keys.known_by, second) is not None
    assert {key.id: key.revoked_at for key in store.do(api_keys.keys)}[known.id] == NOW
    assert len(store.do(api_keys.keys)) == 2


@pytest.mark.parametrize("name", ["", "Shop", "a b", "-a", "a/b", "a" * 41])
def test_a_name_that_would_not_do(store: Store, name: str) -> None:
    with pytest.raises(StorageError, match="no name of an integration"):
        store.do(api_keys.add, name, ["tools"], now=NOW)


def test_what_is_not_there(store: Store) -> None:
    with pytest.raises(StorageError, match="unknown scope 'all': one of"):
        store.do(api_keys.add, "shop", ["all"], now=NOW)
    with pytest.raises(StorageError, match="there is no key abc"):
        store.do(api_keys.revoke, "abc", now=NOW)
