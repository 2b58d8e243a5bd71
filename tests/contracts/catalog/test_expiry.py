"""The contract of `MediaLedger`, over SQLite and PostgreSQL: what moving and expiry mean for the shares of a media."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import LeaseLostError
from bookmarkai_assets.core.media.media import MediaState
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.support.catalog import (
    GONE,
    add_share,
    at,
    begin,
    claim,
    columns_of,
    due_ids,
    execute,
    fail,
    finish,
    lease,
    put_transcript,
    staged_media,
    status_of,
    store,
    stored_media,
    tombstone_of,
    transcript_of,
)

HERE, THERE = "s3://media/video.mp4", "/media/video.mp4"
NO_SOUND = Failure(Outcome.NO_AUDIO, "expected a sound track in the video, found none")


def done_share(catalog: OpenCatalog, media_id: str = "m", *, seconds: float = 0) -> str:
    """Return a share that is done, with its transcript."""
    share_id = add_share(catalog, seconds=seconds)
    assert begin(catalog, share_id, media_id, "run", seconds)
    put_transcript(catalog, share_id, transcript_of("hello"), now=at(seconds))
    finish(catalog, share_id, "run", seconds)
    return share_id


def expire(catalog: OpenCatalog, media_id: str = "m", seconds: float = 10, *, urls: tuple[str, ...] = (HERE,)) -> None:
    """Record the media as expired, with a tombstone for each URL."""
    assert lease(catalog, media_id, "clean-up", seconds)
    tombstones = [tombstone_of(url, seconds=seconds, media_id=media_id) for url in urls]
    catalog.media.record_expired(media_id, tombstones, owner="clean-up", now=at(seconds))
    catalog.leases.free(media_id, owner="clean-up")


def url_of(catalog: OpenCatalog, share_id: str) -> str | None:
    """Read the gateway's URL of a share's video."""
    url: str | None = columns_of(catalog, share_id, "media_url")[0]
    return url


def updated_of(catalog: OpenCatalog, share_id: str) -> str:
    """Read when the gateway's row last changed, as the database writes it."""
    return str(columns_of(catalog, share_id, "updated_at")[0])


def test_every_done_share_of_a_moved_media_follows_it(each_catalog: OpenCatalog) -> None:
    """When a media moves, the gateway's URL changes for all its done shares and for no other share."""
    first, second, others = done_share(each_catalog), done_share(each_catalog), done_share(each_catalog, "m2")
    waiting, parked = add_share(each_catalog), add_share(each_catalog)
    for share_id, retry_in in ((waiting, 30), (parked, None)):
        begin(each_catalog, share_id, "m", "run")
        fail(each_catalog, share_id, "run", retry_in=retry_in)
    store(each_catalog, stored_media("m", first, url=HERE), 5)
    before = updated_of(each_catalog, first)

    store(each_catalog, stored_media("m", first, url="s3://other/video.mp4"), 6)

    shares = (first, second, others, waiting, parked)
    assert [url_of(each_catalog, share_id) for share_id in shares] == ["s3://other/video.mp4"] * 2 + [THERE, None, None]
    assert [status_of(each_catalog, share_id) for share_id in shares] == ["done"] * 3 + ["pending", "error"]
    assert updated_of(each_catalog, first) > before


def test_a_share_that_the_gateway_calls_done_follows_too(each_catalog: OpenCatalog) -> None:
    """A share of the media whose status is done counts as done, whatever the ledger says."""
    share_id = add_share(each_catalog)
    execute(each_catalog, "UPDATE shares SET status = 'done' WHERE id = :id", id=share_id)
    begin(each_catalog, share_id, "m", "run")
    fail(each_catalog, share_id, "run")
    execute(each_catalog, "UPDATE share_work SET state = 'parked'")

    store(each_catalog, stored_media("m", share_id, url=HERE))

    assert url_of(each_catalog, share_id) == HERE


