"""The contract of `MediaLedger`, over SQLite and PostgreSQL."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import LeaseLostError
from bookmarkai_assets.core.placement import Backend
from tests.support.catalog import add_share, at, begin, staged_media, stored_media


@pytest.fixture
def share_id(each_catalog: OpenCatalog) -> str:
    """Give a share that the run `run` has in hand, with the lease on media `m`."""
    share = add_share(each_catalog)
    begin(each_catalog, share, "m", "run")
    return share


def test_an_unknown_media_is_none(each_catalog: OpenCatalog) -> None:
    """Nothing is recorded for a video before its download."""
    assert each_catalog.media.get("m") is None


def test_a_staged_media_comes_back_whole(each_catalog: OpenCatalog, share_id: str) -> None:
    """Every field of a finished download is kept: sizes beyond 32 bits, emoji and right-to-left titles, line breaks."""
    media = staged_media("m", share_id)

    each_catalog.media.record_staged(media, owner="run", now=at(1))

    assert each_catalog.media.get("m") == media


def test_a_stored_media_comes_back_with_its_placement(each_catalog: OpenCatalog, share_id: str) -> None:
    """Once the bytes are stored, the record points at them and says why they are there."""
    each_catalog.media.record_staged(staged_media("m", share_id), owner="run", now=at(1))
    stored = stored_media("m", share_id)

    each_catalog.media.record_stored(stored, owner="run", now=at(2))

    found = each_catalog.media.get("m")
    assert found == stored
    assert found is not None
    assert found.backend is Backend.S3
    with each_catalog.database.engine.connect() as connection:
        created, kept = connection.execute(text("SELECT created_at, stored_at FROM media")).one()
    assert created < kept


def test_a_media_without_sound_or_details_comes_back_so(each_catalog: OpenCatalog, share_id: str) -> None:
    """What a site does not say stays unsaid, and a video without sound has no audio track."""
    whole = staged_media("m", share_id)
    info = replace(whole.info, author=None, description=None, thumbnail_url=None, width=None, height=None)
    media = replace(whole, info=info, audio=None)

    each_catalog.media.record_staged(media, owner="run", now=at(1))

    assert each_catalog.media.get("m") == media


def test_a_new_download_replaces_the_record(each_catalog: OpenCatalog, share_id: str) -> None:
    """Fetching a video again starts its record anew: staged, without a placement."""
    each_catalog.media.record_staged(staged_media("m", share_id), owner="run", now=at(1))
    each_catalog.media.record_stored(stored_media("m", share_id), owner="run", now=at(2))
    again = staged_media("m", share_id, url="/staging/again.mp4")

    each_catalog.media.record_staged(again, owner="run", now=at(3))

    assert each_catalog.media.get("m") == again
    assert not each_catalog.media.acknowledges("s3://media/video.mp4")


def test_a_title_that_no_database_can_hold_is_kept_as_far_as_it_can(each_catalog: OpenCatalog, share_id: str) -> None:
    """NUL and lone surrogates in a title become replacement characters instead of failing the share."""
    media = staged_media("m", share_id)
    hostile = replace(media, info=replace(media.info, title="a\x00b\udc80c"))

    each_catalog.media.record_staged(hostile, owner="run", now=at(1))

    found = each_catalog.media.get("m")
    assert found is not None
    assert found.info.title == "a\ufffdb\ufffdc"


def test_only_stored_media_acknowledge_a_url(each_catalog: OpenCatalog, share_id: str) -> None:
    """A URL is acknowledged once stored bytes, video or audio, are recorded there; staged files may be replaced."""
    staged, stored = staged_media("m", share_id), stored_media("m", share_id)
    each_catalog.media.record_staged(staged, owner="run", now=at(1))
    assert not each_catalog.media.acknowledges(staged.video.url)

    each_catalog.media.record_stored(stored, owner="run", now=at(2))

    assert each_catalog.media.acknowledges("s3://media/video.mp4")
    assert each_catalog.media.acknowledges("s3://media/video.mp4.m4a")
    assert not each_catalog.media.acknowledges("s3://media/video")


def test_recording_needs_the_lease(each_catalog: OpenCatalog, share_id: str) -> None:
    """Without the lease on the video nothing is recorded, and what is there stays."""
    media = staged_media("m", share_id)
    each_catalog.media.record_staged(media, owner="run", now=at(1))

    with pytest.raises(LeaseLostError):
        each_catalog.media.record_stored(stored_media("m", share_id), owner="other", now=at(2))
    with pytest.raises(LeaseLostError):
        each_catalog.media.record_staged(staged_media("free", share_id), owner="run", now=at(2))

    assert each_catalog.media.get("m") == media
    assert each_catalog.media.get("free") is None
