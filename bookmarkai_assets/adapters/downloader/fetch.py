"""One download in its own process, from the link to validated files."""

import errno
import hashlib
from pathlib import Path

from bookmarkai_assets.adapters.common.pyav.containers import DISK_ERRORS
from bookmarkai_assets.adapters.downloader.file_types import content_type_of
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
    video_info,
)
from bookmarkai_assets.adapters.downloader.ytdlp_errors import failure_of
from bookmarkai_assets.core.downloads.ports import DownloadedFile, Resolved
from bookmarkai_assets.core.errors import ShareFailedError
from bookmarkai_assets.core.links.canonical_urls import is_short
from bookmarkai_assets.core.links.short_links import video_behind
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.outcomes import Failure, Outcome

_AUDIO_STEM = "audio"


def fetch(job: Job, *, allowed_extractors: tuple[str, ...]) -> Fetched | Resolved | Failure:
    """Download the one video behind the job's link into its directory, validate it and cut out its audio track.

    If the site says which video a short link leads to, that video is only named: it may be stored already.
    """
    from yt_dlp.utils import YoutubeDLError

    page = PostPage()
    try:
        downloaded = _download(job, allowed_extractors, page)
        if isinstance(downloaded, Resolved):
            return downloaded
        info, file = downloaded
        size_bytes = file.stat().st_size
        if size_bytes > job.limits.max_bytes:
            return too_big(job.limits.max_bytes)
        facts = read_media(file, audio_stem=job.directory / _AUDIO_STEM)
        if facts.duration_seconds > job.limits.max_duration_seconds:
            return too_long(facts.duration_seconds, job.limits)
        return _build_result(info, file, facts)
    except ShareFailedError as error:
        return error.failure
    except YoutubeDLError as error:
        return page.failure(failure_of(error, url=job.url, allowed_extractors=allowed_extractors))
    except MemoryError:
        return Failure(Outcome.DOWNLOAD_FAILED, "what the site sent takes more memory than a download may use")
    except OSError as error:
        if error.errno == errno.EFBIG:  # the process's own limit: the byte counter has not seen these bytes
            return too_big(job.limits.max_bytes)
        if error.errno not in DISK_ERRORS:
            raise
        return Failure(Outcome.DOWNLOAD_FAILED, f"the disk is full: {error.strerror}")


def _download(job: Job, allowed_extractors: tuple[str, ...], page: PostPage) -> tuple[Info, Path] | Resolved:
    """Run yt-dlp. Return its info dict and the file, or the video that a short link stands for.

    Raises `ShareFailedError` and yt-dlp's errors.
    """
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
    with YoutubeDL(parameters) as ydl:
        force_target(ydl)
        if is_short(job.url):
            name = video_behind(job.url, follow_short_link(ydl, job.url) or "")
            if name is not None:
                return Resolved(name)
        if is_allowed(IE_KEY, allowed_extractors):
            page.listen(ydl)
        info = find_video(ydl, job.url)
        if page.is_photo_post:
            raise ShareFailedError(photo_post())
        refuse_over_limits(info, job.limits)
        if needs_ffmpeg(info):
            ydl.params["ffmpeg_location"] = _find_ffmpeg()
        done = ydl.process_ie_result(info, download=True)
    downloads = done.get("requested_downloads") or [{}]
    file = Path(downloads[0].get("filepath") or job.directory / VIDEO_STEM)
    if file.is_file():
        return done, file
    if log.is_too_big:
        raise ShareFailedError(too_big(job.limits.max_bytes))
    raise ShareFailedError(Failure(Outcome.DOWNLOAD_FAILED, "yt-dlp reported success and left no file"))


def _find_ffmpeg() -> str:
    """Find the installation's own ffmpeg. That takes half a second, and is done only if it is needed."""
    import imageio_ffmpeg  # noqa: PLC0415 - see above

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _build_result(info: Info, file: Path, facts: MediaFacts) -> Fetched:
    video = file.rename(file.with_name(f"{VIDEO_STEM}.{facts.extension}"))
    return Fetched(
        video=_describe(video),
        audio=_describe(facts.audio) if facts.audio else None,
        info=video_info(info, duration_seconds=facts.duration_seconds, width=facts.width, height=facts.height),
    )


def _describe(file: Path) -> DownloadedFile:
    with file.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    return DownloadedFile(
        path=file, digest=Digest(size_bytes=file.stat().st_size, sha256=sha256), content_type=content_type_of(file)
    )