def test_a_share_that_is_up_to_date_is_not_touched(each_catalog: OpenCatalog) -> None:
    """Storing a media where it already is changes nothing that the gateway could see."""
    share_id = done_share(each_catalog)
    store(each_catalog, stored_media("m", share_id, url=HERE), 5)
    before = updated_of(each_catalog, share_id)

    store(each_catalog, stored_media("m", share_id, url=HERE), 6)

    assert updated_of(each_catalog, share_id) == before


def test_a_move_without_the_lease_moves_no_share(each_catalog: OpenCatalog) -> None:
    """Without the lease, neither the media nor the gateway's URLs nor the tombstones change."""
    share_id = done_share(each_catalog)
    store(each_catalog, stored_media("m", share_id, url=HERE))
    lease(each_catalog, "m", "mover")
    moved = stored_media("m", share_id, url="s3://other/video.mp4")

    with pytest.raises(LeaseLostError):
        each_catalog.media.record_stored(moved, owner="other", now=at(3))
    with pytest.raises(LeaseLostError):
        each_catalog.media.record_expired("m", [tombstone_of(HERE)], owner="other", now=at(3))

    assert each_catalog.media.get("m") == stored_media("m", share_id, url=HERE)
    assert url_of(each_catalog, share_id) == HERE
    assert each_catalog.tombstones.list() == []


def test_an_expired_media_is_recorded_without_a_url(each_catalog: OpenCatalog) -> None:
    """An expired media keeps its record, including its last location, but no URL is acknowledged or shown.

    Its shares stay done.
    """
    first, second, others = done_share(each_catalog), done_share(each_catalog), done_share(each_catalog, "m2")
    media = stored_media("m", first, url=HERE)
    store(each_catalog, media)
    before = updated_of(each_catalog, first)

    expire(each_catalog, urls=(HERE, f"{HERE}.m4a"))

    assert each_catalog.media.get("m") == replace(media, state=MediaState.EXPIRED)
    assert not each_catalog.media.acknowledges(HERE)
    assert [url_of(each_catalog, share_id) for share_id in (first, second, others)] == [None, None, THERE]
    assert {status_of(each_catalog, share_id) for share_id in (first, second)} == {"done"}
    assert updated_of(each_catalog, first) > before
    assert each_catalog.transcripts.get(first) == transcript_of("hello")
    assert {tombstone.url for tombstone in each_catalog.tombstones.list(media_id="m")} == {HERE, f"{HERE}.m4a"}
    assert due_ids(each_catalog, 10_000) == []


def test_expiring_again_only_adds_tombstones(each_catalog: OpenCatalog) -> None:
    """What is left of an expired media gets its tombstone when it is found, and the record does not change."""
    share_id = done_share(each_catalog)
    store(each_catalog, stored_media("m", share_id, url=HERE))
    expire(each_catalog, seconds=10)
    before = updated_of(each_catalog, share_id), each_catalog.media.get("m")

    expire(each_catalog, seconds=20, urls=("/media/left.mp4",))

    assert (updated_of(each_catalog, share_id), each_catalog.media.get("m")) == before
    assert [tombstone.url for tombstone in each_catalog.tombstones.list()] == ["/media/left.mp4", HERE]


@pytest.mark.parametrize("found", ["staged", "no record of it"])
def test_a_media_that_is_not_stored_cannot_expire(each_catalog: OpenCatalog, found: str) -> None:
    """A caller that has not read the media under its lease gets an error, and nothing is written."""
    share_id = add_share(each_catalog)
    lease(each_catalog, "m", "clean-up")
    if found == "staged":
        each_catalog.media.record_staged(staged_media("m", share_id), owner="clean-up", now=at(1))
    before = each_catalog.media.get("m")

    with pytest.raises(ValueError, match=f"expected media m to be stored, or expired before, found {found}; read it"):
        each_catalog.media.record_expired("m", [tombstone_of(HERE)], owner="clean-up", now=at(2))

    assert each_catalog.media.get("m") == before
    assert each_catalog.tombstones.list() == []


