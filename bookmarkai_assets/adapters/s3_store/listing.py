"""List what is in a bucket, page by page: its objects, and the multipart uploads that nobody has ended.

The vendor's paginators are not used. They take an answer without the fields that lead to the next page for the last
one, so an incomplete listing would look complete.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

from bookmarkai_assets.adapters.s3_store.client import S3Client
from bookmarkai_assets.adapters.s3_store.errors import field_of, missing_bucket, not_of_s3, vendor_errors
from bookmarkai_assets.core.errors import ObjectNotFoundError
from bookmarkai_assets.core.media.ports import Leftover, LeftoverKind, ListedObject


def list_objects(client: S3Client, bucket: str, prefix: str) -> Iterator[ListedObject]:
    """List the objects under a prefix in the server's order. Only one page of 1,000 is in memory. Raises `StoreError`.

    The client requests keys in URL encoding and decodes them, because XML cannot represent every character of a key.
    """
    action = f"listing s3://{bucket}/{prefix}"
    position: dict[str, str] = {}
    while True:
        answer = _page(client, "list_objects_v2", action, bucket, Prefix=prefix, **position)
        found = answer.get("Contents", [])
        if answer.get("KeyCount", len(found)) != len(found):
            raise not_of_s3(action)
        for entry in found:
            key = field_of(entry, "Key", action)
            yield ListedObject(
                key=key,
                url=f"s3://{bucket}/{key}",
                size_bytes=field_of(entry, "Size", action),
                modified_at=field_of(entry, "LastModified", action).astimezone(UTC),
            )
        if not field_of(answer, "IsTruncated", action):
            return
        position = _next(position, {"ContinuationToken": answer.get("NextContinuationToken")}, action)


def list_uploads(client: S3Client, bucket: str, prefix: str) -> Iterator[Leftover]:
    """List the open multipart uploads to keys with a prefix, in the server's order. Raises `StoreError`."""
    action = f"listing the multipart uploads of s3://{bucket}/{prefix}"
    position: dict[str, str] = {}
    while True:
        answer = _page(client, "list_multipart_uploads", action, bucket, Prefix=prefix, **position)
        for entry in answer.get("Uploads", []):
            key, upload_id = field_of(entry, "Key", action), field_of(entry, "UploadId", action)
            yield Leftover(
                kind=LeftoverKind.MULTIPART_UPLOAD,
                name=f"s3://{bucket}/{key}#{upload_id}",
                begun_at=field_of(entry, "Initiated", action).astimezone(UTC),
                size_bytes=None,
            )
        if not field_of(answer, "IsTruncated", action):
            return
        # SeaweedFS returns only the second of the two, and continues from it.
        markers = {name: answer.get(f"Next{name}") for name in ("KeyMarker", "UploadIdMarker")}
        position = _next(position, markers, action)


def _page(client: S3Client, method: str, action: str, bucket: str, **parameters: str) -> Mapping[str, Any]:
    try:
        with vendor_errors(action, bucket=bucket):
            answer: Mapping[str, Any] = getattr(client, method)(Bucket=bucket, **parameters)
            return answer
    except ObjectNotFoundError:
        raise missing_bucket(action, bucket) from None


def _next(position: Mapping[str, str], markers: Mapping[str, str | None], action: str) -> dict[str, str]:
    """Return where the next page begins. An answer that leads nowhere, or to the same page again, is damaged."""
    following = {name: value for name, value in markers.items() if value}
    if not following or following == position:
        raise not_of_s3(action)
    return following
