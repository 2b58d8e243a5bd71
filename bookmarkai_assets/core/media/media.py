"""A media and its parts: where their bytes are, how many, and their SHA-256. Never the bytes themselves."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.placement import Backend, Placement


@dataclass(frozen=True)
class Digest:
    """The size and hash of some bytes. `sha256` is lower-case hex."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """One file of a media: its video, its audio track, or a file of its transcript.

    `key` is its name on every backend. `url` is where its bytes are: an absolute local path, or `s3://bucket/key`.
    """

    kind: PartKind
    key: str
    url: str
    digest: Digest
    content_type: str

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self.digest.size_bytes


UNTITLED = "Untitled"
"""The title of a video that has none on its site."""


@dataclass(frozen=True)
class VideoInfo:
    """What the site says about the video, and the duration and picture size of the file.

    The site's texts are cleaned and have a maximum length. `posted_at` is aware and in UTC; None if the site does not
    say it.
    """

    title: str
    author: str | None
    description: str | None
    thumbnail_url: str | None
    extractor: str
    duration_seconds: float
    width: int | None
    height: int | None
    posted_at: datetime | None = None


class MediaState(StrEnum):
    """The state of a media. An expired one's bytes were deleted by a retention rule, but its record stays."""

    STAGED = "staged"
    STORED = "stored"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Media:
    """One video, whichever shares point at it.

    `share_id` is the first share. Its id decides the placement, and its creation time is part of the keys. `audio` is
    None for a video without sound. `transcript_files` are those of the newest transcript, empty until there is one.
    `placement` and `stored_at` are None until the media is stored. `stored_at` is when the bytes came to the backend
    that has them now. `expires_at` is when the bucket's lifecycle rule may delete them; None if no rule does.
    """

    media_id: str
    canonical_url: str
    platform: str
    share_id: str
    state: MediaState
    info: VideoInfo
    video: Part
    audio: Part | None
    download_seconds: float
    upload_seconds: float | None = None
    placement: Placement | None = None
    stored_at: datetime | None = None
    expires_at: datetime | None = None
    transcript_files: Mapping[PartKind, Part] = field(default_factory=dict)

    @property
    def parts(self) -> dict[PartKind, Part]:
        """All parts by kind: the video, the audio track if there is one, and the transcript's files."""
        audio = {PartKind.AUDIO: self.audio} if self.audio else {}
        return {PartKind.VIDEO: self.video, **audio, **self.transcript_files}

    @property
    def size_bytes(self) -> int:
        """The size of all parts together."""
        return sum(part.size_bytes for part in self.parts.values())

    @property
    def backend(self) -> Backend | None:
        """The backend that holds the bytes; None while they are in staging."""
        return self.placement.backend if self.placement else None


def media_id_of(canonical_url: str) -> str:
    """Return the id of the media behind a canonical URL: its SHA-256 in hex, so that one video has one id."""
    return hashlib.sha256(canonical_url.encode()).hexdigest()
