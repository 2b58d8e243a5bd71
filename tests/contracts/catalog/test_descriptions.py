"""The contract of `WorkLedger` for descriptions of a video: the columns of `shares` that describe it."""

import json
from dataclasses import replace

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.media.media import UNTITLED, VideoInfo
from tests.support.catalog import add_share, at, begin, columns_of, execute, finish, staged_media

INFO = staged_media("m", "s").info
BARE = replace(INFO, title=UNTITLED, author=None, description=None, thumbnail_url=None, posted_at=None)
DATA = {
    "extractor": "Generic",
    "posted_at": "2026-01-31T11:00:00+00:00",
    "duration_seconds": 29.97,
    "width": 720,
    "height": 1280,
}


def staged(catalog: OpenCatalog, info: VideoInfo = INFO) -> str:
    """Return a share that a run is working on and whose video it has just recorded."""
    share_id = add_share(catalog)
    begin(catalog, share_id, "m", "run")
    catalog.media.record_staged(replace(staged_media("m", share_id), info=info), owner="run", now=at(1))
    return share_id


def described(catalog: OpenCatalog, share_id: str) -> tuple[object, ...]:
    """Read how the gateway's row describes the video, without `platform_data`."""
    return columns_of(catalog, share_id, "title", "author", "description", "thumbnail_url", "media_type")


def platform_data(catalog: OpenCatalog, share_id: str) -> object:
    """Read the gateway's `platform_data`."""
    (found,) = columns_of(catalog, share_id, "platform_data")
    return json.loads(found) if isinstance(found, str) else found


def test_a_fetched_share_is_described(each_catalog: OpenCatalog) -> None:
    """What the site says goes to columns of their own, and everything else about the video to the document."""
    share_id = staged(each_catalog)

    each_catalog.work.mark(share_id, "fetched", owner="run", now=at(2))

    said = (INFO.title, INFO.author, INFO.description, INFO.thumbnail_url, "video")
    assert described(each_catalog, share_id) == said
    assert platform_data(each_catalog, share_id) == DATA


def test_a_share_of_a_known_video_is_described_as_the_first(each_catalog: OpenCatalog) -> None:
    """A share that needed no download has the same description when it is done."""
    first = staged(each_catalog)
    finish(each_catalog, first, "run", 2)
    second = add_share(each_catalog)
    begin(each_catalog, second, "m", "again", 3)

    finish(each_catalog, second, "again", 4)

    assert described(each_catalog, second) == described(each_catalog, first)
    assert platform_data(each_catalog, second) == DATA


def test_other_stages_describe_nothing(each_catalog: OpenCatalog) -> None:
    """Before the video is fetched, an earlier download's description is not repeated."""
    share_id = staged(each_catalog)

    each_catalog.work.mark(share_id, "fetching", owner="run", now=at(2))

    assert described(each_catalog, share_id) == (None,) * 5


def test_what_the_site_does_not_say_stays_unchanged(each_catalog: OpenCatalog) -> None:
    """What the site does not say overwrites nothing, and the document keeps what is not ours."""
    share_id = staged(each_catalog, BARE)
    theirs = json.dumps({"views": 7, "width": 1, "posted_at": "yesterday"})
    execute(
        each_catalog,
        "UPDATE shares SET title = 'My cake', author = 'me', platform_data = :theirs WHERE id = :id",
        theirs=theirs,
        id=share_id,
    )

    finish(each_catalog, share_id, "run", 2)

    assert described(each_catalog, share_id) == ("My cake", "me", None, None, "video")
    known = {name: value for name, value in DATA.items() if name != "posted_at"}
    assert platform_data(each_catalog, share_id) == {"views": 7, "posted_at": "yesterday", **known}


def test_sound_alone_is_audio(each_catalog: OpenCatalog) -> None:
    """A file without a picture is not called a video."""
    share_id = staged(each_catalog, replace(INFO, width=None, height=None))

    finish(each_catalog, share_id, "run", 2)

    assert columns_of(each_catalog, share_id, "media_type") == ("audio",)


def test_a_document_that_is_no_object_is_replaced(each_catalog: OpenCatalog) -> None:
    """A list in the gateway's column cannot take our names, so it is replaced and the share can be done."""
    share_id = staged(each_catalog)
    execute(each_catalog, "UPDATE shares SET platform_data = '[1]' WHERE id = :id", id=share_id)

    finish(each_catalog, share_id, "run", 2)

    assert platform_data(each_catalog, share_id) == DATA


@pytest.mark.parametrize("odd", ["{", "", b"\xff", 7])
def test_a_malformed_document_is_replaced(sqlite_catalog: OpenCatalog, odd: object) -> None:
    """On SQLite the column may contain anything, and the share can still be done."""
    share_id = staged(sqlite_catalog)
    execute(sqlite_catalog, "UPDATE shares SET platform_data = :odd WHERE id = :id", odd=odd, id=share_id)

    finish(sqlite_catalog, share_id, "run", 2)

    assert platform_data(sqlite_catalog, share_id) == DATA
