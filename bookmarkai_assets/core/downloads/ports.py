"""The ports of downloads."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bookmarkai_assets.core.media.media import Digest, VideoInfo
from bookmarkai_assets.core.outcomes import Failure


@dataclass(frozen=True)
class DownloadLimits:
    """What one download may cost. Exceeding one ends it with a typed outcome."""

    max_bytes: int
    max_duration_seconds: float
    timeout_seconds: float


@dataclass(frozen=True)
class DownloadedFile:
    """One file in the download's directory."""

    path: Path
    digest: Digest
    content_type: str


@dataclass(frozen=True)
class DownloadedVideo:
    """A validated video and its audio track (None when the video has no sound). `seconds` is the wall time it took."""

    video: DownloadedFile
    audio: DownloadedFile | None
    info: VideoInfo
    seconds: float


@dataclass(frozen=True)
class Resolved:
    """What a short link has turned out to stand for: the canonical URL of a video, as `short_links` names it."""

    canonical_url: str


def never_give_up() -> bool:
    """Give nothing up."""
    return False


class Downloader(ABC):
    """Fetches the one video behind a link, never reaching an address that is not public unless it was opened."""

    @abstractmethod
    def download(
        self, url: str, directory: Path, limits: DownloadLimits, *, give_up: Callable[[], bool] = never_give_up
    ) -> DownloadedVideo | Resolved | Failure:
        """Fetch into `directory`, which exists, is empty and is this attempt's alone.

        A short link whose site says which video it leads to is only followed that far: the answer names the video,
        whose own download is another one. Where the site does not say it, the video is fetched by the short link.

        The file is validated (it opens, has a picture or sound, a plausible duration), its audio track cut beside it.
        Whatever the link does comes back as a `Failure`; on failure the directory's content is of no use.

        `give_up` is asked some times a second, from the caller's thread: once it says yes the download is ended as at
        its deadline, which is a `timed_out` failure like the deadline itself.
        """

    @abstractmethod
    def close(self) -> None:
        """End what was started for downloads, those in progress included."""
