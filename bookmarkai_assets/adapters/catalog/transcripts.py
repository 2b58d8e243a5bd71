"""`TranscriptTable` over the gateway's `transcripts`, and over `transcript_provenance` for what made each one."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update
from typing_extensions import override

from bookmarkai_assets.adapters.catalog import leases
from bookmarkai_assets.adapters.catalog.columns import has_id, id_text, storable
from bookmarkai_assets.adapters.catalog.engine import Database
from bookmarkai_assets.adapters.catalog.search_index import index_share
from bookmarkai_assets.adapters.catalog.segment_json import is_segment, segment_of, segment_to_json
from bookmarkai_assets.adapters.catalog.tables.base import insert_into
from bookmarkai_assets.adapters.catalog.tables.transcripts import IS_DOUBTFUL, transcript_provenance, transcripts
from bookmarkai_assets.adapters.catalog.tables.work import share_work
from bookmarkai_assets.adapters.catalog.transcript_recipes import count_made, made_by, recipes, recipes_in_use
from bookmarkai_assets.core.transcripts.doubts import Doubt, DoubtKind, Severity, as_plain
from bookmarkai_assets.core.transcripts.languages import is_only_in
from bookmarkai_assets.core.transcripts.ports import DoubtfulTranscript, TranscriptTable
from bookmarkai_assets.core.transcripts.staleness import MadeTranscript, RecipeUse, TranscriptCounts
from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Recipe, Segment, Transcript

LIKELIER_THAN_ALL_OTHERS = 0.5

ROWS_AT_A_TIME = 1000
"""How many doubtful transcripts are read at a time when only some kinds of doubt are wanted."""

_COLUMNS = (
    transcripts.c.full_text,
    transcripts.c.segments,
    transcripts.c.language,
    transcript_provenance.c.engine,
    transcript_provenance.c.model,
    transcript_provenance.c.language_probability,
    transcript_provenance.c.duration_seconds,
    transcript_provenance.c.transcribe_seconds,
    transcript_provenance.c.engine_version,
    transcript_provenance.c.weights_sha256,
    transcript_provenance.c.parameters,
    transcript_provenance.c.audio_sha256,
    transcript_provenance.c.speech_seconds,
    transcript_provenance.c.doubts,
)


class SqlTranscriptTable(TranscriptTable):
    """One transcript per share. Segments are a list of objects with the fields of `Segment`."""

    def __init__(self, database: Database, new_id: Callable[[], str]) -> None:
        self._database = database
        self._new_id = new_id

    @override
    def put(self, share_id: str, transcript: Transcript, *, media_id: str, owner: str, now: datetime) -> None:
        provenance = {
            "engine": transcript.engine,
            "model": transcript.model,
            "language_probability": transcript.language_probability,
            "duration_seconds": transcript.duration_seconds,
            "transcribe_seconds": transcript.transcribe_seconds,
            "audio_sha256": transcript.audio_sha256,
            "speech_seconds": transcript.speech_seconds,
            "doubts": [as_plain(doubt) | {"words": storable(doubt.words)} for doubt in transcript.doubts] or None,
            **_recipe_columns(transcript.recipe),
            "updated_at": now,
        }
        with self._database.writing() as connection:
            leases.require(connection, media_id, owner)
            # First, because it locks. `transcripts` has no constraint that would keep two writers from inserting.
            connection.execute(
                insert_into(transcript_provenance, is_sqlite=self._database.is_sqlite)
                .values(share_id=share_id, **provenance)
                .on_conflict_do_update(index_elements=[transcript_provenance.c.share_id], set_=provenance)
            )
            self._put_text(connection, share_id, transcript, now)
            index_share(connection, share_id, is_sqlite=self._database.is_sqlite)

    @override
    def get(self, share_id: str) -> Transcript | None:
        """Read the share's transcript.

        One that was not made here has the engine and the model `unknown`, and 0.0 for each figure that is not recorded.
        If its segments are in another form, its whole text is one segment.
        """
        statement = (
            select(*_COLUMNS)
            .select_from(
                transcripts.outerjoin(transcript_provenance, transcript_provenance.c.share_id == transcripts.c.share_id)
            )
            .where(has_id(transcripts.c.share_id, share_id, is_sqlite=self._database.is_sqlite))
            .order_by(transcripts.c.updated_at.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(statement).first()
        return _transcript(row) if row else None

    @override
    def find_for_media(self, media_id: str, *, recipe: str, language: str | None) -> Transcript | None:
        has_language = (
            transcripts.c.language == language
            if language is not None
            else transcript_provenance.c.language_probability > LIKELIER_THAN_ALL_OTHERS
        )
        statement = (
            select(*_COLUMNS)
            .select_from(
                share_work.join(transcript_provenance, transcript_provenance.c.share_id == share_work.c.share_id).join(
                    transcripts, transcripts.c.share_id == share_work.c.share_id
                )
            )
            .where(
                share_work.c.media_id == media_id,
                transcript_provenance.c.recipe == recipe,
                or_(has_language, transcripts.c.full_text == ""),
            )
            .order_by(transcripts.c.updated_at.desc())
        )
        with self._database.reading() as connection:
            # Segments are inside a JSON document, so a transcript that is partly in another language is left out here.
            found = map(_transcript, connection.execute(statement))
            return next((one for one in found if language is None or is_only_in(one, language)), None)

    @override
    def recipes(self) -> Sequence[Recipe]:
        with self._database.reading() as connection:
            return list(recipes(connection))

    @override
    def recipes_in_use(self, *, but: Collection[str] = ()) -> Sequence[RecipeUse]:
        with self._database.reading() as connection:
            return recipes_in_use(connection, but)

    @override
    def made_by(self, recipes: Collection[str | None]) -> Iterator[MadeTranscript]:
        with self._database.reading() as connection:
            yield from made_by(connection, recipes)

    @override
    def count_made(self) -> TranscriptCounts:
        with self._database.reading() as connection:
            return count_made(connection)

    @override
    def latest_of_media(self, media_id: str) -> str | None:
        statement = (
            select(transcripts.c.share_id)
            .join(share_work, share_work.c.share_id == transcripts.c.share_id)
            .where(share_work.c.media_id == media_id)
            .order_by(transcripts.c.updated_at.desc(), transcripts.c.share_id)
            .limit(1)
        )
        with self._database.reading() as connection:
            found = connection.execute(statement).scalar()
        return None if found is None else id_text(found)

    @override
    def doubtful(self, *, kinds: Collection[DoubtKind] = (), limit: int | None) -> Sequence[DoubtfulTranscript]:
        columns = transcript_provenance.c
        statement = (
            select(columns.share_id, columns.updated_at, columns.doubts)
            .where(IS_DOUBTFUL)
            .order_by(columns.updated_at.desc(), columns.share_id)
        )
        with self._database.reading() as connection:
            # A row's kinds are inside its JSON document, so rows are filtered here until there are enough.
            rows = connection.execution_options(yield_per=ROWS_AT_A_TIME).execute(statement)
            found = (DoubtfulTranscript(id_text(row.share_id), row.updated_at, _doubts(row.doubts)) for row in rows)
            wanted = (one for one in found if not kinds or any(doubt.kind in kinds for doubt in one.doubts))
            return list(islice(wanted, limit))

    def _put_text(self, connection: Connection, share_id: str, transcript: Transcript, now: datetime) -> None:
        values = {
            "full_text": transcript.text,
            "segments": [segment_to_json(segment) for segment in transcript.segments],
            "language": transcript.language,
            "updated_at": now,
        }
        has_row = connection.execute(
            update(transcripts).where(transcripts.c.share_id == share_id).values(values)
        ).rowcount
        if not has_row:
            connection.execute(
                insert(transcripts).values(id=self._new_id(), share_id=share_id, created_at=now, **values)
            )


def _doubts(entries: list[dict[str, Any]] | None) -> tuple[Doubt, ...]:
    return tuple(
        Doubt(DoubtKind(entry["kind"]), Severity(entry["severity"]), entry["figure"], entry["limit"], entry["words"])
        for entry in entries or ()
    )


def _recipe_columns(recipe: Recipe | None) -> dict[str, object]:
    if recipe is None:
        return dict.fromkeys(("engine_version", "weights_sha256", "parameters", "recipe"))
    return {
        "engine_version": recipe.engine_version,
        "weights_sha256": recipe.weights_sha256,
        "parameters": dict(recipe.parameters),
        "recipe": recipe.fingerprint,
    }


def _transcript(row: Row[*tuple[Any, ...]]) -> Transcript:
    segments = _segments(row)
    is_ours = row.engine is not None
    return Transcript(
        engine=row.engine if is_ours else UNKNOWN,
        model=row.model if is_ours else UNKNOWN,
        language=row.language or UNKNOWN,
        language_probability=row.language_probability if is_ours else 0.0,
        duration_seconds=row.duration_seconds if is_ours else max((segment.end for segment in segments), default=0.0),
        segments=segments,
        transcribe_seconds=row.transcribe_seconds if is_ours else 0.0,
        recipe=_recipe(row),
        audio_sha256=row.audio_sha256,
        speech_seconds=row.speech_seconds,
        doubts=_doubts(row.doubts),
    )


def _recipe(row: Row[*tuple[Any, ...]]) -> Recipe | None:
    """Read what made a transcript. None for one that is older than these records."""
    if row.weights_sha256 is None:
        return None
    return Recipe(row.engine, row.engine_version, row.model, row.weights_sha256, row.parameters)


def _segments(row: Row[*tuple[Any, ...]]) -> tuple[Segment, ...]:
    if isinstance(row.segments, list) and all(map(is_segment, row.segments)):
        return tuple(map(segment_of, row.segments))
    if not row.full_text:
        return ()
    return (Segment(start=0.0, end=0.0, text=row.full_text, avg_logprob=0.0, no_speech_prob=0.0),)
