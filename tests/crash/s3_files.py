"""How the directory that plays S3 stores objects and multipart uploads: plain files that survive a kill.

Each object is one file, put in place by one rename, so that it is there whole or not at all, as S3 promises. This
module knows no requests.
"""

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

# A server's disk is no durable step of its client, so what is patched in a client's process must not be used here.
_replace, _unlink, _rmdir = os.replace, os.unlink, os.rmdir


@dataclass(frozen=True)
class ObjectFile:
    """What is stored under one key. `metadata` is the user's."""

    key: str
    body: bytes
    etag: str
    content_type: str
    metadata: Mapping[str, str]
    crc64nvme: str
    last_modified: datetime


@dataclass(frozen=True)
class OpenUpload:
    """A multipart upload that is neither completed nor aborted."""

    upload_id: str
    key: str
    initiated: datetime
    content_type: str
    metadata: Mapping[str, str]


class BucketFiles:
    """The files of one bucket in a directory, which `create` makes."""

    def __init__(self, root: Path) -> None:
        self._objects = root / "objects"
        self._uploads = root / "uploads"

    def create(self) -> None:
        """Make an empty bucket if it is missing."""
        for directory in (self._objects, self._uploads):
            directory.mkdir(parents=True, exist_ok=True)

    def exists(self) -> bool:
        """Whether the bucket is there."""
        return self._objects.is_dir()

    def listed(self) -> list[str]:
        """List the keys in the order of their bytes, as S3 does."""
        return sorted(unquote(path.name) for path in self._objects.iterdir() if not path.name.startswith("."))

    def read(self, key: str) -> ObjectFile | None:
        """Read an object, or return None if there is none."""
        try:
            head, _, body = self._path(key).read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        content = json.loads(head)
        content["last_modified"] = datetime.fromisoformat(content["last_modified"])
        return ObjectFile(key=key, body=body, **content)

    def write(self, found: ObjectFile) -> None:
        """Put an object in place."""
        head = {
            "etag": found.etag,
            "content_type": found.content_type,
            "metadata": dict(found.metadata),
            "crc64nvme": found.crc64nvme,
            "last_modified": found.last_modified.isoformat(),
        }
        draft = self._objects / f".{secrets.token_hex(8)}"
        draft.write_bytes(json.dumps(head).encode() + b"\n" + found.body)
        _replace(draft, self._path(found.key))

    def remove(self, key: str) -> None:
        """Delete an object, if it is there."""
        try:
            _unlink(self._path(key))
        except FileNotFoundError:
            return

    def uploads(self) -> list[OpenUpload]:
        """Read the open uploads, by key and age."""
        names = [path.name for path in self._uploads.iterdir() if not path.name.startswith(".")]
        found = [upload for name in names if (upload := self.upload(name))]
        return sorted(found, key=lambda upload: (upload.key, upload.initiated, upload.upload_id))

    def upload(self, upload_id: str) -> OpenUpload | None:
        """Read an open upload, or return None if there is none."""
        try:
            content: dict[str, Any] = json.loads((self._uploads / upload_id / "upload.json").read_bytes())
        except FileNotFoundError:
            return None
        content["initiated"] = datetime.fromisoformat(content["initiated"])
        return OpenUpload(upload_id=upload_id, **content)

    def begin_upload(self, upload: OpenUpload) -> None:
        """Open an upload."""
        draft = self._uploads / f".{upload.upload_id}"
        draft.mkdir()
        content = {
            "key": upload.key,
            "initiated": upload.initiated.isoformat(),
            "content_type": upload.content_type,
            "metadata": dict(upload.metadata),
        }
        (draft / "upload.json").write_text(json.dumps(content))
        _replace(draft, self._uploads / upload.upload_id)

    def write_part(self, upload_id: str, number: int, body: bytes) -> None:
        """Store a part of an open upload, replacing an earlier one of that number."""
        draft = self._uploads / upload_id / f".{secrets.token_hex(4)}"
        draft.write_bytes(body)
        _replace(draft, self._uploads / upload_id / str(number))

    def read_part(self, upload_id: str, number: int) -> bytes | None:
        """Read a part, or return None if there is none of that number."""
        try:
            return (self._uploads / upload_id / str(number)).read_bytes()
        except FileNotFoundError:
            return None

    def end_upload(self, upload_id: str) -> None:
        """Delete an upload with its parts."""
        gone = self._uploads / f".{upload_id}"
        _replace(self._uploads / upload_id, gone)
        for path in gone.iterdir():
            _unlink(path)
        _rmdir(gone)

    def vanish(self) -> None:
        """Delete the bucket with everything in it."""
        shutil.rmtree(self._objects.parent)

    def _path(self, key: str) -> Path:
        return self._objects / quote(key, safe="")
