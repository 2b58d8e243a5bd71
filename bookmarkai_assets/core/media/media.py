"""What passes between the assets: where bytes are, how many, and what they hash to. Never the bytes themselves."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bookmarkai_assets.core.media.placement import Backend, Placement


@dataclass(frozen=True)
class Digest:
    """The identity of a run of bytes. `sha256` is lower-case hex."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Blob:
    """Bytes somewhere: `url` is an absolute local path or `s3://bucket/key`."""

    url: str
    digest: Digest
    content_type: str


UNTITLED = "Untitled"
"""The title of a video whose site gives it none."""


@dataclass(frozen=True)
class VideoInfo:
    """What the site said of the video, capped and cleaned, and what the file says (duration, size of the picture).

    `posted_at` is aware and in UTC; None where the site does not say it.
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
    """Where in its life a media is. The bytes of an expired one are gone by rule; what is known of it stays."""

    STAGED = "staged"
    STORED = "stored"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Media:
    """One video, however many shares point at it.

    `share_id` is the first share: its id decides the placement and its creation time is part of `object_key`.
    `video` and `audio` say where the bytes are now. `placement` and `stored_at` are None until the media is stored;
    `stored_at` is when the bytes came to the place where they are. `expires_at` is when the bucket's lifecycle rule may
    delete them, None where no rule does. `transcript_files` are beside the video, by their form (json, txt, srt, vtt):
    those of the transcript that was made last, none until there is one.
    """

    media_id: str
    canonical_url: str
    platform: str
    share_id: str
    object_key: str
    state: MediaState
    info: VideoInfo
    video: Blob
    audio: Blob | None
    download_seconds: float
    upload_seconds: float | None = None
    placement: Placement | None = None
    stored_at: datetime | None = None
    expires_at: datetime | None = None
    transcript_files: Mapping[str, Blob] = field(default_factory=dict)

    @property
    def blobs(self) -> dict[str, Blob]:
        """All that is stored of it, by kind: the video, the audio track if there is one, the transcript's files."""
        return {"video": self.video, **({"audio": self.audio} if self.audio else {}), **self.transcript_files}

    @property
    def size_bytes(self) -> int:
        """Of all that is stored of it."""
        return sum(blob.digest.size_bytes for blob in self.blobs.values())

    @property
    def backend(self) -> Backend | None:
        """The backend that holds the bytes; None while they are in staging."""
        return self.placement.backend if self.placement else None


def media_id_of(canonical_url: str) -> str:
    """Name the media behind a canonical URL: the hex SHA-256 of it, so that one video has one id."""
    return hashlib.sha256(canonical_url.encode()).hexdigest()
