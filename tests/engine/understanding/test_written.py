"""What chats cut short is spelled out, and nothing that only looks like it."""

from __future__ import annotations

import pytest

from engine.understanding.written import as_said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nn posso", "non posso"),
        ("Ok, NN va bene.", "Ok, non va bene."),
        ("x gio alle 11 va bene?", "per giovedì alle 11 va bene?"),
        ("sì xò dp", "sì però dopo"),
        ("Sì 👎", "Sì , no, "),
        ("~mercoledì alle 15~ giovedì", "  giovedì"),
        ("scrivi a gio.nn@x.it o nn@dom.it", "scrivi a gio.nn@x.it o nn@dom.it"),
        ("verso le ~15, 2x1, l'x", "verso le ~15, 2x1, l'x"),
        ("Sì, confermo mercoledì alle 15", "Sì, confermo mercoledì alle 15"),
        ("", ""),
    ],
)
def test_as_it_would_be_said(text: str, said: str) -> None:
    assert as_said(text) == said
