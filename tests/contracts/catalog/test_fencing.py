"""A run that was stopped for longer than its lease, and then goes on, changes no row of any table.

Each write of a run is tried once after another run has taken the media. What the database holds is read table by table,
by plain SQL, before and after.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeAlias

import pytest
from sqlalchemy import inspect, text

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import LeaseLostError
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk
from bookmarkai_assets.core.transcripts.ports import ChunkKey
from tests.support.catalog import (
    LEASE_SECONDS,
    UNREACHABLE,
    add_share,
    at,
    begin,
    staged_media,
    stored_media,
    transcript_of,
)

MEDIA = "m"
ZOMBIE: dict[str, Any] = {"owner": "stopped run", "now": at(LEASE_SECONDS + 2)}
KEY = ChunkKey(MEDIA, "recipe", "ab" * 32, None)
CHUNK = TranscriptChunk(0, 120, (), "en", 0.99, 100.0, 1.0)

Write: TypeAlias = Callable[[OpenCatalog, str], object]

REFUSED: Mapping[str, Write] = {
    "media, staged": lambda catalog, share: catalog.media.record_staged(staged_media(MEDIA, share), **ZOMBIE),
    "media, stored": lambda catalog, share: catalog.media.record_stored(
        stored_media(MEDIA, share, url="s3://elsewhere/video.mp4"), **ZOMBIE
    ),
    "transcript_files": lambda catalog, share: catalog.media.record_transcript_files(
        stored_media(MEDIA, share), **ZOMBIE
    ),
    "tombstones": lambda catalog, _: catalog.media.record_expired(MEDIA, (), **ZOMBIE),
    "transcript_parts": lambda catalog, _: catalog.chunks.keep(KEY, CHUNK, **ZOMBIE),
    "transcripts": lambda catalog, share: catalog.transcripts.put(
        share, transcript_of("other words"), media_id=MEDIA, **ZOMBIE
    ),
    "share_work, failed": lambda catalog, share: catalog.work.fail(share, UNREACHABLE, retry_at=None, **ZOMBIE),
    "share_work, postponed": lambda catalog, share: catalog.work.postpone(
        share, reason="the site is paused", until=at(999), **ZOMBIE
    ),
    "share_work, done": lambda catalog, share: catalog.work.finish(
        share, media_url="/elsewhere/video.mp4", outcome=Outcome.DONE, **ZOMBIE
    ),
}
"""What raises, by the table that it would change."""

IGNORED: Mapping[str, Write] = {
    "shares": lambda catalog, share: catalog.work.mark(share, "fetched", **ZOMBIE),
    "leases, renewed": lambda catalog, _: catalog.leases.renew(
        ZOMBIE["owner"], until=ZOMBIE["now"] + timedelta(hours=1)
    ),
    "leases, freed": lambda catalog, _: catalog.leases.free(MEDIA, owner=ZOMBIE["owner"]),
    "leases, released": lambda catalog, _: catalog.work.release(**ZOMBIE),
}
"""What has nothing left to change."""


def rows_by_table(catalog: OpenCatalog) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table."""
    with catalog.database.engine.connect() as connection:
        # The index of SQLite's full-text search has tables of its own, whose rows follow from the others.
        names = [name for name in inspect(connection).get_table_names() if "_index" not in name and "fts" not in name]
        return {
            name: sorted(
                (tuple(map(str, row)) for row in connection.execute(text(f'SELECT * FROM "{name}"'))),  # noqa: S608 - names from the database
            )
            for name in names
        }


@pytest.fixture
def share_of_another(each_catalog: OpenCatalog) -> str:
    """Return a share whose stored media a second run has, after the first was stopped for longer than its lease."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, MEDIA, ZOMBIE["owner"])
    each_catalog.media.record_staged(staged_media(MEDIA, share_id), owner=ZOMBIE["owner"], now=at(1))
    assert begin(each_catalog, share_id, MEDIA, "next run", LEASE_SECONDS) == 2
    each_catalog.media.record_stored(stored_media(MEDIA, share_id), owner="next run", now=at(LEASE_SECONDS + 1))
    each_catalog.transcripts.put(
        share_id, transcript_of("hello"), media_id=MEDIA, owner="next run", now=at(LEASE_SECONDS + 1)
    )
    return share_id


@pytest.mark.parametrize("table", REFUSED)
def test_a_stopped_run_that_goes_on_is_refused(each_catalog: OpenCatalog, share_of_another: str, table: str) -> None:
    """It learns that it lost the lease, and nothing is written."""
    before = rows_by_table(each_catalog)
    assert len(before["media"]) == len(before["transcripts"]) == 1
    with pytest.raises(LeaseLostError, match=ZOMBIE["owner"]):
        REFUSED[table](each_catalog, share_of_another)
    assert rows_by_table(each_catalog) == before


@pytest.mark.parametrize("table", IGNORED)
def test_a_stopped_run_has_nothing_left_to_change(each_catalog: OpenCatalog, share_of_another: str, table: str) -> None:
    """What it marks, renews or frees is no longer its own."""
    before = rows_by_table(each_catalog)
    IGNORED[table](each_catalog, share_of_another)
    assert rows_by_table(each_catalog) == before


@pytest.mark.parametrize("table", REFUSED)
def test_whoever_has_the_lease_may_write(each_catalog: OpenCatalog, table: str) -> None:
    """The same writes succeed while the lease is the run's own, so that the refusals above are the fence's."""
    share_id = add_share(each_catalog)
    begin(each_catalog, share_id, MEDIA, ZOMBIE["owner"], LEASE_SECONDS)
    each_catalog.media.record_stored(stored_media(MEDIA, share_id), owner=ZOMBIE["owner"], now=at(LEASE_SECONDS))
    before = rows_by_table(each_catalog)
    REFUSED[table](each_catalog, share_id)
    assert rows_by_table(each_catalog) != before
