"""What a stage would bring: in proportion to what was measured, and at what cost once it has settled."""

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.media.placement import Backend, Decider
from bookmarkai_assets.core.media.ports import InventoryLine
from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.rollout.costs import GB, PriceTable, Usage
from bookmarkai_assets.core.rollout.forecast import (
    Traffic,
    count_new_media,
    estimate_traffic,
    forecast,
    from_json,
    load_of,
    measure_traffic,
    to_json,
)
from bookmarkai_assets.core.rollout.stages import Stage
from bookmarkai_assets.core.rollout.tallies import Totals
from bookmarkai_assets.core.rollout.windows import Window
from tests.support.storage_events import NOON, totals_of, transfer, transfers

MB = 1 << 20
PRICES = PriceTable("a test", date(2026, 1, 1), "nowhere", "USD", 0.023, 0.005, 0.0004, 0.09)
SHADOW, HALF, ALL = Stage(0, is_shadow=True), Stage(50), Stage(100)

stages = st.integers(1, 100).map(Stage) | st.just(SHADOW)
lines = st.builds(
    InventoryLine,
    st.sampled_from(Backend),
    st.none() | st.integers(0, 99),
    st.sampled_from(Decider),
    st.integers(0, 1000),
    st.integers(0, 1 << 40),
)


def totals(*events: StorageEvent) -> Totals:
    """Add up events of the day around noon."""
    return totals_of(events, Window(NOON - timedelta(days=2), NOON + timedelta(days=3)))


def media(backend: str, purpose: str | None = "place", *, video: int = 30 * MB, audio: int = MB) -> list[StorageEvent]:
    """Return one media, a video and its audio track, put on a backend."""
    return [
        transfer(backend=backend, purpose=purpose, size_bytes=video),
        transfer(backend=backend, purpose=purpose, kind="audio", size_bytes=audio),
    ]


NEW = totals(*media("local"), *media("s3"), *media("local", None), *media("s3"))


def test_all_new_media_count_wherever_they_went() -> None:
    """At 100% S3 takes every new media, including those placed locally, and workers read each audio track once."""
    # A video of 30 MB is put in two parts with two requests around them.
    assert estimate_traffic(NEW, ALL) == Traffic(4, Usage(4 * 31 * MB, 4 * (4 + 1), 4, 4 * MB))


def test_a_stage_takes_its_fraction() -> None:
    """At 50% S3 takes half of the media, bytes and requests."""
    assert estimate_traffic(NEW, HALF) == estimate_traffic(NEW, ALL).times(0.5)


def test_shadow_puts_everything_and_reads_it_back() -> None:
    """The shadow stage puts every media into S3 and reads video and audio back once to compare them."""
    assert estimate_traffic(NEW, SHADOW) == Traffic(4, Usage(4 * 31 * MB, 4 * (4 + 1), 4 * (2 + 1), 4 * 31 * MB))


def test_a_transcripts_files_count_with_their_media() -> None:
    """Each media has four requests more, wherever it is, and under shadow these files are not copied."""
    files = [transfer(backend="local", purpose="document", kind=kind, size_bytes=1) for kind in ("json", "srt")]
    here = totals(*media("local"), *files)
    assert estimate_traffic(here, ALL) == Traffic(1, Usage(31 * MB + 2, 4 + 1 + 2, 1, MB))
    assert estimate_traffic(here, SHADOW) == estimate_traffic(totals(*media("local")), SHADOW)


@pytest.mark.parametrize(
    "events",
    [
        media("s3", "shadow"),
        media("s3", "move"),
        [transfer(error="timeout"), transfer(operation="get", purpose="transcribe")],
        [transfer(operation="fetch", backend="site", purpose="fetch")],
    ],
)
def test_only_new_media_count(events: list[StorageEvent]) -> None:
    """Shadow copies, moves, failures, reads and fetches are no new media."""
    assert estimate_traffic(totals(*events), ALL) == Traffic(0, Usage())
    assert count_new_media(totals(*events)) == 0


