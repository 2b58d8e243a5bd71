"""The port of the search over transcripts. The query language is in `query`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.search.query import SearchQuery

MAX_HITS = 1000
"""The most that one search may return."""


@dataclass(frozen=True)
class Hit:
    """One sentence that matches a query, in one share's video.

    `rank` counts from 1, in the order of the results. `url` is the video's canonical URL, or the shared link if no
    video is known. `start_seconds` and `end_seconds` count from the start of the video; None if the transcript has no
    times. `matches` are the matching stretches `text[start:end]`, in order.
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
    matches: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Indexed:
    """What one call of `index` did: how many transcripts it indexed, and how many are left for the next call."""

    transcripts: int
    waiting: int


class TranscriptSearch(ABC):
    """Finds sentences by their words. A transcript can be found as soon as `TranscriptTable` has written it.

    A transcript that the gateway or an earlier release wrote can be found once it is indexed. Deleted shares and
    transcripts are not found.
    """

    @abstractmethod
    def search(
        self,
        query: SearchQuery,
        *,
        platform: Platform | None = None,
        since: datetime | None = None,
        user_id: str | None = None,
        limit: int = 20,
    ) -> Sequence[Hit]:
        """Find the sentences that match, at most `limit` of them.

        Videos are in the reverse order of their first transcription, and the sentences of each in their own order. Only
        those whose link belongs to `platform` (named as by `platforms.unify_platform`), and that were shared at `since`
        or later. With `user_id` only those that this user has shared. Raises `ValueError` for a limit that is not
        within 1 to `MAX_HITS`.
        """

    @abstractmethod
    def index(self, *, limit: int) -> Indexed:
        """Index up to `limit` transcripts that others wrote or changed, and remove deleted ones from the index.

        Call it until it indexes none. What it has indexed stays indexed. Raises `ValueError` for a limit below 1.
        """

    @abstractmethod
    def count_unindexed(self) -> int:
        """Count the transcripts that `index` would index."""
