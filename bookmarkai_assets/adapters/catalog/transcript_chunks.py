"""`ChunkTable` over `transcript_parts`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, select
from typing_extensions import override

from bookmarkai_assets.adapters.catalog import leases
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.segment_json import segment_of, segment_to_json
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.transcripts import transcript_parts
from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk
from bookmarkai_assets.core.transcripts.ports import ChunkKey, ChunkTable

_DETECTED = ""


class SqlChunkTable(ChunkTable):
    """A row for each chunk. Its transcript is a JSON document."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def keep(self, key: ChunkKey, chunk: TranscriptChunk, *, owner: str, now: datetime) -> None:
        values = {"end_seconds": chunk.end, "part": _document(chunk), "created_at": now}
        statement = (
            insert_into(transcript_parts, is_sqlite=self._database.is_sqlite)
            .values(**_columns(key), start_seconds=chunk.start, **values)
            .on_conflict_do_update(index_elements=list(transcript_parts.primary_key), set_=values)
        )
        with self._database.writing() as connection:
            leases.require(connection, key.media_id, owner)
            connection.execute(statement)

    @override
    def kept(self, key: ChunkKey) -> Sequence[TranscriptChunk]:
        columns = transcript_parts.c
        statement = (
            select(columns.start_seconds, columns.end_seconds, columns.part)
            .where(_is_of(key))
            .order_by(columns.start_seconds)
        )
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
        return [_chunk(row.start_seconds, row.end_seconds, row.part) for row in rows]

    @override
    def drop(self, media_id: str) -> None:
        is_of_media = transcript_parts.c.media_id == media_id
        with self._database.reading() as connection:
            # Most media have none, and a read costs far less than a write.
            has_chunks = connection.scalar(select(exists().where(is_of_media)))
        if has_chunks:
            with self._database.writing() as connection:
                connection.execute(delete(transcript_parts).where(is_of_media))

    @override
    def abandoned(self, *, before: datetime) -> Sequence[str]:
        columns = transcript_parts.c
        statement = (
            select(columns.media_id)
            .group_by(columns.media_id)
            .having(func.max(columns.created_at) < before)
            .order_by(columns.media_id)
        )
        with self._database.reading() as connection:
            return list(connection.scalars(statement))


def _columns(key: ChunkKey) -> dict[str, str]:
    return {
        "media_id": key.media_id,
        "recipe": key.recipe,
        "audio_sha256": key.audio_sha256,
        "told_language": key.requested_language or _DETECTED,
    }


def _is_of(key: ChunkKey) -> ColumnElement[bool]:
    return and_(*(transcript_parts.c[name] == value for name, value in _columns(key).items()))


def _document(chunk: TranscriptChunk) -> dict[str, object]:
    return {
        "segments": [segment_to_json(segment) for segment in chunk.segments],
        "language": chunk.language,
        "language_probability": chunk.language_probability,
        "speech_seconds": chunk.speech_seconds,
        "transcribe_seconds": chunk.transcribe_seconds,
    }


def _chunk(start: float, end: float, document: dict[str, Any]) -> TranscriptChunk:
    return TranscriptChunk(
        start=start,
        end=end,
        segments=tuple(map(segment_of, document["segments"])),
        language=document["language"],
        language_probability=document["language_probability"],
        speech_seconds=document["speech_seconds"],
        transcribe_seconds=document["transcribe_seconds"],
    )
