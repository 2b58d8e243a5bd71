"""One download in its own process, from the link to validated files."""

import errno
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bookmarkai_assets.adapters.common.pyav.containers import DISK_ERRORS
from bookmarkai_assets.adapters.downloader.file_types import content_type_of
from bookmarkai_assets.adapters.downloader.formats import MAX_TRIES, FormatRules
from bookmarkai_assets.adapters.downloader.job import Fetched, Job
from bookmarkai_assets.adapters.downloader.media_file import MediaFacts, read_media
from bookmarkai_assets.adapters.downloader.tiktok import IE_KEY, PostPage, photo_post
from bookmarkai_assets.adapters.downloader.ytdlp import (
    VIDEO_STEM,
    ByteCounter,
    Info,
    Log,
    find_video,
    follow_short_link,
    force_target,
    is_allowed,
    needs_ffmpeg,
    options,
    refuse_over_limits,
    too_big,
    too_long,
    too_much_memory,
    video_info,
)
from bookmarkai_assets.adapters.downloader.ytdlp_errors import failure_of, failure_of_ytdlp, is_ytdlps_own
from bookmarkai_assets.core.downloads.ports import DownloadedFile, Resolved
from bookmarkai_assets.core.errors import ShareFailedError
from bookmarkai_assets.core.links.canonical_urls import is_short
from bookmarkai_assets.core.links.short_links import video_behind
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.sites.silent_formats import FormatFamily

if TYPE_CHECKING:
    from yt_dlp import YoutubeDL

AUDIO_STEM = "audio"
"""The name of the file with the audio track, without its extension."""


@dataclass(frozen=True)
class _Media:
    """One format that was fetched: yt-dlp's info dict, the file, and the facts about it."""

    info: Info
    file: Path
    facts: MediaFacts


def fetch(job: Job, *, allowed_extractors: tuple[str, ...]) -> Fetched | Resolved | Failure:
    """Download the one video behind the job's link into its directory, validate it and cut out its audio track.

    If the site says which video a short link leads to, that video is only named: it may be stored already.
    """
    page = PostPage()
    explain = partial(_failure_of, job=job, allowed_extractors=allowed_extractors, page=page)
    try:
        return _fetch(job, allowed_extractors, page, explain)
    except _expected_errors() as error:
        return explain(error)
    except Exception as error:
        if not is_ytdlps_own(error):
            raise
        return failure_of_ytdlp(error)


def _fetch(
    job: Job, allowed_extractors: tuple[str, ...], page: PostPage, explain: Callable[[Exception], Failure]
) -> Fetched | Resolved | Failure:
    """Do what `fetch` does. Raises the `_expected_errors`."""
    from yt_dlp import YoutubeDL

    log = Log()
    parameters = options(
        directory=job.directory,
        proxy_url=job.proxy_url,
        max_bytes=job.limits.max_bytes,
        allowed_extractors=allowed_extractors,
        appearance=job.appearance,
        log=log,
        on_progress=ByteCounter(job.limits.max_bytes),
    )
    rules = FormatRules(job.silent_formats)
    with YoutubeDL(parameters) as ydl:
        force_target(ydl)
        ydl.add_post_processor(rules, when="pre_process")
        if is_short(job.url):
            name = video_behind(job.url, follow_short_link(ydl, job.url) or "")
            if name is not None:
                return Resolved(name)
        if is_allowed(IE_KEY, allowed_extractors):
            page.listen(ydl)
        info = find_video(ydl, job.url)
        if page.is_photo_post:
            raise ShareFailedError(photo_post())
        media = _fetch_format(ydl, info, job, log, stem=VIDEO_STEM)
        if media.facts.audio is None:
            return _fetch_another(ydl, media, job, log, rules, explain)
        return _build_result(media)


