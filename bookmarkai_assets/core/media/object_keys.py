"""Keys of stored objects. A part has the same key on every backend: in a bucket, and below the local directory."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bookmarkai_assets.core.media.kinds import PartKind

HASH_LENGTH = 16
_KEY = re.compile(
    r"(?P<prefix>(?:[^/]+/)*)(?P<date>\d{4}/\d{2}/\d{2})/(?P<hash>[0-9a-f]{16})_(?P<ms>\d+)(?P<audio>\.audio)?\.(?P<ext>[a-z0-9]+)"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ParsedKey:
    """What a key says. `created_at` is the share's creation, to the millisecond."""

    prefix: str
    url_hash: str
    created_at: datetime
    extension: str
    kind: PartKind


def epoch_milliseconds(moment: datetime) -> int:
    """Return whole milliseconds since the epoch, computed in integers: floats lose a millisecond now and then."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def video_key(prefix: str, canonical_url: str, created_at: datetime, extension: str) -> str:
    """Return the key of a video: `{prefix}{year}/{month}/{day}/{hash}_{timestamp}.{extension}`, in UTC and zero-padded.

    `hash` is the first 16 hex digits of the SHA-256 of the canonical URL and `timestamp` the share's creation in epoch
    milliseconds, so a retry of the share writes the same key.
    """
    digest = hashlib.sha256(canonical_url.encode()).hexdigest()[:HASH_LENGTH]
    day = created_at.astimezone(UTC)
    return f"{prefix}{day:%Y/%m/%d}/{digest}_{epoch_milliseconds(created_at)}.{extension}"


def audio_key(key_of_video: str, extension: str) -> str:
    """Return the key of the audio track beside its video."""
    stem, _, _ = key_of_video.rpartition(".")
    return f"{stem}.audio.{extension}"


def transcript_key(key_of_video: str, kind: PartKind) -> str:
    """Return the key of a transcript's file: the video's with another extension, by which players find subtitles."""
    stem, _, _ = key_of_video.rpartition(".")
    return f"{stem}.{kind}"


def parse_key(key: str) -> ParsedKey | None:
    """Parse a key; None for a name that is not one of ours."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    created_at = _EPOCH + timedelta(milliseconds=int(match["ms"]))
    if f"{created_at:%Y/%m/%d}" != match["date"]:
        return None
    return ParsedKey(
        prefix=match["prefix"],
        url_hash=match["hash"],
        created_at=created_at,
        extension=match["ext"],
        kind=_kind_of(match["ext"], is_audio=match["audio"] is not None),
    )


def _kind_of(extension: str, *, is_audio: bool) -> PartKind:
    if is_audio:
        return PartKind.AUDIO
    # No video has the extension of a transcript's file.
    return next((kind for kind in PartKind if kind.is_transcript and kind == extension), PartKind.VIDEO)
