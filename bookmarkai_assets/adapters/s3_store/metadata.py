"""What an object carries beside its bytes: its digest and the tags that came with it, header-safe."""

from collections.abc import Mapping
from urllib.parse import quote, unquote

from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.media.tag_safety import RESERVED_NAMES, check_tags

SHA256 = "sha256"
SIZE = "size"
CRC64NVME = "crc64nvme"
"""As S3 writes it. The server keeps its own of the bytes, so one that differs tells bytes that were changed later."""


def metadata_of(digest: Digest, tags: Mapping[str, str]) -> dict[str, str]:
    """Give the user metadata of an object: `sha256`, `size` (bytes, decimal) and the tags.

    Values are percent-encoded as in URLs: headers are ASCII, and runs of spaces would break the signature. Raises
    `StoreError` (other) for tags that cannot travel so.
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
