"""The kinds of file that are stored for one media."""

from enum import StrEnum


class TranscriptFormat(StrEnum):
    """The forms. The name is also the ending of a file's name."""

    SRT = "srt"
    VTT = "vtt"
    TXT = "txt"
    JSON = "json"


CONTENT_TYPES = {
    TranscriptFormat.SRT: "application/x-subrip",
    TranscriptFormat.VTT: "text/vtt",
    TranscriptFormat.TXT: "text/plain; charset=utf-8",
    TranscriptFormat.JSON: "application/json",
}
"""Of a file in each form. WebVTT and JSON are UTF-8 by definition; SubRip has no registered type, this is in use."""

FILE_KINDS = frozenset(form.value for form in TranscriptFormat)
"""What a transcript's files are called among what is stored of a media."""
