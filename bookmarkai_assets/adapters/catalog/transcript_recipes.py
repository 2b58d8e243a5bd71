"""Which recipes made the transcripts that exist: how many by each recipe, and which ones."""

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, case, except_, func, or_, select, true

from bookmarkai_assets.adapters.catalog.columns import id_text
from bookmarkai_assets.adapters.catalog.tables.media import media
from bookmarkai_assets.adapters.catalog.tables.shares import shares
from bookmarkai_assets.adapters.catalog.tables.transcripts import transcript_provenance, transcripts
from bookmarkai_assets.adapters.catalog.tables.work import share_work
from bookmarkai_assets.core.media.media import MediaState
from bookmarkai_assets.core.transcripts.staleness import MadeTranscript, RecipeUse, TranscriptCounts
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


def recipes(connection: Connection) -> Iterator[Recipe]:
    """Implement `TranscriptTable.recipes`. Each is found by one step through the index, however many it made."""
    column = transcript_provenance.c.recipe
    last = ""
    while (found := connection.execute(select(func.min(column)).where(column > last)).scalar()) is not None:
        last = found
        row = connection.execute(select(*_MADE_BY).where(column == found).limit(1)).one()
        recipe = _recipe(row)
        if recipe is not None:
            yield recipe


def count_made(connection: Connection) -> TranscriptCounts:
    """Implement `TranscriptTable.count_made`.

    Ids alone are compared, which the databases do by going through sorted indexes side by side.
    """
    ours, theirs = transcript_provenance.c.share_id, transcripts.c.share_id
    recorded = connection.execute(select(func.count()).select_from(transcript_provenance)).scalar_one()
    with_text = connection.execute(select(func.count(theirs.distinct()))).scalar_one()
    without_text = _only_first(connection, ours, theirs)
    without_share = _only_first(connection, ours, shares.c.id)
    return TranscriptCounts(
        made_here=recorded - len(without_text | without_share),
        others=with_text - (recorded - len(without_text)),
    )


def _only_first(connection: Connection, first: ColumnElement[str], second: ColumnElement[str]) -> set[str]:
    """Return the ids that are in the first column and not in the second. The gateway has deleted those: they are few.

    Without the order, SQLite would first copy all ids of both.
    """
    statement = except_(select(first.label("one")), select(second.label("one"))).order_by("one")
    return set(connection.execute(statement).scalars())


def recipes_in_use(connection: Connection, but: Collection[str]) -> Sequence[RecipeUse]:
    """Implement `TranscriptTable.recipes_in_use`."""
    uses = func.count().label("uses")
    without_media = func.sum(case((_IS_STORED, 0), else_=1)).label("without_media")
    statement = (
        select(*_MADE_BY, uses, without_media)
        .select_from(_WITH_MEDIA)
        .where(_is_none_of(sorted(but)), *_EXISTS)
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


def _is_none_of(recipes: Sequence[str]) -> ColumnElement[bool]:
    """Match all but these recipes, given in order: the stretches between them, which an index finds."""
    if not recipes:
        return true()
    column = transcript_provenance.c.recipe
    between = [and_(column > one, column < next_one) for one, next_one in pairwise(recipes)]
    return or_(column.is_(None), column < recipes[0], *between, column > recipes[-1])


def _is_one_of(recipes: Collection[str | None]) -> ColumnElement[bool]:
    recipe = transcript_provenance.c.recipe
    named = recipe.in_([one for one in recipes if one is not None])
    return or_(named, recipe.is_(None)) if None in recipes else named


def _recipe_use(row: Row[*tuple[Any, ...]]) -> RecipeUse:
    return RecipeUse(row.engine, row.model, _recipe(row), row.uses, int(row.without_media))


def _recipe(row: Row[*tuple[Any, ...]]) -> Recipe | None:
    if row.weights_sha256 is None:
        return None
    return Recipe(row.engine, row.engine_version, row.model, row.weights_sha256, row.parameters)
