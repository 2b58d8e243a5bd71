"""Concurrent work on the media of one catalog, over SQLite and PostgreSQL: movers, clean-up and runs."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.core.errors import LeaseLostError
from bookmarkai_assets.core.media.media import MediaState
from tests.support.catalog import (
    add_share,
    at,
    begin,
    columns_of,
    finish,
    lease,
    put_transcript,
    store,
    stored_media,
    together,
    tombstone_of,
    transcript_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MEDIA = [f"m{number}" for number in range(6)]


def lease_all(url: str, owner: str) -> list[str]:
    """Lease whichever media are free, with a catalog of one's own, and return those leased."""
    with open_catalog(url) as catalog:
        return [media_id for media_id in MEDIA if lease(catalog, media_id, owner, 100)]


def test_one_mover_of_many_gets_a_media(each_catalog_url: str) -> None:
    """Free media, and media whose lease has ended, are leased by exactly one of those who try at once."""
    with open_catalog(each_catalog_url) as catalog:
        assert [lease(catalog, media_id, "dead") for media_id in MEDIA[::2]] == [True] * 3

    got = together([partial(lease_all, each_catalog_url, f"mover-{number}") for number in range(5)])

    assert sorted(media_id for media in got for media_id in media) == MEDIA


def test_either_a_mover_or_a_run_gets_the_media(each_catalog: OpenCatalog) -> None:
    """When a run begins a share and a mover wants its media at once, one of them is refused."""
    for number in range(10):
        share_id = add_share(each_catalog, seconds=number)
        beginning: Callable[[], object] = partial(begin, each_catalog, share_id, f"m{number}", "run")
        leasing: Callable[[], object] = partial(lease, each_catalog, f"m{number}", "mover")

        attempts, is_leased = together([beginning, leasing])

        assert (attempts, is_leased) in {(1, False), (None, True)}


def test_one_of_many_restores_a_media(each_catalog: OpenCatalog) -> None:
    """Of those who find the same media in the stores at once, exactly one records it."""
    share_id = add_share(each_catalog)
    tasks = [partial(each_catalog.media.restore, stored_media("m", share_id, url=f"/{i}"), now=at(1)) for i in range(6)]

    results = together(tasks)

    assert sorted(results) == [False] * 5 + [True]
    found = each_catalog.media.get("m")
    assert found is not None
    assert found.video.url == f"/{results.index(True)}"


def test_shares_and_media_agree_whoever_is_first(each_catalog: OpenCatalog) -> None:
    """When moves and an expiry lose their leases to each other during runs, every URL ends as recorded."""
    shares = []
    for number in range(8):
        shares.append(add_share(each_catalog, seconds=number))
        begin(each_catalog, shares[-1], "m", "run")
        put_transcript(each_catalog, shares[-1], transcript_of("hello"), now=at(0))
        finish(each_catalog, shares[-1], "run")
    store(each_catalog, stored_media("m", shares[0]), 1)

    def move(number: int) -> None:
        for step in range(5):
            now, owner = 100 * step + 20 * number, f"mover-{number}"
            lease(each_catalog, "m", owner, now)
            with suppress(LeaseLostError):
                media = stored_media("m", shares[0], url=f"/{number}/{step}")
                each_catalog.media.record_stored(media, owner=owner, now=at(now))
            with suppress(LeaseLostError, ValueError):
                if number == 0:
                    each_catalog.media.record_expired("m", [tombstone_of("/x")], owner=owner, now=at(now))

    def work(owner: str, order: int) -> None:
        for step in range(5):
            for share_id in shares[::order]:
                begin(each_catalog, share_id, "m", owner, 100 * step + 50)
            each_catalog.work.retry(shares[::order], now=at(100 * step))
            with suppress(LeaseLostError):
                each_catalog.work.finish(shares[step], media_url="/stale", owner=owner, now=at(100 * step))
            each_catalog.work.release(owner, now=at(100 * step))

    tasks: list[Callable[[], object]] = [partial(move, number) for number in range(3)]
    tasks += [partial(work, "run-1", 1), partial(work, "run-2", -1)]
    together(tasks)

    media = each_catalog.media.get("m")
    assert media is not None
    expected = media.video.url if media.state is MediaState.STORED else None
    # Asking again for an expired video makes its shares pending, without a URL until somebody finishes them.
    found = {columns_of(each_catalog, share_id, "status", "media_url") for share_id in shares}
    assert found <= {("done", expected), ("pending", None)}
    for share_id in shares:
        begin(each_catalog, share_id, "m", "last", 10_000)
        each_catalog.work.finish(share_id, media_url="/stale", owner="last", now=at(10_000))
    assert {columns_of(each_catalog, share_id, "status", "media_url") for share_id in shares} == {("done", expected)}


def test_simultaneous_clean_ups_leave_one_tombstone_for_each_url(each_catalog: OpenCatalog) -> None:
    """Decisions about the same files in different orders do not deadlock, and leave one tombstone for each."""
    urls = [f"/media/{number}" for number in range(20)]

    def decide(number: int) -> None:
        order = urls if number % 2 else urls[::-1]
        each_catalog.tombstones.write([replace(tombstone_of(url), reason=f"clean-up {number}") for url in order])
        each_catalog.tombstones.confirm(order if number == 0 else [], now=at(1))
        each_catalog.tombstones.write([tombstone_of(url, seconds=2) for url in order])

    together([partial(decide, number) for number in range(5)])

    unconfirmed = [tombstone for tombstone in each_catalog.tombstones.list() if tombstone.removed_at is None]
    assert sorted(tombstone.url for tombstone in unconfirmed) == sorted(urls)