def test_what_s3_took_is_measured() -> None:
    """What a stage brought is placements and shadow copies in S3 and what workers read there, without moves."""
    events = [
        *media("s3"),
        *media("s3", "shadow"),
        *media("s3", "move"),
        *media("local"),
        transfer(backend="local", purpose="document", kind="srt", size_bytes=1),
        transfer(purpose="document", kind="srt", size_bytes=1),
        transfer(operation="get", purpose="transcribe", kind="audio", size_bytes=MB),
        transfer(operation="get", purpose="shadow", kind="audio", size_bytes=MB),
        transfer(operation="get", purpose="move", size_bytes=30 * MB),
        transfer(size_bytes=30 * MB, error="throttled"),
    ]
    # The failed put of two parts was charged for, and brought no media.
    assert measure_traffic(totals(*events)) == Traffic(2, Usage(2 * 31 * MB + 1, 2 * 5 + 4 + 1, 2, 2 * MB))


@given(st.lists(transfers(), max_size=30), st.integers(1, 100), st.integers(1, 100))
def test_a_higher_stage_never_takes_less(events: list[StorageEvent], one: int, other: int) -> None:
    """Media, bytes and cost rise with the percentage."""
    lower, higher = (
        load_of(estimate_traffic(totals(*events), Stage(percentage)), PRICES, expiry_days=7)
        for percentage in sorted([one, other])
    )
    assert lower.media_per_day <= higher.media_per_day
    assert lower.bytes_per_day <= higher.bytes_per_day
    assert lower.month.total <= higher.month.total


def test_stored_bytes_settle_where_the_rule_deletes_them() -> None:
    """A rule of 7 days settles at 7.5 days' worth, because an object stays to the next midnight.

    The cost is that of thirty days of it.
    """
    load = load_of(
        Traffic(10, Usage(put_bytes=GB, put_requests=1000, get_requests=1000, get_bytes=GB)), PRICES, expiry_days=7
    )
    assert (load.media_per_day, load.bytes_per_day, load.stored_bytes) == (10, GB, 7.5 * GB)
    assert load.month.storage == pytest.approx(7.5 * 0.023)
    assert load.month.requests == pytest.approx(30 * 0.0054)
    assert load.month.transfer == pytest.approx(30 * 0.09)


def test_without_a_rule_bytes_add_up() -> None:
    """Where nothing expires nothing settles, so the first thirty days store half of what they bring, on average."""
    load = load_of(Traffic(10, Usage(put_bytes=GB)), PRICES, expiry_days=None)
    assert load.stored_bytes is None
    assert load.month.storage == pytest.approx(15 * 0.023)


INVENTORY = [
    InventoryLine(Backend.LOCAL, 9, Decider.POLICY, media=1, size_bytes=10),
    InventoryLine(Backend.LOCAL, 10, Decider.POLICY, media=2, size_bytes=200),
    InventoryLine(Backend.LOCAL, 10, Decider.OPERATOR, media=4, size_bytes=400),
    InventoryLine(Backend.S3, 1, Decider.POLICY, media=8, size_bytes=800),
    InventoryLine(Backend.LOCAL, None, Decider.POLICY, media=100, size_bytes=1000),
]


@pytest.mark.parametrize(
    ("stage", "media_moved", "bytes_moved"),
    [
        (SHADOW, 0, 0),
        (Stage(10), 1 + 10, 10 + 100),
        (Stage(11), 7 + 11, 610 + 110),
        (Stage(100), 7 + 100, 610 + 1000),
    ],
)
def test_a_backfill_moves_the_local_media_below_the_percentage(
    stage: Stage, media_moved: int, bytes_moved: int
) -> None:
    """Local media in the stage's buckets would move, whoever placed them, and those of unknown bucket in proportion."""
    found = forecast(estimate_traffic(NEW, stage), INVENTORY, stage, PRICES, expiry_days=7)
    assert (found.backfill_media, found.backfill_bytes) == (media_moved, bytes_moved)


@given(st.lists(lines, max_size=10), stages, st.none() | st.integers(1, 30))
def test_a_forecast_survives_being_stored(inventory: list[InventoryLine], stage: Stage, days: int | None) -> None:
    """A forecast that a decision stored as JSON is read back unchanged."""
    made = forecast(estimate_traffic(NEW, stage), inventory, stage, PRICES, expiry_days=days)
    assert from_json(json.loads(json.dumps(to_json(made)))) == made
