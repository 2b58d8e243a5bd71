"""Concurrent use of one catalog, over SQLite and PostgreSQL: by threads that share one or not, and by processes."""

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.core.errors import LeaseLostError
from tests.support.catalog import (
    GONE,
    USER,
    add_share,
    at,
    begin,
    claim,
    due_ids,
    fail,
    finish,
    put_transcript,
    staged_media,
    status_of,
    together,
    transcript_of,
)
from tests.support.deadlines import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

CLAIMERS = 5


def claim_all(url: str, claim_id: str, media: dict[str, str]) -> list[str]:
    """Claim whichever of the given shares are free, with a catalog of one's own, and return those claimed."""
    with open_catalog(url) as catalog:
        return [share_id for share_id in media if claim(catalog, share_id, media[share_id], claim_id)]


def test_a_link_added_by_many_at_once_is_one_share(each_catalog: OpenCatalog) -> None:
    """Of many who add one link, exactly one creates the share, and all get it."""
    add = partial(each_catalog.shares.add, url="https://example.com/1", user_id=USER, platform="x", now=at(0))

    added = together([add] * 8)

    assert len({result.share.share_id for result in added}) == 1
    assert [result.is_new for result in added].count(True) == 1


def test_concurrent_threads_divide_the_shares(each_catalog_url: str) -> None:
    """Every share with its own video is claimed exactly once."""
    with open_catalog(each_catalog_url) as catalog:
        media = {add_share(catalog, seconds=i): f"m{i}" for i in range(12)}

    claimed = together([partial(claim_all, each_catalog_url, f"tick-{i}", media) for i in range(CLAIMERS)])

    assert Counter(share_id for shares in claimed for share_id in shares) == Counter(list(media))


def test_shares_of_one_video_are_never_both_claimed(each_catalog_url: str) -> None:
    """Of three shares of each video, concurrent claimers get one."""
    with open_catalog(each_catalog_url) as catalog:
        media = {add_share(catalog, seconds=i): f"m{i % 4}" for i in range(12)}

    claimed = together([partial(claim_all, each_catalog_url, f"tick-{i}", media) for i in range(CLAIMERS)])

    assert Counter(media[share_id] for shares in claimed for share_id in shares) == Counter(set(media.values()))


def test_concurrent_processes_divide_the_shares(sqlite_url: str) -> None:
    """The same holds between processes, where only SQLite's file locks protect the claims."""
    with open_catalog(sqlite_url) as catalog:
        media = {add_share(catalog, seconds=i): f"m{i // 2}" for i in range(40)}

    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        claims = [pool.submit(claim_all, sqlite_url, f"tick-{i}", media) for i in range(4)]
        claimed = [share_id for one in claims for share_id in one.result(timeout=HANG_SECONDS)]

    assert Counter(media[share_id] for share_id in claimed) == Counter(set(media.values()))


def test_one_run_of_many_begins_a_share(each_catalog: OpenCatalog) -> None:
    """Of many runs that begin a share at once, one gets it, and the attempt is counted once."""
    share_id = add_share(each_catalog)

    results = together([partial(begin, each_catalog, share_id, "m", f"run-{i}") for i in range(8)])

    assert sorted(results, key=str) == [1] + [None] * 7


def test_a_run_that_loses_its_lease_while_finishing_finishes_or_fails(each_catalog: OpenCatalog) -> None:
    """Between a finish and a claim that takes over the expired lease, there is one winner and no mixture."""
    for number in range(10):
        share_id = add_share(each_catalog, seconds=number)
        media_id = f"m{number}"
        begin(each_catalog, share_id, media_id, "run")

        has_finished, has_claimed = together(
            [
                partial(_finishes, each_catalog, share_id),
                partial(claim, each_catalog, share_id, media_id, "tick", 100),
            ]
        )

        assert has_finished != has_claimed
        assert status_of(each_catalog, share_id) == ("done" if has_finished else "processing")
        assert each_catalog.leases.holds("tick", media_id) == has_claimed


def _finishes(catalog: OpenCatalog, share_id: str) -> bool:
    try:
        finish(catalog, share_id, "run", 100)
    except LeaseLostError:
        return False
    return True


def test_a_runs_threads_may_use_one_catalog(each_catalog: OpenCatalog) -> None:
    """Eight shares that threads work on, with a heartbeat and the run's release among them, all end correctly."""
    shares = [add_share(each_catalog, seconds=i) for i in range(8)]

    def work(number: int) -> None:
        share_id, media_id = shares[number], f"m{number}"
        begin(each_catalog, share_id, media_id, "run")
        each_catalog.media.record_staged(staged_media(media_id, share_id), owner="run", now=at(1))
        each_catalog.leases.renew("run", until=at(90))
        put_transcript(each_catalog, share_id, transcript_of("hello"), now=at(2))
        if number % 2:
            finish(each_catalog, share_id, "run")
        else:
            begin(each_catalog, share_id, media_id, "run")

    together([partial(work, i) for i in range(8)])
    each_catalog.work.release("run", now=at(5))

    assert [status_of(each_catalog, share_id) for share_id in shares] == ["pending", "done"] * 4
    assert due_ids(each_catalog, 5) == shares[::2]
    assert {each_catalog.work.progress(share_id).attempts for share_id in shares} == {1}


