"""The user metadata of an object: its digest and its tags, encoded for HTTP headers."""

from collections.abc import Mapping
from urllib.parse import quote, unquote

from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.media.tag_safety import RESERVED_NAMES, check_tags

SHA256 = "sha256"
SIZE = "size"
CRC64NVME = "crc64nvme"
"""As in S3's headers. The server computes its own from the bytes, so one that differs reveals later changes."""


def metadata_of(digest: Digest, tags: Mapping[str, str]) -> dict[str, str]:
    """Return the user metadata of an object: `sha256`, `size` (bytes, decimal) and the tags.

    Values are percent-encoded as in URLs, because headers are ASCII and consecutive spaces would break the signature.
    Raises `StoreError` (other) for tags that cannot be stored.
    """
    check_tags(tags)
    return {
        SHA256: digest.sha256,
        SIZE: str(digest.size_bytes),
        **{name: quote(value, safe="/:@") for name, value in tags.items()},
    }


def tags_of_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Read the tags back from an object's user metadata."""
    return {name: unquote(value) for name, value in metadata.items() if name not in RESERVED_NAMES}
