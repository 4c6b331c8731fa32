"""The small model as an extractor: it returns words, never values, and an odd answer is a failure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from google import genai
from google.genai import errors, types
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from engine.ports import Clock, ExtractorError, Mention, MentionKind
from engine.turns import Turn
from transport.clock import within
from transport.gemini.settings import GeminiSettings

T = TypeVar("T")

MOST_CHARACTERS = 4000
"""How much of a conversation is sent at most; of what is longer, the end."""


class FoundMention(BaseModel):
    """The form in which the model answers."""

    model_config = ConfigDict(extra="ignore")

    kind: MentionKind
    turn: int
    verbatim: str


_ANSWER = TypeAdapter(list[FoundMention])
# Written out, since the SDK derives one from a model anew for each request, which takes it a millisecond.
_FORM = types.Schema(
    type=types.Type.ARRAY,
    items=types.Schema(
        type=types.Type.OBJECT,
        properties={
            "kind": types.Schema(type=types.Type.STRING, enum=[kind.value for kind in MentionKind]),
            "turn": types.Schema(type=types.Type.INTEGER),
            "verbatim": types.Schema(type=types.Type.STRING),
        },
        required=["kind", "turn", "verbatim"],
        property_ordering=["kind", "turn", "verbatim"],
    ),
)


class GeminiExtractor:
    """Asks the extraction model with `prompt` as its instruction; its time is that of `clock`."""

    def __init__(self, client: genai.Client, settings: GeminiSettings, prompt: str, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._model = settings.extraction_model
        self._timeout_s = settings.extraction_timeout_s
        self._config = types.GenerateContentConfig(
            system_instruction=prompt,
            temperature=0.0,
            response_mime_type="application/json",
            response_schema=_FORM,
        )

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        """Mentions in `turns`, not yet checked against them.

        Raises ExtractorError when the model fails, is late or does not answer in its form.
        """
        if not turns:
            return ()
        try:
            answer = await within(
                self._timeout_s,
                self._clock,
                self._client.aio.models.generate_content(
                    model=self._model, contents=written(turns), config=self._config
                ),
            )
            found = _ANSWER.validate_json(answer.text or "")
        except TimeoutError as error:
            raise ExtractorError(f"no answer within {self._timeout_s:g} s") from error
        except ValidationError as error:
            raise ExtractorError(f"the answer is not in its form ({error.error_count()} mistakes)") from None
        except errors.APIError as error:
            raise ExtractorError(f"refused with {error.code} {error.status or ''}".strip()) from error
        except Exception as error:  # whatever the SDK or its HTTP client raises, the call goes on without it
            raise ExtractorError(f"not reached ({type(error).__name__})") from error
        return tuple(Mention(mention.kind, mention.turn, mention.verbatim) for mention in found)


def written(turns: Sequence[Turn]) -> str:
    """One line a turn: number, who speaks, words as far as they were heard. At most MOST_CHARACTERS, the latest."""
    lines: list[str] = []
    left = MOST_CHARACTERS
    for turn in reversed(turns):
        head = f"{turn.number} {turn.speaker.value}: "
        words = " ".join(turn.heard_text.split())
        room = left - len(head) - 1
        if room <= 0:
            break
        lines.append(head + words[-room:])
        left -= len(lines[-1]) + 1
    return "\n".join(reversed(lines))