def test_a_media_fetched_again_after_it_expired_is_staged_and_then_stored(each_catalog: OpenCatalog) -> None:
    """The share that asked for it is done again with the new URL, and so is every other share of the video."""
    asking, other = done_share(each_catalog), done_share(each_catalog)
    store(each_catalog, stored_media("m", asking, url=HERE))
    expire(each_catalog)
    begin(each_catalog, asking, "m", "again", 20)

    each_catalog.media.record_staged(staged_media("m", asking), owner="again", now=at(21))

    assert each_catalog.media.get("m") == staged_media("m", asking)
    assert url_of(each_catalog, other) is None
    media = replace(stored_media("m", asking, url=THERE), stored_at=at(22), expires_at=None)
    each_catalog.media.record_stored(media, owner="again", now=at(22))
    finish(each_catalog, asking, "again", 23)
    assert each_catalog.media.get("m") == media
    assert [url_of(each_catalog, share_id) for share_id in (asking, other)] == [THERE, THERE]


@pytest.mark.parametrize("state", ["expired", "staged"])
def test_a_run_over_a_done_share_ends_by_its_result(each_catalog: OpenCatalog, state: str) -> None:
    """With the media still expired the share is done as before; with it fetched but not stored, it is due again."""
    share_id = done_share(each_catalog)
    store(each_catalog, stored_media("m", share_id, url=HERE))
    expire(each_catalog)
    begin(each_catalog, share_id, "m", "again", 20)
    if state == "staged":
        each_catalog.media.record_staged(staged_media("m", share_id), owner="again", now=at(21))

    each_catalog.work.release("again", now=at(22))

    assert status_of(each_catalog, share_id) == ("done" if state == "expired" else "pending")
    assert due_ids(each_catalog, 22) == ([] if state == "expired" else [share_id])


def test_a_failure_over_an_expired_media_shows_no_url(each_catalog: OpenCatalog) -> None:
    """A done share whose video is gone from its site as well stays done, without a URL."""
    share_id = done_share(each_catalog)
    store(each_catalog, stored_media("m", share_id, url=HERE))
    expire(each_catalog)
    begin(each_catalog, share_id, "m", "again", 20)

    fail(each_catalog, share_id, "again", 21)

    assert columns_of(each_catalog, share_id, "status", "media_url") == ("done", None)


@pytest.mark.parametrize(
    ("happen", "expected"),
    [
        (lambda catalog, share_id: store(catalog, stored_media("m", share_id, url=HERE), 9), HERE),
        (lambda catalog, _: expire(catalog, seconds=9), None),
    ],
    ids=["moved", "expired"],
)
def test_finishing_with_an_outdated_url_writes_the_recorded_one(
    each_catalog: OpenCatalog, happen: Callable[[OpenCatalog, str], None], expected: str | None
) -> None:
    """A run that read the media before it moved or expired, and took the lease afterwards, writes no stale URL."""
    share_id = add_share(each_catalog)
    store(each_catalog, stored_media("m", share_id, url=THERE), 3)
    happen(each_catalog, share_id)
    begin(each_catalog, share_id, "m", "run", 20)

    each_catalog.work.finish(share_id, media_url=THERE, owner="run", now=at(21))

    assert columns_of(each_catalog, share_id, "status", "media_url") == ("done", expected)


def park(catalog: OpenCatalog, failure: Failure, media_id: str = "m") -> str:
    """Return a share of the media that was parked for that failure."""
    share_id = add_share(catalog)
    begin(catalog, share_id, media_id, "run")
    catalog.work.fail(share_id, failure, owner="run", now=at(0), retry_at=None)
    return share_id


