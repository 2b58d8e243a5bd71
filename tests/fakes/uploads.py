"""A bucket of uploads in memory, for tests of operations: what a link allows is put with `arrive`."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from bookmarkai_assets.core.media.ports import ListedObject
from bookmarkai_assets.core.uploads.parts import PlannedPart
from bookmarkai_assets.core.uploads.ports import (
    ArrivedPart,
    PartLink,
    UploadBucket,
    UploadedObject,
    UploadForm,
)
from bookmarkai_assets.core.uploads.upload import Upload
from tests.support.catalog import at

if TYPE_CHECKING:
    from bookmarkai_assets.core.errors import StoreError

ORIGIN = "https://bucket.example.com"


@dataclass
class _Parts:
    upload: Upload
    data: dict[int, bytes] = field(default_factory=dict)


class FakeUploads(UploadBucket):
    """A bucket that believes its callers. Set `failure` to have every request fail.

    `objects` are the objects' bytes by key, and `described` what a HEAD says of each.
    """

    def __init__(self, prefix: str = "temp/uploads/") -> None:
        self._prefix = prefix
        self.objects: dict[str, bytes] = {}
        self.described: dict[str, UploadedObject] = {}
        self.multiparts: dict[str, _Parts] = {}
        self.failure: StoreError | None = None
        self.moment = at(0)

    def arrive(self, upload: Upload, data: bytes, *, key: str | None = None) -> None:
        """Put an object as the upload's own link does."""
        where = key or upload.key
        self.objects[where] = data
        self.described[where] = UploadedObject(len(data), upload.digest.sha256, upload.upload_id, self.moment)

    def put_strange(self, key: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Put an object as somebody with the bucket's keys might."""
        self.objects[key] = data
        named = metadata or {}
        self.described[key] = UploadedObject(len(data), named.get("sha256"), named.get("upload-id"), self.moment)

    def send_bytes(self, upload: Upload, number: int, data: bytes) -> None:
        """Put one part as its link does."""
        self.multiparts[upload.multipart_id or ""].data[number] = data

    @property
    @override
    def prefix(self) -> str:
        return self._prefix

    @property
    @override
    def origin(self) -> str:
        return ORIGIN

    @override
    def url_of(self, key: str) -> str:
        return f"s3://media/{key}"

    @override
    def make_form(self, upload: Upload, *, now: datetime, seconds: int) -> UploadForm:
        return UploadForm(f"{ORIGIN}/", {"key": upload.key}, now + timedelta(seconds=seconds))

    @override
    def begin_parts(self, upload: Upload) -> str:
        self._check()
        multipart_id = f"multipart-{len(self.multiparts)}"
        self.multiparts[multipart_id] = _Parts(upload)
        return multipart_id

    @override
    def make_part_links(
        self, upload: Upload, parts: Sequence[PlannedPart], *, now: datetime, seconds: int
    ) -> Sequence[PartLink]:
        expires_at = now + timedelta(seconds=seconds)
        return [
            PartLink(part.number, part.size_bytes, f"{ORIGIN}/{upload.key}?part={part.number}", {}, expires_at)
            for part in parts
        ]

    @override
    def arrived_parts(self, upload: Upload) -> Sequence[ArrivedPart] | None:
        self._check()
        parts = self.multiparts.get(upload.multipart_id or "")
        if parts is None:
            return None
        return [ArrivedPart(number, len(data), f'"{number}"') for number, data in sorted(parts.data.items())]

    @override
    def send_at_once(self, upload: Upload, file: Path) -> None:
        self._check()
        self.arrive(upload, file.read_bytes())

    @override
    def send_part(self, upload: Upload, part: PlannedPart, file: Path) -> ArrivedPart:
        self._check()
        with file.open("rb") as opened:
            opened.seek(part.offset)
            self.send_bytes(upload, part.number, opened.read(part.size_bytes))
        return ArrivedPart(part.number, part.size_bytes, f'"{part.number}"')

    @override
    def complete_parts(self, upload: Upload, parts: Sequence[ArrivedPart]) -> bool:
        self._check()
        found = self.multiparts.pop(upload.multipart_id or "", None)
        if found is None:
            return False
        self.arrive(upload, b"".join(found.data[part.number] for part in parts))
        return True

    @override
    def abort_parts(self, upload: Upload, multipart_id: str) -> None:
        self._check()
        self.multiparts.pop(multipart_id, None)

    @override
    def head(self, key: str) -> UploadedObject | None:
        self._check()
        return self.described.get(key)

    @override
    def list(self) -> Iterator[ListedObject]:
        self._check()
        for key, data in sorted(self.objects.items()):
            if key.startswith(self._prefix):
                yield ListedObject(key, self.url_of(key), len(data), self.described[key].modified_at)

    @override
    def delete(self, key: str) -> None:
        self._check()
        self.objects.pop(key, None)
        self.described.pop(key, None)

    def age(self, key: str, moment: datetime) -> None:
        """Have an object look as if it had arrived then."""
        self.described[key] = replace(self.described[key], modified_at=moment)

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure


def sha256_of(data: bytes) -> str:
    """Return a SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
