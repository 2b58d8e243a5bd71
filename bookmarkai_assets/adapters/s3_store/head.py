"""Read what the server says about one object, by a HEAD request, and whether there is one."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from bookmarkai_assets.adapters.s3_store.client import S3Client
from bookmarkai_assets.adapters.s3_store.errors import field_of, missing_bucket, vendor_errors
from bookmarkai_assets.adapters.s3_store.metadata import CRC64NVME, SHA256, SIZE, tags_of_metadata
from bookmarkai_assets.adapters.s3_store.source import Source
from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.media.ports import StoredObject

_OTHER_CHECKSUMS = ("CRC32", "CRC32C", "SHA1", "SHA256")
_EXPIRY_DATE = re.compile(r'expiry-date="([^"]*)"')


@dataclass(frozen=True)
class ObjectHead:
    """The answer to a HEAD. `sha256` and the `recorded_…` fields are None for objects that somebody else stored.

    `crc64nvme` is the server's own checksum of all bytes; None if it keeps none. `has_other_checksum` is whether it has
    one of another kind.
    """

    url: str
    size_bytes: int
    recorded_size: str | None
    recorded_crc64nvme: str | None
    sha256: str | None
    crc64nvme: str | None
    has_other_checksum: bool
    etag: str
    content_type: str
    modified_at: datetime
    expires_at: datetime | None
    tags: Mapping[str, str]

    def has_digest(self, expected: Digest) -> bool:
        """Whether the recorded digest is the expected one, and the bytes are those that it was recorded for."""
        return self.sha256 == expected.sha256 and self.size_bytes == expected.size_bytes and not self._is_rewritten

    def is_copy_of(self, source: Source) -> bool:
        """Whether the object has the source's bytes, by its recorded digest and the server's own checksum."""
        return self.has_digest(source.digest) and self.crc64nvme in {None, source.crc64nvme}

    @property
    def _is_rewritten(self) -> bool:
        """Whether the bytes are not those that were put, although the recorded metadata is still there.

        This pipeline puts with a CRC64NVME, so a checksum of another kind is somebody else's. It is False for objects
        that are older than the recorded checksum, and on servers that keep no checksums.
        """
        if self.recorded_crc64nvme is None:
            return False
        return self.has_other_checksum if self.crc64nvme is None else self.crc64nvme != self.recorded_crc64nvme

    @property
    def description(self) -> str:
        """The object in words, for messages."""
        return f"{self.size_bytes} bytes with SHA-256 {self.sha256[:16] + '…' if self.sha256 else 'not recorded'}"

    @property
    def digest(self) -> Digest:
        """The recorded digest. Raises `StoreError` (checksum) if there is none, or if it does not match the object."""
        if self.sha256 is None:
            raise StoreError(
                StoreErrorClass.CHECKSUM,
                f"expected an object with the metadata {SHA256!r} at {self.url}, found none of that name; something "
                "other than this pipeline stored it",
            )
        if self.recorded_size not in {None, str(self.size_bytes)}:
            raise StoreError(
                StoreErrorClass.CHECKSUM,
                f"expected {self.recorded_size} bytes at {self.url}, by its metadata, found {self.size_bytes}; "
                "the answer was damaged on the way, or something has changed the object: try again",
            )
        if self._is_rewritten:
            raise StoreError(
                StoreErrorClass.CHECKSUM,
                f"expected bytes with the CRC64NVME {self.recorded_crc64nvme} at {self.url}, by its metadata, found "
                f"{self.crc64nvme or 'a checksum of another kind'} by the server's own; something has written other "
                "bytes there",
            )
        return Digest(self.size_bytes, self.sha256)

    @property
    def stored_object(self) -> StoredObject:
        """The object as the port describes it. Raises `StoreError` as `digest` does."""
        return StoredObject(
            url=self.url,
            digest=self.digest,
            content_type=self.content_type,
            modified_at=self.modified_at,
            expires_at=self.expires_at,
            tags=self.tags,
        )


def read_head(client: S3Client, bucket: str, key: str) -> ObjectHead | None:
    """Read one object's metadata. None if there is no object. A missing bucket looks the same to a HEAD."""
    url = f"s3://{bucket}/{key}"
    action = f"checking {url}"
    with suppress(ObjectNotFoundError), vendor_errors(action, bucket=bucket):
        head = client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        metadata = head.get("Metadata", {})
        return ObjectHead(
            url=url,
            size_bytes=field_of(head, "ContentLength", action),
            recorded_size=metadata.get(SIZE),
            recorded_crc64nvme=metadata.get(CRC64NVME),
            sha256=metadata.get(SHA256),
            crc64nvme=full_crc64nvme_of(head),
            has_other_checksum=any(f"Checksum{kind}" in head for kind in _OTHER_CHECKSUMS),
            etag=field_of(head, "ETag", action),
            content_type=head.get("ContentType", ""),
            modified_at=field_of(head, "LastModified", action).astimezone(UTC),
            expires_at=_expiry_of(head.get("Expiration", "")),
            tags=tags_of_metadata(metadata),
        )
    return None


def require_head(client: S3Client, bucket: str, key: str) -> ObjectHead:
    """Read an object's metadata. Raises `ObjectNotFoundError`, or `StoreError` (configuration) for a missing bucket."""
    found = read_head(client, bucket, key)
    if found is not None:
        return found
    url = f"s3://{bucket}/{key}"
    # A HEAD has no body to say whether the key or the whole bucket is missing.
    try:
        with vendor_errors(f"checking the bucket of {url}", bucket=bucket):
            client.head_bucket(Bucket=bucket)
    except ObjectNotFoundError:
        raise missing_bucket(f"checking {url}", bucket) from None
    except StoreError as error:
        if error.error_class is not StoreErrorClass.ACCESS_DENIED:
            raise
        # Without permission to ask about the bucket, the answer that the object is absent stands.
    raise ObjectNotFoundError(f"expected an object at {url}, found none")


def full_crc64nvme_of(head: Mapping[str, Any]) -> str | None:
    """Return the CRC64NVME of an object in an answer. None without one, and for one of the parts' checksums.

    Amazon S3 has no such composite CRC64NVME, but other servers do. It ends in `-` and the number of parts.
    """
    crc: str | None = head.get("ChecksumCRC64NVME")
    return None if crc is None or "-" in crc else crc


def _expiry_of(header: str) -> datetime | None:
    """Parse `expiry-date="Fri, 23 Dec 2026 00:00:00 GMT", rule-id="…"`. None if absent or in another form."""
    match = _EXPIRY_DATE.search(header)
    if match is None:
        return None
    try:
        return parsedate_to_datetime(match[1]).astimezone(UTC)
    except ValueError:
        return None
