"""One download from link to validated files, in the process that is its own."""

import errno
import hashlib
from pathlib import Path

from bookmarkai_assets.adapters.downloader.job import Fetched, Job
from bookmarkai_assets.adapters.downloader.media_file import DISK_ERRORS, MediaFacts, content_type_of, read_media
from bookmarkai_assets.adapters.downloader.tiktok import IE_KEY, PostPage, photo_post
from bookmarkai_assets.adapters.downloader.ytdlp import (
    VIDEO_STEM,
    ByteCounter,
    Info,
    Log,
    find_video,
    is_allowed,
    keep_to_target,
    needs_ffmpeg,
    options,
    page_behind,
    refuse_what_exceeds,
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
    """Download the one video behind the job's link into its directory, validate it and cut its audio track.

    Of a short link the video is only named, where the site says which it is: by that name it may be at hand already.
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
        return _fetched(info, file, facts)
    except ShareFailedError as error:
        return error.failure
    except YoutubeDLError as error:
        return page.failure(failure_of(error, url=job.url, allowed_extractors=allowed_extractors))
    except MemoryError:
        return Failure(Outcome.DOWNLOAD_FAILED, "what the site sent takes more memory than a download may use")
    except OSError as error:
        if error.errno == errno.EFBIG:  # the process's own limit: what counts bytes has not seen them
            return too_big(job.limits.max_bytes)
        if error.errno not in DISK_ERRORS:
            raise
        return Failure(Outcome.DOWNLOAD_FAILED, f"the disk is full: {error.strerror}")


def _download(job: Job, allowed_extractors: tuple[str, ...], page: PostPage) -> tuple[Info, Path] | Resolved:
    """Run yt-dlp; returns what the site said and the file, or the video that a short link stands for.

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
        keep_to_target(ydl)
        if is_short(job.url):
            name = video_behind(job.url, page_behind(ydl, job.url) or "")
            if name is not None:
                return Resolved(name)
        if is_allowed(IE_KEY, allowed_extractors):
            page.listen(ydl)
        info = find_video(ydl, job.url)
        if page.is_photo_post:
            raise ShareFailedError(photo_post())
        refuse_what_exceeds(info, job.limits)
        if needs_ffmpeg(info):
            ydl.params["ffmpeg_location"] = _ffmpeg()
        done = ydl.process_ie_result(info, download=True)
    downloads = done.get("requested_downloads") or [{}]
    file = Path(downloads[0].get("filepath") or job.directory / VIDEO_STEM)
    if file.is_file():
        return done, file
    if log.is_too_big:
        raise ShareFailedError(too_big(job.limits.max_bytes))
    raise ShareFailedError(Failure(Outcome.DOWNLOAD_FAILED, "yt-dlp reported success and left no file"))


def _ffmpeg() -> str:
    """Find the ffmpeg that came with the installation: looking costs half a second, so only when it is needed."""
    import imageio_ffmpeg  # noqa: PLC0415 - see above

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _fetched(info: Info, file: Path, facts: MediaFacts) -> Fetched:
    video = file.rename(file.with_name(f"{VIDEO_STEM}.{facts.extension}"))
    return Fetched(
        video=_described(video),
        audio=_described(facts.audio) if facts.audio else None,
        info=video_info(info, duration_seconds=facts.duration_seconds, width=facts.width, height=facts.height),
    )


def _described(file: Path) -> DownloadedFile:
    with file.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    return DownloadedFile(
        path=file, digest=Digest(size_bytes=file.stat().st_size, sha256=sha256), content_type=content_type_of(file)
    )
