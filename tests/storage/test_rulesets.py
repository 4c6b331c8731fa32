"""Versions of the rules are kept with their texts, and every change of what is in force in its order."""

from __future__ import annotations

from datetime import timedelta

from storage import rulesets
from tests.storage.playground import NOW, Store

FIRST, SECOND = {"decisions.toml": "# prima"}, {"decisions.toml": "# dopo\n"}


def put(store: Store, version: str, files: dict[str, str], minutes: int, author: str | None = None) -> None:
    store.do(rulesets.put_in_force, version, files, now=NOW + timedelta(minutes=minutes), author=author)


def test_the_newest_change_comes_first(store: Store) -> None:
    put(store, "v1", FIRST, 0, "ada")
    put(store, "v2", SECOND, 5)
    found = store.do(rulesets.changes)
    assert [(each.version, each.author, each.in_force_at) for each in found] == [
        ("v2", None, NOW + timedelta(minutes=5)),
        ("v1", "ada", NOW),
    ]
    assert store.do(rulesets.changes, 1, found[0].number) == found[1:]
    assert store.do(rulesets.change, found[1].number) == found[1]
    assert store.do(rulesets.change, 999) is None


def test_what_is_in_force_already_is_no_change(store: Store) -> None:
    put(store, "v1", FIRST, 0)
    put(store, "v1", FIRST, 5)
    assert len(store.do(rulesets.changes)) == 1


def test_an_old_version_can_come_back(store: Store) -> None:
    put(store, "v1", FIRST, 0, "ada")
    put(store, "v2", SECOND, 5)
    put(store, "v1", FIRST, 9, "bruno")
    assert [each.version for each in store.do(rulesets.changes)] == ["v1", "v2", "v1"]


def test_the_texts_are_kept(store: Store) -> None:
    put(store, "v1", FIRST, 0)
    put(store, "v2", SECOND, 5)
    assert store.do(rulesets.texts, "v1") == FIRST
    assert store.do(rulesets.texts, "v2") == SECOND
    assert store.do(rulesets.texts, "v3") is None
