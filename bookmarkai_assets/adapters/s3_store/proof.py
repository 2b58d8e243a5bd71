"""Whether an object has the bytes that its metadata says: by the server's own checksum, or by reading it back."""

import hashlib
from dataclasses import replace

from bookmarkai_assets.adapters.s3_store.client import S3Client
from bookmarkai_assets.adapters.s3_store.download import ByteRange, Download, blocks_of
from bookmarkai_assets.adapters.s3_store.head import ObjectHead, read_head
from bookmarkai_assets.adapters.s3_store.parallel import Interruption
from bookmarkai_assets.core.media.media import Digest


def read_proven_head(
    client: S3Client, download: Download, expected: Digest, *, part_bytes: int, interruption: Interruption
) -> ObjectHead | None:
    """Read an object's metadata. None if there is no object.

    A server that keeps no CRC64NVME has not verified the upload's. If the recorded digest there is the expected one,
    the object is read, and its own SHA-256 takes the place of the recorded one. `download` has no ETag yet. Raises
    `StoreError`.
    """
    found = read_head(client, download.bucket, download.key)
    if found is None or found.crc64nvme is not None or not found.has_digest(expected):
        return found
    version = replace(download, etag=found.etag)
    sha256 = hashlib.sha256()
    for part in ByteRange(0, found.size_bytes).parts(part_bytes):
        for block in blocks_of(client, version, part, interruption=interruption):
            sha256.update(block)
    return replace(found, sha256=sha256.hexdigest())
