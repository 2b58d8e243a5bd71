"""Open a media file of a stranger: only as one of the formats named here, and never as a list of other files."""

import errno
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer

FORMATS = "mov,matroska,webm,mpegts,mpeg,flv,avi,asf,ogg,mp3,aac,wav,flac,amr,aiff,caf,ac3,eac3"
"""libavformat's names. It could also take a file for a playlist, which names other files and hosts to read."""

CLOCK_TAG = "comment"
CLOCK_OF_THE_VIDEO = "times count from the start of the video"
"""The tag of audio tracks that were cut out of a video, and its text. Their times are the player's already."""

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The disk, or this user's quota on it, is full."""

_WITHOUT_TIME_STAMPS = frozenset({"aac", "ac3", "eac3", "mp3"})
"""Bare streams of frames. libavformat makes their time stamps up from the first frame's rate."""

_TIME_STAMPS_JUMP = 0x0200  # libavformat's AVFMT_TS_DISCONT
_CONTAINER_TICKS = 1_000_000  # libavformat's AV_TIME_BASE


def open_media(file: Path | IO[bytes]) -> "InputContainer":
    """Open a local file for reading, or one in memory.

    Raises PyAV's `FFmpegError` if it is in none of the formats.
    """
    import av

    return av.open(
        str(file) if isinstance(file, Path) else file,
        mode="r",
        metadata_errors="replace",  # titles come in any encoding, and nothing here reads them
        options={"format_whitelist": FORMATS, "protocol_whitelist": "file"},
    )


def format_of(container: "InputContainer") -> str:
    """Return libavformat's first name for the file's format."""
    return container.format.name.partition(",")[0]


def declared_seconds(container: "InputContainer") -> float | None:
    """Return the length that the file declares, or that libavformat estimates. MP4 and Matroska count it from zero."""
    return None if container.duration is None else container.duration / _CONTAINER_TICKS


def start_seconds(container: "InputContainer") -> float:
    """Return the file's earliest time stamp, where its player's clock begins."""
    tags = {name.lower(): text for name, text in container.metadata.items()}
    if tags.get(CLOCK_TAG) == CLOCK_OF_THE_VIDEO:
        return 0.0
    return (container.start_time or 0) / _CONTAINER_TICKS


def has_time_stamps(container: "InputContainer") -> bool:
    """Whether the format says when its packets are due. Otherwise, each follows the one before."""
    return format_of(container) not in _WITHOUT_TIME_STAMPS


def may_jump(container: "InputContainer") -> bool:
    """Whether the format's time stamps may jump to those of another recording."""
    return bool(container.format.flags & _TIME_STAMPS_JUMP)


def has_frame(packet: "Packet[Any]") -> bool:
    """Whether a packet decodes to a frame. One that does not proves nothing: streams may begin within a group."""
    from av.error import FFmpegError

    try:
        return bool(packet.decode())
    except FFmpegError:
        return False
