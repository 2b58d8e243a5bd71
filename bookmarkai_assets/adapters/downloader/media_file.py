"""Find out what a downloaded file really is, and write its sound into a file of its own.

Reads local files only and knows no site. `file_types` names what it is, `truncation` finds out whether it is whole.
"""

import errno
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bookmarkai_assets.adapters.common.pyav.containers import DISK_ERRORS, has_frame, has_time_stamps, open_media
from bookmarkai_assets.adapters.common.pyav.packets import timed_packets
from bookmarkai_assets.adapters.common.pyav.tracks import picture_of, sound_of, sounds_of
from bookmarkai_assets.adapters.downloader.audio_track import AudioTrack, NotCopyableError, copied_track, encoded_track
from bookmarkai_assets.adapters.downloader.file_types import (
    CONTENT_TYPES,
    extension_of,
    failure_of_unreadable,
    failure_without_tracks,
)
from bookmarkai_assets.adapters.downloader.truncation import is_exact, refuse_truncated
from bookmarkai_assets.core.errors import ShareFailedError
from bookmarkai_assets.core.media.sound import SoundTrack
from bookmarkai_assets.core.outcomes import Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

# Fonts and covers that are attached to a file have no time.
_OTHER_TYPES = frozenset({"video", "audio", "subtitle", "data"})


@dataclass(frozen=True)
class MediaFacts:
    """The facts about a validated file.

    `audio` is the file with its sound, None if it has no sound. `sounds` are all its sound tracks, and `sound_index` is
    the one that `audio` holds.
    """

    extension: str
    content_type: str
    duration_seconds: float
    width: int | None
    height: int | None
    audio: Path | None
    sounds: tuple[SoundTrack, ...] = ()
    sound_index: int | None = None


def read_media(file: Path, *, audio_stem: Path, language: str | None = None) -> MediaFacts:
    """Validate a file by reading it to its end, and write its sound to `audio_stem` plus `.m4a` or `.mka` meanwhile.

    `language` is the one that is expected of the video, and may decide between its sound tracks. Raises
    `ShareFailedError` with `not_a_video`, `corrupt`, `too_big` if it takes too much memory, or, if the disk is full,
    `download_failed`.
    """
    from av.error import FFmpegError

    try:
        try:
            return _read(file, audio_stem, language, write=copied_track)
        except NotCopyableError:
            return _read(file, audio_stem, language, write=encoded_track)
    except FFmpegError as error:
        if error.errno in DISK_ERRORS:
            raise ShareFailedError(Failure(Outcome.DOWNLOAD_FAILED, f"the disk is full: {error.strerror}")) from error
        if error.errno == errno.ENOMEM:
            # FFmpeg says the same of more than a thousand tracks.
            reason = "reading the file takes more memory than a download may use, or it has far too many tracks"
            raise ShareFailedError(Failure(Outcome.TOO_BIG, reason)) from error
        raise ShareFailedError(failure_of_unreadable(file, str(error.strerror))) from error


def _read(
    file: Path,
    audio_stem: Path,
    language: str | None,
    *,
    write: "Callable[[AudioStream, Path], AbstractContextManager[AudioTrack]]",
) -> MediaFacts:
    with open_media(file) as container:
        picture, sound = picture_of(container), sound_of(container, language=language)
        if picture is None and sound is None:
            raise ShareFailedError(failure_without_tracks(container))
        with nullcontext() if sound is None else write(sound, audio_stem) as audio:
            ends = _read_packets(container, picture, sound, audio)
        refuse_truncated(container, file, ends.by_track)
        seconds = ends.shown_seconds
        if audio is not None and audio.seconds is not None and not has_time_stamps(container):
            seconds = audio.seconds
        extension = extension_of(container, file, is_picture=picture is not None)
        return MediaFacts(
            extension=extension,
            content_type=CONTENT_TYPES[extension],
            duration_seconds=round(seconds, 3),
            width=(picture.codec_context.width or None) if picture else None,
            height=(picture.codec_context.height or None) if picture else None,
            audio=audio.path if audio is not None and audio.packets else None,
            sounds=tuple(sounds_of(container)),
            sound_index=sound.index if sound is not None else None,
        )


@dataclass(frozen=True)
class _Ends:
    """Where the packets end, in seconds: of each track by its own time stamps, and as a player shows it."""

    by_track: dict[int, float]
    shown_seconds: float


def _read_packets(
    container: "InputContainer", picture: "VideoStream | None", sound: "AudioStream | None", audio: AudioTrack | None
) -> _Ends:
    """Read all tracks to their ends, and hand the packets of the sound to `audio`.

    Raises `ShareFailedError` if nothing of the picture decodes, or of the sound where there is no picture to see.
    """
    clocked = [track for track in (picture, sound) if track is not None]
    others = [track for track in container.streams if track not in clocked and track.type in _OTHER_TYPES]
    is_checked = is_exact(container)
    is_seen, has_beginning = False, False
    ends: dict[int, float] = {}
    shown_seconds = 0.0
    units = {track.index: float(track.time_base or 0) for track in container.streams}
    shown = {track.index for track in clocked}
    # This runs a hundred times for each second of video.
    for packet, offset in timed_packets(container, clocked=clocked, others=others):
        if is_checked and packet.is_corrupt:
            raise ShareFailedError(Failure(Outcome.CORRUPT, "the file is cut off in the middle of a frame"))
        index = packet.stream_index
        if not is_seen and packet.stream is picture:
            has_beginning = has_beginning or packet.is_keyframe
            is_seen = has_frame(packet)
        if packet.pts is not None:
            end = (packet.pts + (packet.duration or 0)) * units[index]
            ends[index] = max(end, ends.get(index, end))
            if index in shown:
                shown_seconds = max(shown_seconds, end + offset)
        if sound is not None and audio is not None and index == sound.index:
            audio.take(packet, offset)
    # A picture that is cut out of a group shows nothing, and its sound is heard. One that does not decode is broken.
    is_played = is_seen or (not has_beginning and audio is not None and audio.has_frame)
    if not is_played or shown_seconds <= 0:
        raise ShareFailedError(Failure(Outcome.CORRUPT, "no frame of the file can be decoded"))
    return _Ends(ends, shown_seconds)
