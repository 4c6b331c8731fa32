"""Every key, table and item of a TOML text is found on its line."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.positions import Path, lines_of
from tests.rules.conftest import SHIPPED


def paths_in(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every path of parsed TOML."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths_in(item, (*path, key))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", {}),
        ("a = 1 # b = 2\n\n'c d' = 2\n", {("a",): 1, ("c d",): 3}),
        ("a.b.c = 1\na.d = 2", {("a",): 1, ("a", "b"): 1, ("a", "b", "c"): 1, ("a", "d"): 2}),
        ("[a]\n[a.b] # x\nc = 1", {("a",): 1, ("a", "b"): 2, ("a", "b", "c"): 3}),
        ("[a.b]\n[a]\nc = 1", {("a",): 2, ("a", "b"): 1, ("a", "c"): 3}),
        ("a = [\n 1, # ]\n '[',\n]\nb = 2", {("a",): 1, ("a", 0): 2, ("a", 1): 3, ("b",): 5}),
        ("a = { b = 1, c = { d = [ 2 ] } }\n\ne = 3", {("a",): 1, ("a", "b"): 1, ("a", "c"): 1,
         ("a", "c", "d"): 1, ("a", "c", "d", 0): 1, ("e",): 3}),
        ('a = """x = 1\n"" \\"""\n""""\nb = 2', {("a",): 1, ("b",): 4}),
        ("a = '''\n'''''\nb = 2026-02-11 15:00:00\nc = 1e5", {("a",): 1, ("b",): 3, ("c",): 4}),
        ("[[r]]\na = 1\n[r.w]\nb = 2\n[[r]]\n[r.w]\nb = 3", {("r",): 1, ("r", 0): 1, ("r", 0, "a"): 2,
         ("r", 0, "w"): 3, ("r", 0, "w", "b"): 4, ("r", 1): 5, ("r", 1, "w"): 6, ("r", 1, "w", "b"): 7}),
        ("[[r.s]]\n[[r.s]]\n[[r.s.t]]\nx = 1", {("r",): 1, ("r", "s"): 1, ("r", "s", 0): 1, ("r", "s", 1): 2,
         ("r", "s", 1, "t"): 3, ("r", "s", 1, "t", 0): 3, ("r", "s", 1, "t", 0, "x"): 4}),
        ("a = 1\r\nb = 'è'\r\n", {("a",): 1, ("b",): 2}),
    ],
)  # fmt: skip
def test_lines(text: str, lines: dict[Path, int]) -> None:
    assert set(paths_in(tomllib.loads(text))) == set(lines)
    assert lines_of(text) == lines


@pytest.mark.parametrize("name", ["decisions.toml", "phrases.toml", "messages.toml", "limits.toml"])
def test_everything_in_the_shipped_files_is_found(name: str) -> None:
    text = (SHIPPED / name).read_text(encoding="utf-8")
    found = lines_of(text)
    assert set(found) == set(paths_in(tomllib.loads(text)))
    rows = text.split("\n")
    for path, line in found.items():
        if isinstance(path[-1], str):
            assert path[-1] in rows[line - 1]


keys = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=4)
words = st.text(st.sampled_from("ab#[]{}=,.'\"\\è "), max_size=8)
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(words, st.integers(-9, 9), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=6,
)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def written(value: Any, chance: st.DataObject) -> str:
    """A value as TOML, strings in one way or another, arrays on one line or on several."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)} = {written(v, chance)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        gap = chance.draw(st.sampled_from([" ", "\n  ", " # ], x = 1\n"]))
        return "[" + gap + "".join(f"{written(item, chance)},{gap}" for item in value) + "]"
    if isinstance(value, str) and "'" not in value and chance.draw(st.booleans()):
        return f"'{value}'" if chance.draw(st.booleans()) else f"'''\n{value}\n'''"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


@given(st.dictionaries(keys, values, max_size=4), st.data())
def test_whatever_is_written_is_found_where_it_stands(
    document: dict[str, Any], chance: st.DataObject
) -> None:
    text, expected = "", {}
    for key, value in document.items():
        expected[(key,)] = text.count("\n") + 1
        text += f"{quoted(key)} = {written(value, chance)}\n"
    found = lines_of(text)
    assert set(found) == set(paths_in(tomllib.loads(text)))
    assert {path: line for path, line in found.items() if len(path) == 1} == expected
