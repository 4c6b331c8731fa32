"""Two extractors as one: a primary that may fail, and a local one that cannot."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from engine.extraction.grounding import ground
from engine.extraction.merge import merge
from engine.ports import Extractor, ExtractorError, Mention
from engine.turns import Turn

logger = logging.getLogger(__name__)


class FallbackExtractor:
    """The grounded mentions of `primary` beside those of `local`; only the latter when the primary fails."""

    def __init__(self, primary: Extractor, local: Extractor) -> None:
        self._primary = primary
        self._local = local

    async def extract(self, turns: Sequence[Turn]) -> tuple[Mention, ...]:
        """Mentions in `turns`. Raises ExtractorError only if the local extractor does."""
        local = await self._local.extract(turns)
        try:
            primary = await self._primary.extract(turns)
        except ExtractorError as error:
            logger.warning("the extraction model did not help, the local extractor stands alone: %s", error)
            return local
        grounded = ground(primary, turns)
        if grounded.dropped:
            logger.info("dropped %d mentions whose words were not said", grounded.dropped)
        return merge(local, grounded.mentions, turns)
