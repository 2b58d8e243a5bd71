"""The ports of downloads."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bookmarkai_assets.core.media.media import Digest, VideoInfo
from bookmarkai_assets.core.media.sound import SoundTrack
from bookmarkai_assets.core.outcomes import Failure
from bookmarkai_assets.core.sites.silent_formats import FormatFamily


@dataclass(frozen=True)
class DownloadLimits:
    """The limits of one download. Exceeding one ends it with a typed outcome.

    `max_memory_bytes` is for each of its processes: its own, and ffmpeg's while it merges.
    """

    max_bytes: int
    max_duration_seconds: float
    timeout_seconds: float
    max_memory_bytes: int = 700_000_000


@dataclass(frozen=True)
class DownloadedFile:
    """One file in the download's directory."""

    path: Path
    digest: Digest
    content_type: str


@dataclass(frozen=True)
class DownloadedVideo:
    """A validated video and its audio track (None when the video has no sound). `seconds` is the wall time it took.

    `silent_formats` are the families that were fetched before it and had no sound, although they promised it. `sounds`
    are the video's sound tracks, of which `audio` is the one with `sound_index`.
    """

    video: DownloadedFile
    audio: DownloadedFile | None
    info: VideoInfo
    seconds: float
    silent_formats: frozenset[FormatFamily] = frozenset()
    sounds: tuple[SoundTrack, ...] = ()
    sound_index: int | None = None


@dataclass(frozen=True)
class Resolved:
    """The canonical URL of the video that a short link leads to, as `short_links` returns it."""

    canonical_url: str


def never_give_up() -> bool:
    """Let every download go on."""
    return False


class Downloader(ABC):
    """Fetches the one video behind a link. Never connects to an address that is not public, unless it is allowed.

    It also examines a file that came another way, behind the same walls.
    """

    @abstractmethod
    def download(
        self,
        url: str,
        directory: Path,
        limits: DownloadLimits,
        *,
        silent_formats: frozenset[FormatFamily] = frozenset(),
        language: str | None = None,
        give_up: Callable[[], bool] = never_give_up,
    ) -> DownloadedVideo | Resolved | Failure:
        """Fetch into `directory`, which exists, is empty and is this attempt's alone.

        A short link is only followed until its site says which video it leads to. The result is then `Resolved`, and
        the video is another download. If the site does not say it, the video is fetched through the short link.

        The file is validated: it opens, has a picture or sound, and a plausible duration. Its audio track is cut into a
        file beside it. Anything that the link causes is returned as a `Failure`. After a failure the directory's
        content is useless.

        If a format promises sound and its file has none, other formats are fetched, within the same limits. Only if
        none of them has sound is the result a video without an audio track. A format of `silent_formats` is fetched
        only where no other promises sound. `language` is the one that is expected of the video, and may decide between
        the file's sound tracks.

        `give_up` is called several times a second, from the caller's thread. Once it returns True, the download is
        ended as at its deadline, with a `timed_out` failure.
        """

    @abstractmethod
    def examine(
        self,
        file: Path,
        limits: DownloadLimits,
        *,
        language: str | None = None,
        give_up: Callable[[], bool] = never_give_up,
    ) -> DownloadedVideo | Failure:
        """Validate a stranger's file as a download's is, and cut its audio track into a file beside it.

        The file is alone in its directory, and is renamed by what it holds. Nothing is connected to. The result has no
        title. What the file causes is returned as a `Failure`, after which the directory's content is useless. The
        other parameters are those of `download`.
        """

    @abstractmethod
    def close(self) -> None:
        """End everything that was started for downloads, including those in progress."""
