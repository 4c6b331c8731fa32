"""A message as it would be said: what chats cut short is spelled out, and what was struck out is gone."""

from __future__ import annotations

import re

from engine.understanding.it.written import SHORT, SIGNS

_STRUCK_OUT = re.compile(r"(?<![\w~])~(?=\S)[^~\n]*(?<=\S)~(?![\w~])")
_SIGN = re.compile("|".join(map(re.escape, SIGNS)))
# A word alone: no part of an address, a number or another word.
_ALONE = re.compile(
    rf"(?<![\w@.'+/-])(?:{'|'.join(sorted(SHORT, key=len, reverse=True))})(?![\w@'+/-]|\.\w)", re.IGNORECASE
)


def as_said(text: str) -> str:
    """`text` in the words that the grammars know: a "nn" that is not known to be "non" would leave a refusal a yes."""
    text = _STRUCK_OUT.sub(" ", text)
    text = _SIGN.sub(lambda sign: f", {SIGNS[sign.group()]}, ", text)
    return _ALONE.sub(lambda short: SHORT[short.group().lower()], text)