def test_a_media_is_settled_once_all_its_shares_have_their_end(each_catalog: OpenCatalog) -> None:
    """While a share of the video is claimed, running or waiting, its bytes are needed, whatever the others have."""
    assert not each_catalog.media.is_settled("m")
    done_share(each_catalog)
    park(each_catalog, GONE)
    done_share(each_catalog, "m2")
    assert each_catalog.media.is_settled("m")
    late = add_share(each_catalog)

    assert claim(each_catalog, late, "m", "tick", 1)
    assert not each_catalog.media.is_settled("m")
    begin(each_catalog, late, "m", "run", 2, claim_id="tick")
    assert not each_catalog.media.is_settled("m")
    fail(each_catalog, late, "run", 3, retry_in=30)
    assert not each_catalog.media.is_settled("m")
    assert each_catalog.media.is_settled("m2")
    begin(each_catalog, late, "m", "run-2", 33)
    fail(each_catalog, late, "run-2", 34)
    assert each_catalog.media.is_settled("m")


def test_a_media_whose_shares_all_failed_is_not_settled(each_catalog: OpenCatalog) -> None:
    """When all shares failed there is no transcript and a person may retry, so the bytes stay."""
    park(each_catalog, GONE)

    assert not each_catalog.media.is_settled("m")


def test_a_media_without_sound_is_settled(each_catalog: OpenCatalog) -> None:
    """Without sound there will never be a transcript, so the bytes do not wait for one."""
    park(each_catalog, NO_SOUND)

    assert each_catalog.media.is_settled("m")


def test_a_done_share_without_a_transcript_settles_nothing(each_catalog: OpenCatalog) -> None:
    """A done share whose transcript somebody removed may need it again."""
    share_id = done_share(each_catalog)

    execute(each_catalog, "DELETE FROM transcripts WHERE share_id = :id", id=share_id)

    assert not each_catalog.media.is_settled("m")


def test_a_parked_share_that_is_reopened_needs_the_bytes(each_catalog: OpenCatalog) -> None:
    """A share that the gateway has set back to pending counts as new."""
    done_share(each_catalog)
    share_id = park(each_catalog, NO_SOUND)
    assert each_catalog.media.is_settled("m")

    execute(each_catalog, "UPDATE shares SET status = 'pending' WHERE id = :id", id=share_id)

    assert not each_catalog.media.is_settled("m")


def test_a_deleted_share_needs_nothing(each_catalog: OpenCatalog) -> None:
    """What the ledger remembers of a deleted share does not keep the bytes for ever."""
    done_share(each_catalog)
    gone = add_share(each_catalog)
    begin(each_catalog, gone, "m", "run")
    assert not each_catalog.media.is_settled("m")

    execute(each_catalog, "DELETE FROM shares WHERE id = :id", id=gone)

    assert each_catalog.media.is_settled("m")


def test_a_done_share_whose_media_expired_can_be_asked_for_again(each_catalog: OpenCatalog) -> None:
    """Retrying such a share makes it due; a done share whose bytes are there is left alone."""
    expired, stored = done_share(each_catalog, "m"), done_share(each_catalog, "n", seconds=1)
    store(each_catalog, stored_media("m", expired))
    store(each_catalog, stored_media("n", stored))
    expire(each_catalog, "m")

    assert list(each_catalog.work.retry([expired, stored], now=at(20))) == [expired]

    assert due_ids(each_catalog, 20) == [expired]
    assert status_of(each_catalog, stored) == "done"


def test_an_unknown_share_is_adopted_once(each_catalog: OpenCatalog) -> None:
    """A rebuild ties a share that the gateway calls done to its media, without making it due or touching its past."""
    share_id = add_share(each_catalog)
    execute(each_catalog, "UPDATE shares SET status = 'done'")
    pending = add_share(each_catalog, seconds=1)

    assert each_catalog.work.adopt(share_id, "m", media_url=HERE, now=at(5))
    assert not each_catalog.work.adopt(share_id, "other", media_url=THERE, now=at(6))
    assert not each_catalog.work.adopt(pending, "m", media_url=HERE, now=at(6))

    assert each_catalog.work.progress(share_id).media_id == "m"
    assert url_of(each_catalog, share_id) == HERE
    assert due_ids(each_catalog, 10) == [pending]