def test_simultaneous_releases_retries_and_parks_do_not_deadlock(each_catalog: OpenCatalog) -> None:
    """Calls that touch many shares in different orders all finish: there is no deadlock."""
    shares = [add_share(each_catalog, seconds=i) for i in range(10)]
    for number, share_id in enumerate(shares):
        begin(each_catalog, share_id, f"m{number}", f"run-{number % 2}")
        if number % 3 == 0:
            fail(each_catalog, share_id, f"run-{number % 2}", retry_in=1)

    work = each_catalog.work
    tasks: list[Callable[[], object]] = [
        partial(work.release, "run-0", now=at(2)),
        partial(work.release, "run-1", now=at(2)),
        partial(work.retry, shares, now=at(2)),
        partial(work.retry, shares[::-1], now=at(2)),
        partial(each_catalog.leases.renew, "run-0", until=at(99)),
        partial(each_catalog.leases.renew, "run-1", until=at(99)),
    ]
    together(tasks)

    assert due_ids(each_catalog, 2) == shares


def test_a_retry_does_not_undo_a_claim(each_catalog: OpenCatalog) -> None:
    """When a claim and a person's retry happen at once, the share ends up claimed, whichever is first."""
    for number in range(10):
        share_id = add_share(each_catalog, seconds=number)
        begin(each_catalog, share_id, f"m{number}", "run")
        fail(each_catalog, share_id, "run", retry_in=1)

        retrying: Callable[[], object] = partial(each_catalog.work.retry, [share_id], now=at(2))
        claiming: Callable[[], object] = partial(claim, each_catalog, share_id, f"m{number}", "tick", 2)
        together([claiming, retrying, retrying, retrying])

        assert status_of(each_catalog, share_id) == "processing"
        assert each_catalog.leases.holds("tick", f"m{number}")


def test_heartbeats_do_not_block_each_other_while_shares_are_begun(each_catalog_url: str) -> None:
    """A run that takes leases while it renews others does not block its other threads' renewals."""
    with open_catalog(each_catalog_url) as catalog:
        shares = [add_share(catalog, seconds=i) for i in range(30)]

    def work(part: int) -> None:
        with open_catalog(each_catalog_url) as catalog:
            for number in range(part, len(shares), 6):
                begin(catalog, shares[number], f"m{number}", "run")
                catalog.leases.renew("run", until=at(60))
                if number % 2:
                    finish(catalog, shares[number], "run")

    together([partial(work, part) for part in range(6)])

    with open_catalog(each_catalog_url) as catalog:
        assert len(catalog.leases.renew("run", until=at(60))) == 15


def test_random_concurrent_calls_lose_no_share(each_catalog_url: str) -> None:
    """Five workers that do random things to a few shares meet lost leases and no other error, and no share is lost."""
    with open_catalog(each_catalog_url) as catalog:
        shares = [(add_share(catalog, seconds=i), f"m{i % 3}") for i in range(8)]

    together([partial(_storm, each_catalog_url, shares, seed) for seed in range(5)])

    with open_catalog(each_catalog_url) as catalog:
        due = due_ids(catalog, 1_000_000)
        assert all(share_id in due or status_of(catalog, share_id) in {"done", "error"} for share_id, _ in shares)


def _storm(url: str, shares: list[tuple[str, str]], seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a repeatable choice, no secret
    with open_catalog(url) as catalog:
        work = catalog.work
        for step in range(40):
            share_id, media_id = random.choice(shares)
            run, now = random.choice(["run-1", "run-2"]), 10 * step
            acts: list[Callable[[], object]] = [
                partial(claim, catalog, share_id, media_id, f"tick-{seed}-{step}", now),
                partial(begin, catalog, share_id, media_id, run, now),
                partial(fail, catalog, share_id, run, now, retry_in=random.choice([None, 5])),
                partial(finish, catalog, share_id, run, now),
                partial(catalog.leases.renew, run, until=at(now + 60)),
                partial(work.release, run, now=at(now)),
                partial(work.retry, [one for one, _ in random.sample(shares, 4)], now=at(now)),
                partial(work.park, share_id, GONE, now=at(now)),
                partial(work.due, now=at(now), limit=10),
            ]
            with suppress(LeaseLostError):
                random.choice(acts)()


def test_a_transcript_written_by_two_at_once_is_one_row(each_catalog: OpenCatalog) -> None:
    """Two concurrent writers of one share's transcript leave one whole transcript."""
    share_id = add_share(each_catalog)

    together(
        [partial(put_transcript, each_catalog, share_id, transcript_of(f"said by {i}"), now=at(1)) for i in range(6)]
    )

    with each_catalog.database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM transcripts").scalar_one() == 1
    found = each_catalog.transcripts.get(share_id)
    assert found is not None
    assert found.text in {f"said by {i}" for i in range(6)}
