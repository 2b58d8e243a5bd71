"""Failures that are retried by their outcome: page by page, and never while a run works on them."""

from collections.abc import Iterator

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.failures.debt import StandingFailure
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.operations.failures import retrying
from bookmarkai_assets.operations.failures.retrying import RetriedFailures, retry_failures
from tests.support.catalog import add_share, at, begin, due_ids, fail


def add_parked(catalog: OpenCatalog, count: int) -> list[str]:
    """Add shares that are gone."""
    shares = [add_share(catalog, seconds=number) for number in range(count)]
    for share_id in shares:
        begin(catalog, share_id, share_id, "run", 10)
        fail(catalog, share_id, "run", 10)
    return shares


def test_many_are_retried_page_by_page(sqlite_catalog: OpenCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every one is due, and no transaction covers more than a page."""
    shares = add_parked(sqlite_catalog, 5)
    monkeypatch.setattr(retrying, "PAGE", 2)
    pages: list[int] = []
    retry = sqlite_catalog.work.retry

    def counting(share_ids: list[str], **options: object) -> object:
        pages.append(len(share_ids))
        return retry(share_ids, **options)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(sqlite_catalog.work, "retry", counting)
    done = retry_failures(sqlite_catalog, outcomes=[Outcome.GONE], now=at(20))
    assert done == RetriedFailures({Outcome.GONE: 5}, retried=5)
    assert pages == [2, 2, 1]
    assert due_ids(sqlite_catalog, 20) == shares


def test_a_share_that_a_run_begins_meanwhile_is_left_alone(
    sqlite_catalog: OpenCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share that begins between the listing and the retry keeps its run, and does not count as retried."""
    taken, free = add_parked(sqlite_catalog, 2)
    found = list(sqlite_catalog.failures.standing())

    def standing(**_: object) -> Iterator[StandingFailure]:
        begin(sqlite_catalog, taken, taken, "another run", 20)
        return iter(found)

    monkeypatch.setattr(sqlite_catalog.failures, "standing", standing)
    done = retry_failures(sqlite_catalog, outcomes=[Outcome.GONE], now=at(20))
    assert (done.matched, done.retried) == ({Outcome.GONE: 2}, 1)
    assert due_ids(sqlite_catalog, 20) == [free]
