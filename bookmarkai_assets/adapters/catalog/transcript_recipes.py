"""Which recipes made the transcripts that exist: how many by each recipe, and which ones."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, or_, select

from bookmarkai_assets.adapters.catalog.columns import id_text
from bookmarkai_assets.adapters.catalog.tables.media import media
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.adapters.catalog.tables.transcripts import transcript_provenance, transcripts
from bookmarkai_assets.adapters.catalog.tables.work import share_work
from bookmarkai_assets.core.media.media import MediaState
from bookmarkai_assets.core.transcripts.staleness import MadeTranscript, RecipeUse
from bookmarkai_assets.core.transcripts.transcript import Recipe

ROWS_AT_A_TIME = 1000

_MADE_BY = (
    transcript_provenance.c.engine,
    transcript_provenance.c.engine_version,
    transcript_provenance.c.model,
    transcript_provenance.c.weights_sha256,
    transcript_provenance.c.parameters,
    transcript_provenance.c.recipe,
)

# The gateway may have deleted the share or its transcript. The record of what made it stays, but no longer counts.
_EXISTS = (
    select(transcripts.c.id).where(transcripts.c.share_id == transcript_provenance.c.share_id).exists(),
    select(shares.c.id).where(shares.c.id == transcript_provenance.c.share_id).exists(),
)
_WITH_MEDIA = transcript_provenance.outerjoin(
    share_work, share_work.c.share_id == transcript_provenance.c.share_id
).outerjoin(media, media.c.media_id == share_work.c.media_id)
_IS_STORED = media.c.state == MediaState.STORED.value


def recipes_in_use(connection: Connection) -> Sequence[RecipeUse]:
    """Implement `TranscriptTable.recipes_in_use`."""
    uses = func.count().label("uses")
    without_media = func.sum(case((_IS_STORED, 0), else_=1)).label("without_media")
    statement = (
        select(*_MADE_BY, uses, without_media)
        .select_from(_WITH_MEDIA)
        .where(*_EXISTS)
        .group_by(*_MADE_BY)
        .order_by(uses.desc(), transcript_provenance.c.recipe, transcript_provenance.c.model)
    )
    return [_recipe_use(row) for row in connection.execute(statement)]


def made_by(connection: Connection, recipes: Collection[str | None]) -> Iterator[MadeTranscript]:
    """Implement `TranscriptTable.made_by`."""
    columns = transcript_provenance.c
    statement = (
        select(columns.share_id, columns.updated_at, columns.recipe, _IS_STORED.label("has_media"))
        .select_from(_WITH_MEDIA)
        .where(_is_one_of(recipes), *_EXISTS)
        .order_by(columns.updated_at.desc(), columns.share_id)
    )
    for row in connection.execution_options(yield_per=ROWS_AT_A_TIME).execute(statement):
        yield MadeTranscript(id_text(row.share_id), row.updated_at, row.recipe, bool(row.has_media))


def count_of_others(connection: Connection) -> int:
    """Implement `TranscriptTable.count_of_others`."""
    is_ours = (
        select(transcript_provenance.c.share_id)
        .where(transcript_provenance.c.share_id == transcripts.c.share_id)
        .exists()
    )
    statement = select(func.count(transcripts.c.share_id.distinct())).where(~is_ours)
    return connection.execute(statement).scalar_one()


def _is_one_of(recipes: Collection[str | None]) -> ColumnElement[bool]:
    recipe = transcript_provenance.c.recipe
    named = recipe.in_([one for one in recipes if one is not None])
    return or_(named, recipe.is_(None)) if None in recipes else named


def _recipe_use(row: Row[*tuple[Any, ...]]) -> RecipeUse:
    recipe = (
        None
        if row.weights_sha256 is None
        else Recipe(row.engine, row.engine_version, row.model, row.weights_sha256, row.parameters)
    )
    return RecipeUse(row.engine, row.model, recipe, row.uses, int(row.without_media))
