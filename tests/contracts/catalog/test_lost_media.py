"""The contract of `WorkLedger.retry`, over SQLite and PostgreSQL: done shares whose media was found to be lost."""

from bookmarkai_assets.adapters.catalog import OpenCatalog
from tests.support.catalog import (
    add_share,
    at,
    begin,
    due_ids,
    finish,
    put_transcript,
    status_of,
    store,
    stored_media,
    transcript_of,
)


def done_share(catalog: OpenCatalog, media_id: str = "m") -> str:
    """Return a share that is done, with its transcript and a stored media."""
    share_id = add_share(catalog)
    assert begin(catalog, share_id, media_id, "run", 0)
    put_transcript(catalog, share_id, transcript_of("hello"), now=at(0))
    finish(catalog, share_id, "run", 0)
    store(catalog, stored_media(media_id, share_id))
    return share_id


def test_a_done_share_whose_media_is_lost_becomes_due(each_catalog: OpenCatalog) -> None:
    """The share becomes due only when the caller says that the media is lost, also when it is waiting already."""
    share_id = done_share(each_catalog)
    assert list(each_catalog.work.retry([share_id], now=at(20))) == []
    assert status_of(each_catalog, share_id) == "done"

    for _ in range(2):
        assert list(each_catalog.work.retry([share_id], now=at(20), is_lost=True)) == [share_id]

    assert due_ids(each_catalog, 20) == [share_id]
    assert status_of(each_catalog, share_id) == "pending"


def test_a_done_share_with_a_live_run_is_left_alone(each_catalog: OpenCatalog) -> None:
    """That run is about to find out that the bytes are gone."""
    share_id = done_share(each_catalog)
    assert begin(each_catalog, share_id, "m", "another", 10)
    assert list(each_catalog.work.retry([share_id], now=at(11), is_lost=True)) == []
    assert due_ids(each_catalog, 11) == []