def _fetch_another(
    ydl: "YoutubeDL",
    first: _Media,
    job: Job,
    log: Log,
    rules: FormatRules,
    explain: Callable[[Exception], Failure],
) -> Fetched | Failure:
    """Fetch other formats until one has sound, because the first has none. Return the first if none has.

    A failure of one that another attempt at the share can help is returned, because it leaves open whether the video
    has sound.
    """
    open_question: Failure | None = None
    listed = rules.without(first.info, is_silent=True)
    for number in range(2, MAX_TRIES + 1):
        if listed is None:
            break
        stem = f"{VIDEO_STEM}-{number}"
        info, media = listed, None
        try:
            info = ydl.process_ie_result(listed, download=False)
            media = _fetch_format(ydl, info, job, log, stem=stem)
        except _expected_errors() as error:
            failure = explain(error)
            open_question = failure if failure.is_transient else open_question
        if media is not None and media.facts.audio is not None:
            first.file.unlink()
            return _build_result(media, silent_formats=rules.broken_promises(info))
        for useless in job.directory.glob(f"{stem}*"):
            useless.unlink()
        listed = rules.without(info, is_silent=media is not None)
    return open_question or _build_result(first)


def _fetch_format(ydl: "YoutubeDL", info: dict[str, Any], job: Job, log: Log, *, stem: str) -> _Media:
    """Fetch the format that yt-dlp has picked, into a file of this stem, and validate it.

    Raises the `_expected_errors`.
    """
    refuse_over_limits(info, job.limits)
    ydl.params["outtmpl"]["default"] = f"{stem}.%(ext)s"
    if needs_ffmpeg(info):
        ydl.params["ffmpeg_location"] = _find_ffmpeg()
    log.is_too_big = False
    done = ydl.process_ie_result(info, download=True)
    downloads = done.get("requested_downloads") or [{}]
    file = Path(downloads[0].get("filepath") or job.directory / stem)
    if not file.is_file():
        if log.is_too_big:
            raise ShareFailedError(too_big(job.limits.max_bytes))
        raise ShareFailedError(Failure(Outcome.DOWNLOAD_FAILED, "yt-dlp reported success and left no file"))
    if file.stat().st_size > job.limits.max_bytes:
        raise ShareFailedError(too_big(job.limits.max_bytes))
    facts = read_media(file, audio_stem=job.directory / AUDIO_STEM, language=job.language)
    if facts.duration_seconds > job.limits.max_duration_seconds:
        raise ShareFailedError(too_long(facts.duration_seconds, job.limits))
    return _Media(done, file, facts)


def _expected_errors() -> tuple[type[Exception], ...]:
    """Return the errors that a link can cause. `_failure_of` explains them."""
    from yt_dlp.utils import YoutubeDLError

    return (ShareFailedError, YoutubeDLError, MemoryError, OSError)


def _failure_of(error: Exception, *, job: Job, allowed_extractors: tuple[str, ...], page: PostPage) -> Failure:
    """Return the failure that an expected error means. Raises it again if it is no fault of the link's after all."""
    if isinstance(error, ShareFailedError):
        return error.failure
    if isinstance(error, MemoryError):
        return too_much_memory()
    if isinstance(error, OSError):
        if error.errno == errno.EFBIG:  # the process's own limit: the byte counter has not seen these bytes
            return too_big(job.limits.max_bytes)
        if error.errno not in DISK_ERRORS:
            raise error
        return Failure(Outcome.DOWNLOAD_FAILED, f"the disk is full: {error.strerror}")
    return page.failure(failure_of(error, url=job.url, allowed_extractors=allowed_extractors))


def _find_ffmpeg() -> str:
    """Find the installation's own ffmpeg. That takes half a second, and is done only if it is needed."""
    import imageio_ffmpeg  # noqa: PLC0415 - see above

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _build_result(media: _Media, *, silent_formats: frozenset[FormatFamily] = frozenset()) -> Fetched:
    facts = media.facts
    video = media.file.rename(media.file.with_name(f"{VIDEO_STEM}.{facts.extension}"))
    return Fetched(
        video=describe(video),
        audio=describe(facts.audio) if facts.audio else None,
        info=video_info(media.info, duration_seconds=facts.duration_seconds, width=facts.width, height=facts.height),
        silent_formats=silent_formats,
        sounds=facts.sounds,
        sound_index=facts.sound_index,
    )


def describe(file: Path) -> DownloadedFile:
    """Read a validated file for its size and SHA-256."""
    with file.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    return DownloadedFile(
        path=file, digest=Digest(size_bytes=file.stat().st_size, sha256=sha256), content_type=content_type_of(file)
    )
