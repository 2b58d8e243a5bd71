"""What is really there: rows read by SQL, files and objects hashed. None of the package's code is used."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.crash.s3_files import BucketFiles, ObjectFile, OpenUpload
from tests.crash.world import BUCKET, Paths

Row = Mapping[str, Any]


@dataclass(frozen=True)
class LocalFile:
    """A file at a final name. `modified_at` is in seconds of the machine's clock, `data` is its content."""

    sha256: str
    size_bytes: int
    modified_at: float
    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Snapshot:
    """One moment. `files` are by path and `objects` by key; `hidden` are entries of the media directory below a dot.

    `transcripts` are the words by share. A media's row has its transcript's files as `transcript_files`.
    """

    shares: tuple[Row, ...]
    work: Mapping[str, Row]
    media: Mapping[str, Row]
    transcripts: Mapping[str, str]
    tombstones: tuple[Row, ...]
    leases: tuple[Row, ...]
    files: Mapping[str, LocalFile]
    hidden: frozenset[str]
    objects: Mapping[str, ObjectFile]
    uploads: tuple[OpenUpload, ...]
    outside: Mapping[str, str]
    decisions: tuple[Row, ...]
    verifications: tuple[Row, ...]
    events: tuple[Row, ...]
    totals: tuple[Row, ...]
    incidents: tuple[Row, ...]
    cursors: Mapping[str, str]

    def holds(self, url: str, sha256: str) -> bool:
        """Whether these bytes are at a URL."""
        key = url.removeprefix(f"s3://{BUCKET}/")
        if key != url:
            return key in self.objects and _sha256(self.objects[key].body) == sha256
        return url in self.files and self.files[url].sha256 == sha256

    def data_at(self, url: str) -> bytes:
        """Return the bytes at a URL that exists."""
        key = url.removeprefix(f"s3://{BUCKET}/")
        return self.files[url].data if key == url else self.objects[key].body

    @property
    def recorded(self) -> set[str]:
        """Return every recorded URL."""
        return {
            url
            for row in self.media.values()
            for url in (row["video_url"], row["audio_url"], *(file["url"] for file in row["transcript_files"]))
        }

    def comparable(self) -> dict[str, Any]:
        """Return everything that a finished recovery may not change."""
        return {
            "shares": self.shares,
            "work": self.work,
            "media": self.media,
            "transcripts": self.transcripts,
            "tombstones": self.tombstones,
            "leases": self.leases,
            "files": self.files,
            "hidden": self.hidden,
            "objects": self.objects,
            "uploads": self.uploads,
        }


def snapshot_of(paths: Paths) -> Snapshot:
    """Read everything."""
    with closing(sqlite3.connect(paths.catalog)) as database:
        database.row_factory = sqlite3.Row
        work = {row["share_id"]: row for row in _rows(database, "share_work", "share_id")}
        documents = _rows(database, "transcript_files", "kind")
        media = {
            row["media_id"]: {
                **row,
                "transcript_files": tuple(file for file in documents if file["media_id"] == row["media_id"]),
            }
            for row in _rows(database, "media", "media_id")
        }
        shares = _rows(database, "shares", "id")
        transcripts = {
            row["share_id"]: " ".join(row["full_text"].split()) for row in _rows(database, "transcripts", "id")
        }
        tombstones = _rows(database, "tombstones", "id")
        leases = _rows(database, "leases", "media_id")
        decisions = _rows(database, "rollout_decisions", "id")
        verifications = _rows(database, "storage_verifications", "id")
        events = _rows(database, "storage_events", "id")
        totals = _rows(database, "event_totals", "span_seconds, starts_at")
        incidents = _rows(database, "incidents", "id")
        cursors = {row["name"]: row["position"] for row in _rows(database, "cursors", "name")}
    files: dict[str, LocalFile] = {}
    hidden: set[str] = set()
    for directory, subdirectories, names in os.walk(paths.media):
        for name in subdirectories + names:
            path = Path(directory, name)
            if any(part.startswith(".") for part in path.relative_to(paths.media).parts):
                hidden.add(str(path))
            elif path.is_file() and not path.is_symlink():
                data, status = path.read_bytes(), path.stat()
                files[str(path)] = LocalFile(_sha256(data), len(data), status.st_mtime, data)
    bucket = BucketFiles(paths.bucket)
    return Snapshot(
        shares=shares,
        work=work,
        media=media,
        transcripts=transcripts,
        tombstones=tombstones,
        leases=leases,
        files=files,
        hidden=frozenset(hidden),
        objects={key: found for key in bucket.listed() if (found := bucket.read(key))},
        uploads=tuple(bucket.uploads()),
        outside={str(path): _sha256(path.read_bytes()) for path in paths.outside.rglob("*") if path.is_file()},
        decisions=decisions,
        verifications=verifications,
        events=events,
        totals=totals,
        incidents=incidents,
        cursors=cursors,
    )


def moment(text: str | None) -> datetime | None:
    """Parse a time as the catalog stores it."""
    return datetime.fromisoformat(text) if text else None


def proof_of(tombstone: Row) -> dict[str, Any]:
    """Read a tombstone's proof."""
    proof: dict[str, Any] = json.loads(tombstone["proof"])
    return proof


def _rows(database: sqlite3.Connection, table: str, key: str) -> tuple[Row, ...]:
    return tuple(dict(row) for row in database.execute(f"SELECT * FROM {table} ORDER BY {key}"))  # noqa: S608 - names from above


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
