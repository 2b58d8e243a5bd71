"""Name the type of a media file, and what is no media at all."""

from pathlib import Path
from typing import TYPE_CHECKING

from bookmarkai_assets.adapters.common.pyav.containers import declared_seconds, format_of
from bookmarkai_assets.core.outcomes import Failure, Outcome

if TYPE_CHECKING:
    from av.container import InputContainer

CONTENT_TYPES = {
    "mp4": "video/mp4",
    "m4a": "audio/mp4",
    "webm": "video/webm",
    "mkv": "video/matroska",
    "mka": "audio/matroska",
    "ts": "video/mp2t",
    "mpg": "video/mpeg",
    "flv": "video/x-flv",
    "avi": "video/x-msvideo",
    "wmv": "video/x-ms-wmv",
    "ogg": "application/ogg",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "amr": "audio/amr",
    "aiff": "audio/aiff",
    "caf": "audio/x-caf",
    "ac3": "audio/ac3",
    "eac3": "audio/eac3",
}
"""The content type of each extension."""

_EXTENSIONS = {"mpegts": "ts", "mpeg": "mpg", "asf": "wmv"}
_SNIFFED_BYTES = 512
_BLANKS = b"\xef\xbb\xbf \t\r\n"
_TEXT_BEGINNINGS = (b"<", b"{", b"#EXTM3U")  # HTML and XML, JSON, playlists: no video begins like this
_CONTROLS = frozenset(range(0x20)) - frozenset(b"\t\n\f\r")  # no text contains them, and every video does
# Complete files that sites send in place of a video: PNG, JPEG, GIF, PDF, ZIP.
_OTHER_BEGINNINGS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"%PDF-", b"PK\x03\x04")


def content_type_of(file: Path) -> str:
    """Return the content type of a file, by its extension. It must be one that `extension_of` has chosen."""
    return CONTENT_TYPES[file.suffix.removeprefix(".")]


def extension_of(container: "InputContainer", file: Path, *, is_picture: bool) -> str:
    """Return the extension that a file should have."""
    name = format_of(container)
    if name == "mov":
        return "mp4" if is_picture else "m4a"
    if name == "matroska":
        with file.open("rb") as opened:
            is_webm = b"webm" in opened.read(_SNIFFED_BYTES)  # its DocType, RFC 9559
        return "webm" if is_webm else "mkv" if is_picture else "mka"
    return _EXTENSIONS.get(name, name)


def failure_without_tracks(container: "InputContainer") -> Failure:
    """Return the failure of a file that opens, but has neither picture nor sound."""
    if declared_seconds(container) is None:
        return Failure(Outcome.CORRUPT, "the file ends before it says what it holds")
    return Failure(Outcome.NOT_A_VIDEO, "the file holds neither picture nor sound")


def failure_of_unreadable(file: Path, detail: str) -> Failure:
    """Distinguish a page that was served in place of a video from a broken video."""
    with file.open("rb") as opened:
        head = opened.read(_SNIFFED_BYTES)
    if head.lstrip(_BLANKS).startswith(_TEXT_BEGINNINGS) or (head and _CONTROLS.isdisjoint(head)):
        return Failure(Outcome.NOT_A_VIDEO, "the site sent text, such as a web page, in place of a video")
    if head.startswith(_OTHER_BEGINNINGS):
        return Failure(Outcome.NOT_A_VIDEO, "the site sent a picture, a document or an archive in place of a video")
    return Failure(Outcome.CORRUPT, f"the file cannot be read as a video: {detail}")
