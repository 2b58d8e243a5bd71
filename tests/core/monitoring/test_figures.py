"""How names are folded, and how latencies fall into the buckets of a histogram."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.monitoring.families import BUCKETS
from bookmarkai_assets.core.monitoring.figures import (
    OUTCOMES,
    SITES,
    STATUSES,
    count_paused,
    fold,
    fold_series,
    fold_sites,
)
from bookmarkai_assets.core.rollout.latency import RELATIVE_ERROR, bin_of, count_within
from bookmarkai_assets.core.rollout.tallies import merge, roll_up
from bookmarkai_assets.core.sites.breaker import Site
from tests.support.catalog import at
from tests.support.storage_events import transfer


@given(st.dictionaries(st.text(max_size=8) | st.sampled_from(STATUSES), st.integers(0, 9)))
def test_folding_loses_no_count_and_adds_no_name(counts: dict[str, int]) -> None:
    """Whatever the names are, the sum stays, the names are the fixed ones, and those keep their counts."""
    folded = fold(counts, STATUSES)

    assert list(folded) == list(STATUSES)
    assert sum(folded.values()) == sum(counts.values())
    assert all(folded[name] == counts.get(name, 0) for name in STATUSES if name != "other")


@given(st.lists(st.text(max_size=5), max_size=20))
def test_series_of_strange_names_are_folded_into_one(words: list[str]) -> None:
    """No event is lost, and an error class that nobody knows is `other`."""
    strange = [transfer(error=f"strange {word}") for word in words]
    totals = {series: tally for (_, _, series), tally in roll_up(strange).items()}

    folded = fold_series(totals)

    assert len(folded) <= 1
    assert merge(folded.values()).events == merge(totals.values()).events
    assert all(series.error_class == "other" for series in folded)


def test_the_four_files_of_a_transcript_are_one_kind() -> None:
    """A transcript's files are told from videos and audio tracks, and not from each other."""
    totals = {series: t for (_, _, series), t in roll_up(transfer(kind=k) for k in ("json", "srt", "video")).items()}

    assert Counter(series.kind for series in fold_series(totals)) == {"transcript": 1, "video": 1}


def test_breakers_are_told_apart_by_platform_and_backend() -> None:
    """Hosts of no platform are one name, however many there are, a store is no site, and a closed breaker is none."""
    names = ["tiktok", "s3 store", *(f"host-{number}.example" for number in range(1000))]
    sites = [*(Site(name, allowed=0, resumes_at=at(9)) for name in names), Site("youtube")]

    paused = count_paused(sites)

    assert paused.sites == {**dict.fromkeys(SITES, 0), "tiktok": 1, "other": 1000}
    assert paused.stores == {Backend.LOCAL: 0, Backend.S3: 1}


def test_what_waits_for_neither_is_counted_apart() -> None:
    """Shares that wait for room on the disk have no site."""
    waiting = fold_sites({None: 3, "generic": 1, "x": 2})

    assert (waiting.neither, waiting.sites["other"], waiting.sites["x"]) == (3, 1, 2)


def test_every_failure_can_be_a_result() -> None:
    """A fetch fails with an outcome, and none of them is folded away."""
    totals = {series: tally for (_, _, series), tally in roll_up(transfer(error=o) for o in OUTCOMES).items()}

    assert {series.error_class for series in fold_series(totals)} == set(OUTCOMES)


@given(st.lists(st.floats(0.0005, 5000), max_size=50))
def test_a_bucket_counts_what_is_within_its_bound(latencies: list[float]) -> None:
    """Each count is exact but for latencies within 1% of the bound, and rises from bound to bound."""
    bins = Counter(map(bin_of, latencies))

    counts = [count_within(bins, bound) for bound in BUCKETS]

    for bound, count in zip(BUCKETS, counts, strict=True):
        least = sum(latency < bound * (1 - 2 * RELATIVE_ERROR) for latency in latencies)
        most = sum(latency <= bound * (1 + 2 * RELATIVE_ERROR) for latency in latencies)
        assert least <= count <= most
    assert counts == sorted(counts)
