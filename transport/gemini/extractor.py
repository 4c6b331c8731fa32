"""The small model as an extractor: it returns words, never values, and an odd answer is a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from google import genai
from google.genai import errors, types
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from engine.ports import ExtractorError, Mention, MentionKind
from engine.turns import Turn
from transport.gemini.settings import GeminiSettings


class FoundMention(BaseModel):
    """The form in which the model answers."""

    model_config = ConfigDict(extra="ignore")

    kind: MentionKind
    turn: int
    verbatim: str


_ANSWER = TypeAdapter(list[FoundMention])


class GeminiExtractor:
    """Asks the extraction model with `prompt` as its instruction."""

    def __init__(self, client: genai.Client, settings: GeminiSettings, prompt: str) -> None:
        self._client = client
        self._model = settings.extraction_model
        self._timeout_s = settings.extraction_timeout_s
        self._config = types.GenerateContentConfig(
            system_instruction=prompt,
            temperature=0.0,
            response_mime_type="application/json",
            response_schema=list[FoundMention],
        )

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        """Mentions in `turns`, not yet checked against them.

        Raises ExtractorError when the model fails, is late or does not answer in its form.
        """
        if not turns:
            return ()
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.aio.models.generate_content(
                    model=self._model, contents=written(turns), config=self._config
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
    """One line a turn: number, who speaks, words."""
    return "\n".join(f"{turn.number} {turn.speaker.value}: {' '.join(turn.text.split())}" for turn in turns)
