"""An upload: what was declared of a file before it is sent, and what has become of it since."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bookmarkai_assets.core.links.upload_urls import upload_url
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.text import clean_line, format_size

LIFETIME = timedelta(days=1)
"""How long an upload is waited for. What has not arrived by then is abandoned, and what arrived is swept."""

MAX_NAME_CHARACTERS = 200

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_CONTENT_TYPE = re.compile(
    r"(?:video|audio)/[a-z0-9][a-z0-9.+-]{0,99}|application/(?:octet-stream|ogg|mp4|mxf|x-matroska|vnd\.rn-realmedia)"
)


class UploadStatus(StrEnum):
    """How far an upload is.

    `awaiting` its bytes; `arrived`, but no share was made yet; `taken_in`: it has a share; `refused`: what arrived is
    not what was declared; `abandoned`: given up by its owner, or because nothing arrived in time.
    """

    AWAITING = "awaiting"
    ARRIVED = "arrived"
    TAKEN_IN = "taken_in"
    REFUSED = "refused"
    ABANDONED = "abandoned"


UNFINISHED = frozenset({UploadStatus.AWAITING, UploadStatus.ARRIVED})
"""The statuses from which an upload may still become a share."""


@dataclass(frozen=True)
class Declaration:
    """What the owner says of a file. `name` is cleaned. Nothing of this is true before the bytes have been read."""

    name: str
    content_type: str
    digest: Digest


@dataclass(frozen=True)
class RefusedDeclaration:
    """A file that cannot be uploaded. `reason` says what was expected and what was found."""

    reason: str


@dataclass(frozen=True)
class Upload:
    """One row of `uploads`. `user_id` is its owner, `key` the object's key in the bucket.

    `multipart_id` is the bucket's id of the multipart upload, and `part_bytes` the size of its parts; both are None for
    a file that is sent in one request. `share_id` is None before `taken_in`. `reason` says why it was refused or
    abandoned. `ended_at` is when it was taken in, refused or abandoned, `removed_at` when the object was deleted.
    """

    upload_id: str
    user_id: str
    declared: Declaration
    key: str
    status: UploadStatus
    created_at: datetime
    multipart_id: str | None = None
    part_bytes: int | None = None
    share_id: str | None = None
    reason: str | None = None
    arrived_at: datetime | None = None
    ended_at: datetime | None = None
    removed_at: datetime | None = None

    @property
    def url(self) -> str:
        """The `url` of its share."""
        return upload_url(self.upload_id)

    @property
    def digest(self) -> Digest:
        """The declared size and SHA-256."""
        return self.declared.digest

    @property
    def expires_at(self) -> datetime:
        """Until when its bytes are waited for."""
        return self.created_at + LIFETIME


def declare(
    *, name: str, content_type: str, size_bytes: int, sha256: str, max_bytes: int
) -> Declaration | RefusedDeclaration:
    """Check what somebody says of a file. `max_bytes` is the largest video that is taken (`DOWNLOAD_MAX_BYTES`)."""
    # Browsers send a name, other programs maybe a path, of either kind of system.
    shown = clean_line(re.split(r"[/\\]", name)[-1], max_characters=MAX_NAME_CHARACTERS)
    if not shown:
        return RefusedDeclaration("expected the file's name, found nothing that can be shown")
    kind = content_type.strip().lower()
    if _CONTENT_TYPE.fullmatch(kind) is None:
        return RefusedDeclaration(
            "expected a content type of a video or a sound, such as video/mp4, or application/octet-stream where it is "
            "not known, found another"
        )
    if size_bytes < 1:
        return RefusedDeclaration(f"expected a file with at least one byte, found {size_bytes}")
    if size_bytes > max_bytes:
        return RefusedDeclaration(
            f"expected a file of at most {format_size(max_bytes)}, found {format_size(size_bytes)}; DOWNLOAD_MAX_BYTES "
            "is the limit of this installation"
        )
    if _SHA256.fullmatch(sha256) is None:
        return RefusedDeclaration("expected the file's SHA-256 as 64 hexadecimal digits, found something else")
    return Declaration(shown, kind, Digest(size_bytes, sha256.lower()))
