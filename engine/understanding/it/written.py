"""What Italians write in chats and never say: words cut short, and signs in place of words."""

from __future__ import annotations

SHORT = {
    "nn": "non",
    "xò": "però",
    "xo": "però",
    "pò": "po'",
    "x": "per",
    "xké": "perché",
    "xkè": "perché",
    "xke": "perché",
    "xchè": "perché",
    "xché": "perché",
    "xche": "perché",
    "cmq": "comunque",
    "dp": "dopo",
    "bho": "boh",
    "qnd": "quando",
    "qst": "questo",
    "lun": "lunedì",
    "mart": "martedì",
    "merc": "mercoledì",
    "mer": "mercoledì",
    "gio": "giovedì",
    "giov": "giovedì",
    "ven": "venerdì",
    "sab": "sabato",
    "dom": "domenica",
}
"""Each stands alone, in any case. None of them makes a yes."""

SIGNS = {"👎": "no", "❌": "no", "🚫": "no", "✖": "no", "🙅": "no", "🤷": "boh"}
"""Signs that stand for a no or a doubt. One that agrees is none: it answers whatever was written."""
