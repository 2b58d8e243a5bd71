"""The door to the search over what was said. What can be asked is in `search_query`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.search.query import SearchQuery

MAX_HITS = 1000
"""Of one search."""


@dataclass(frozen=True)
class Hit:
    """One sentence in which something was found, in one share's video.

    `rank` counts from 1, in the order of the results. `url` is the video's canonical URL, or what was shared where no
    video is known. `start_seconds` and `end_seconds` count from the start of the video; None where whoever wrote the
    transcript did not say. `spans` are the matches: `text[start:end]`, in order.
    """

    rank: int
    share_id: str
    title: str | None
    url: str
    platform: Platform
    shared_at: datetime | None
    start_seconds: float | None
    end_seconds: float | None
    text: str
    spans: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Indexed:
    """What one call of `index` did: transcripts that can be found now, and how many still wait for the next call."""

    transcripts: int
    waiting: int


class TranscriptSearch(ABC):
    """Finds sentences by their words. A transcript is found from the moment on in which `TranscriptTable` wrote it.

    What the gateway, or an earlier release, wrote by itself is found once it is indexed. A share or a transcript that
    was deleted is not found.
    """

    @abstractmethod
    def search(
        self, query: SearchQuery, *, platform: Platform | None = None, since: datetime | None = None, limit: int = 20
    ) -> Sequence[Hit]:
        """Find the sentences that match, at most `limit` of them.

        The videos that were first transcribed last come first, in each of them the sentences in their order. Only those
        whose link belongs to `platform` (as `platforms.unified` names it), and that were shared at `since` or later.
        Raises ValueError for a limit that is not within 1 to `MAX_HITS`.
        """

    @abstractmethod
    def index(self, *, limit: int) -> Indexed:
        """Index up to `limit` of the transcripts that were written or changed by others, and forget the deleted ones.

        Raises ValueError for a limit below 1. Call it until it indexes none; what is done stays done.
        """

    @abstractmethod
    def count_unindexed(self) -> int:
        """Count the transcripts that `index` would index."""
