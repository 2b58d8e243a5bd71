"""The kinds of file that are stored for a media."""

from collections.abc import Mapping
from enum import StrEnum


class PartKind(StrEnum):
    """What one part of a media is. The kind of a transcript's file is also its file name extension."""

    VIDEO = "video"
    AUDIO = "audio"
    JSON = "json"
    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"

    @property
    def is_transcript(self) -> bool:
        """Whether it is a file of the transcript, which can be made again from the catalog."""
        return self in TRANSCRIPT_CONTENT_TYPES


TRANSCRIPT_CONTENT_TYPES: Mapping[PartKind, str] = {
    PartKind.SRT: "application/x-subrip",
    PartKind.VTT: "text/vtt",
    PartKind.TXT: "text/plain; charset=utf-8",
    PartKind.JSON: "application/json",
}
"""The content type of each of a transcript's files. WebVTT and JSON are UTF-8 by definition. SubRip has no registered
type, but players know this one."""
