"""A scripted `Downloader` that writes real bytes, for tests of its users. It passes the port's contract suite."""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from typing_extensions import override

from bookmarkai_assets.core.downloads.ports import (
    DownloadedFile,
    DownloadedVideo,
    Downloader,
    DownloadLimits,
    Resolved,
    never_give_up,
)
from bookmarkai_assets.core.media.media import UNTITLED, Digest, VideoInfo
from bookmarkai_assets.core.media.sound import SoundTrack
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.sites.silent_formats import FormatFamily

INFO = VideoInfo(
    title="A video",
    author="somebody",
    description=None,
    thumbnail_url=None,
    extractor="generic",
    duration_seconds=3.0,
    width=64,
    height=48,
)
"""The default description of a fake video."""


@dataclass(frozen=True)
class DownloadCall:
    """One call that was made."""

    url: str
    directory: Path
    limits: DownloadLimits
    silent_formats: frozenset[FormatFamily] = frozenset()
    language: str | None = None


SOUNDS = (SoundTrack(1, "aac", language="de", is_dub=True), SoundTrack(2, "aac", language="en", is_default=True))
"""The sound tracks of a fake video that is not silent. The second is cut out."""


@dataclass(frozen=True)
class _Served:
    video: bytes
    audio: bytes | None
    info: VideoInfo
    silent_formats: frozenset[FormatFamily]


class FakeDownloader(Downloader):
    """Returns what `serve` and `fail` have put behind each link, `gone` for any other, and keeps `calls`.

    Limits apply to the number of served bytes and the info's duration. `on_download` is called at the start of each
    download, in its thread, and may watch, wait or raise. Safe to use from many threads.
    """

    def __init__(self, *, on_download: Callable[[DownloadCall], None] = lambda _: None) -> None:
        self.calls: list[DownloadCall] = []
        self.examined: list[DownloadCall] = []
        self._served: dict[str, _Served] = {}
        self._files: dict[bytes, bytes | None] = {}
        self._names: dict[str, str] = {}
        self._hanging: set[str] = set()
        self._failures: dict[str, list[Failure | BaseException]] = {}
        self._lock = threading.Lock()
        self._on_download = on_download

    def serve(
        self,
        url: str,
        *,
        video: bytes | None = None,
        audio: bytes | None = b"sound",
        info: VideoInfo = INFO,
        silent_formats: frozenset[FormatFamily] = frozenset(),
    ) -> None:
        """Put a video behind a link, by default one with bytes of its own. `audio=None` makes it silent.

        It also has `silent_formats`, which are fetched first unless the caller names them.
        """
        data = video if video is not None else f"video of {url}".encode()
        self._served[url] = _Served(data, audio, info, silent_formats)

    def lead(self, short_url: str, canonical_url: str) -> None:
        """Have a short link resolve to a video."""
        self._names[short_url] = canonical_url

    def serve_titled(self, url: str, title: str) -> None:
        """Put a video with this title behind a link."""
        self.serve(url, info=replace(INFO, title=title))

    def fail(self, url: str, failure: Failure | BaseException, *, times: int = 1) -> None:
        """Have the next `times` downloads of a link return this failure, or raise this error, whatever is behind it."""
        self._failures.setdefault(url, []).extend([failure] * times)

    def calls_for(self, url: str) -> int:
        """Count the downloads of a link."""
        return sum(call.url == url for call in self.calls)

    @override
    def close(self) -> None:
        """Do nothing, since nothing was started."""

    def hang(self, url: str) -> None:
        """Have the downloads of a link hang until they are given up, or until their deadline."""
        self._hanging.add(url)

    def answer(self, url: str) -> None:
        """Have a link that hung return what is behind it again."""
        self._hanging.discard(url)

    @override
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
        call = DownloadCall(url, directory, limits, silent_formats, language)
        with self._lock:
            self.calls.append(call)
            waiting = self._failures.get(url)
            scripted = waiting.pop(0) if waiting else None
        self._on_download(call)
        if isinstance(scripted, BaseException):
            raise scripted
        if scripted is not None:
            return scripted
        if url in self._hanging:
            return _wait_out(limits, give_up)
        if url in self._names:
            return Resolved(self._names[url])
        served = self._served.get(url)
        if served is None:
            return Failure(Outcome.GONE, "the site answered 404: there is nothing at this link")
        if len(served.video) > limits.max_bytes:
            return Failure(Outcome.TOO_BIG, f"the video is bigger than the limit of {limits.max_bytes} bytes")
        if served.info.duration_seconds > limits.max_duration_seconds:
            return Failure(Outcome.TOO_LONG, f"the video lasts {served.info.duration_seconds:.0f} seconds")
        return DownloadedVideo(
            video=_write(directory / "video.mp4", served.video, "video/mp4"),
            audio=_write(directory / "audio.m4a", served.audio, "audio/mp4") if served.audio is not None else None,
            info=served.info,
            seconds=0.01,
            silent_formats=served.silent_formats - silent_formats,
            sounds=SOUNDS if served.audio is not None else (),
            sound_index=SOUNDS[1].index if served.audio is not None else None,
        )

    def serve_file(self, data: bytes, *, audio: bytes | None = b"sound") -> None:
        """Have a file with these bytes be a video. Any other is none."""
        self._files[data] = audio

    @override
    def examine(
        self,
        file: Path,
        limits: DownloadLimits,
        *,
        language: str | None = None,
        give_up: Callable[[], bool] = never_give_up,
    ) -> DownloadedVideo | Failure:
        call = DownloadCall("", file.parent, limits, language=language)
        with self._lock:
            self.examined.append(call)
        data = file.read_bytes()
        if data not in self._files:
            return Failure(Outcome.NOT_A_VIDEO, "the file holds neither picture nor sound")
        audio = self._files[data]
        video = file.rename(file.with_name("video.mp4"))
        return DownloadedVideo(
            video=_write(video, data, "video/mp4"),
            audio=_write(file.parent / "audio.m4a", audio, "audio/mp4") if audio is not None else None,
            info=replace(INFO, title=UNTITLED, author=None, extractor="upload"),
            seconds=0.01,
            sounds=SOUNDS if audio is not None else (),
            sound_index=SOUNDS[1].index if audio is not None else None,
        )


def _wait_out(limits: DownloadLimits, give_up: Callable[[], bool]) -> Failure:
    began = time.monotonic()
    while (seconds := time.monotonic() - began) < limits.timeout_seconds and not give_up():
        threading.Event().wait(min(0.01, limits.timeout_seconds))
    return Failure(Outcome.TIMED_OUT, f"the download was stopped after {seconds:.0f} seconds")


def _write(path: Path, data: bytes, content_type: str) -> DownloadedFile:
    path.write_bytes(data)
    return DownloadedFile(path, Digest(len(data), hashlib.sha256(data).hexdigest()), content_type)
