"""One examination in its own process: a file that came without a link, validated as a download's is."""

import errno
from pathlib import Path

from bookmarkai_assets.adapters.common.pyav.containers import DISK_ERRORS
from bookmarkai_assets.adapters.downloader.fetch import AUDIO_STEM, describe
from bookmarkai_assets.adapters.downloader.job import Fetched, Job
from bookmarkai_assets.adapters.downloader.media_file import read_media
from bookmarkai_assets.adapters.downloader.ytdlp import VIDEO_STEM, too_big, too_long, too_much_memory
from bookmarkai_assets.core.errors import ShareFailedError
from bookmarkai_assets.core.media.media import UNTITLED, VideoInfo
from bookmarkai_assets.core.outcomes import Failure, Outcome

EXTRACTOR = "upload"
"""What stands for the extractor of a video that none has extracted."""


def examine(job: Job) -> Fetched | Failure:
    """Validate the job's file, rename it by what it holds, and cut out its audio track."""
    try:
        return _examine(job, job.directory / str(job.file))
    except ShareFailedError as error:
        return error.failure
    except MemoryError:
        return too_much_memory()
    except OSError as error:
        if error.errno == errno.EFBIG:  # the process's own limit, on the audio track
            return too_big(job.limits.max_bytes)
        if error.errno not in DISK_ERRORS:
            raise
        return Failure(Outcome.DOWNLOAD_FAILED, f"the disk is full: {error.strerror}")


def _examine(job: Job, file: Path) -> Fetched:
    if file.stat().st_size > job.limits.max_bytes:
        raise ShareFailedError(too_big(job.limits.max_bytes))
    facts = read_media(file, audio_stem=job.directory / AUDIO_STEM, language=job.language)
    if facts.duration_seconds > job.limits.max_duration_seconds:
        raise ShareFailedError(too_long(facts.duration_seconds, job.limits))
    video = file.rename(file.with_name(f"{VIDEO_STEM}.{facts.extension}"))
    return Fetched(
        video=describe(video),
        audio=describe(facts.audio) if facts.audio else None,
        # Titles in a file are its maker's, and nobody has asked for them.
        info=VideoInfo(
            title=UNTITLED,
            author=None,
            description=None,
            thumbnail_url=None,
            extractor=EXTRACTOR,
            duration_seconds=facts.duration_seconds,
            width=facts.width,
            height=facts.height,
        ),
        sounds=facts.sounds,
        sound_index=facts.sound_index,
    )
