"""The contracts of what a scrape of metrics reads, over SQLite and PostgreSQL: totals that never cost more."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.alerts.incidents import Incident
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import StoredMedia
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.rollout.tallies import Totals
from bookmarkai_assets.core.rollout.windows import Resolution, Window
from tests.support.catalog import (
    LEASE_SECONDS,
    PLACEMENT,
    add_share,
    at,
    begin,
    claim,
    execute,
    fail,
    finish,
    lease,
    staged_media,
    store,
    stored_media,
    together,
    tombstone_of,
)
from tests.support.storage_events import NOON, transfer

LOCAL = replace(PLACEMENT, backend=Backend.LOCAL)


def amounts(totals: Totals) -> dict[object, tuple[object, ...]]:
    """Return what is compared of totals: sums of seconds to the microsecond, since they depend on the order."""
    return {
        series: (tally.events, tally.size_bytes, round(tally.seconds, 6), tally.requests, dict(tally.bins))
        for series, tally in totals.items()
    }


def assert_totals_are_the_inventory(catalog: OpenCatalog) -> None:
    """Assert that the kept sums are those of all rows."""
    media: Counter[Backend] = Counter()
    sizes: Counter[Backend] = Counter()
    for line in catalog.media.inventory():
        media[line.backend] += line.media
        sizes[line.backend] += line.size_bytes
    assert catalog.media.stored_totals() == {one: StoredMedia(media[one], sizes[one]) for one in Backend}


def test_the_totals_of_all_time_are_those_of_all_days(each_catalog: OpenCatalog) -> None:
    """They are the sum of all events, years apart, late ones too, whatever number is added at a time."""
    days = (0, 800, 1, 400, 0)
    for number, day in enumerate(days):
        each_catalog.events.record(transfer(NOON + timedelta(days=day), seconds=0.3 * (number + 1)))
        each_catalog.events.record(transfer(NOON + timedelta(days=day), "get", "local", error="checksum"))
    assert each_catalog.totals.all_time() == {}

    while not each_catalog.totals.roll_up(limit=3).is_complete:
        pass

    start = Resolution.DAY.floor(NOON)
    everything = each_catalog.totals.totals(Window(start, start + timedelta(days=801)))
    assert amounts(each_catalog.totals.all_time()) == amounts(everything)
    assert sum(tally.events for tally in everything.values()) == 2 * len(days)


def test_totals_without_latencies_are_the_same_otherwise(each_catalog: OpenCatalog) -> None:
    """Over a window of days, hours and minutes, the database adds up to the same amounts, of the same types."""
    for minutes in (0, 5, 61, 1500, 3000, 4500):
        each_catalog.events.record(transfer(NOON + timedelta(minutes=minutes), seconds=1.5, size_bytes=1 << 40))
        each_catalog.events.record(transfer(NOON + timedelta(minutes=minutes), error="timeout"))
    each_catalog.totals.roll_up()
    window = Window(NOON, NOON + timedelta(minutes=4500))

    full = each_catalog.totals.totals(window)
    summed = each_catalog.totals.totals(window, with_latencies=False)

    assert summed == {series: replace(tally, bins=Counter()) for series, tally in full.items()}
    assert sum(tally.events for tally in summed.values()) == 10
    assert {type(tally.size_bytes) for tally in summed.values()} == {int}


def test_the_totals_of_all_time_are_in_no_window(each_catalog: OpenCatalog) -> None:
    """A window that begins at the epoch, where their rows do, counts each event once, and so does the first event."""
    each_catalog.events.record(transfer(NOON))
    each_catalog.totals.roll_up()

    (tally,) = each_catalog.totals.totals(
        Window(Resolution.DAY.floor(at(-(10**9))), NOON + timedelta(days=30))
    ).values()

    assert tally.events == 1
    assert each_catalog.totals.first_event_at() == NOON


def test_removing_counted_events_takes_nothing_from_the_totals(each_catalog: OpenCatalog) -> None:
    """A counter never goes back, also when old events are removed."""
    for _ in range(3):
        each_catalog.events.record(transfer(NOON))
    each_catalog.totals.roll_up()
    before = amounts(each_catalog.totals.all_time())

    assert each_catalog.totals.remove_counted(before=NOON + timedelta(days=1)) == 2

    assert amounts(each_catalog.totals.all_time()) == before


def test_an_empty_catalog_stores_nothing_anywhere(each_catalog: OpenCatalog) -> None:
    """Each backend has an entry all the same."""
    assert each_catalog.media.stored_totals() == dict.fromkeys(Backend, StoredMedia(0, 0))


def test_the_stored_totals_follow_a_media_through_its_life(each_catalog: OpenCatalog) -> None:
    """Staged media do not count. Stored ones do, where they are, with their audio track, until they expire or go."""
    share_id = add_share(each_catalog)
    one = stored_media("m1", share_id)
    size = one.video.digest.size_bytes + 480_000
    none = StoredMedia(0, 0)

    lease(each_catalog, "m1", "run", 0)
    each_catalog.media.record_staged(staged_media("m1", share_id), owner="run", now=at(1))
    assert each_catalog.media.stored_totals() == {Backend.LOCAL: none, Backend.S3: none}
    each_catalog.media.record_stored(one, owner="run", now=at(2))
    each_catalog.media.record_stored(one, owner="run", now=at(3))
    assert each_catalog.media.stored_totals() == {Backend.LOCAL: none, Backend.S3: StoredMedia(1, size)}
    each_catalog.media.record_stored(replace(one, placement=LOCAL, audio=None), owner="run", now=at(4))
    assert each_catalog.media.stored_totals() == {Backend.LOCAL: StoredMedia(1, size - 480_000), Backend.S3: none}
    each_catalog.media.record_expired("m1", [tombstone_of("/x")], owner="run", now=at(5))
    assert each_catalog.media.stored_totals() == {Backend.LOCAL: none, Backend.S3: none}
    assert each_catalog.media.restore(replace(one, media_id="m2"), now=at(6))
    assert not each_catalog.media.restore(replace(one, media_id="m2"), now=at(7))
    assert each_catalog.media.stored_totals() == {Backend.LOCAL: none, Backend.S3: StoredMedia(1, size)}
    execute(each_catalog, "DELETE FROM media WHERE media_id = 'm2'")
    assert each_catalog.media.stored_totals() == {Backend.LOCAL: none, Backend.S3: none}


def test_moves_in_both_directions_at_once_keep_the_totals(each_catalog: OpenCatalog) -> None:
    """Media that go from one backend to the other and back, all at the same time, wait for no lock in a circle."""
    share_id = add_share(each_catalog)
    there, back = stored_media("m", share_id), replace(stored_media("m", share_id), placement=LOCAL)
    owners = range(8)
    for number in owners:
        media = there if number % 2 else back
        store(each_catalog, replace(media, media_id=f"m{number}"))
        lease(each_catalog, f"m{number}", "mover", 100)

    def move(number: int) -> None:
        for turn in range(10):
            media = (there, back)[(number + turn) % 2]
            each_catalog.media.record_stored(replace(media, media_id=f"m{number}"), owner="mover", now=at(101))

    together([partial(move, number) for number in owners])

    assert_totals_are_the_inventory(each_catalog)
    assert sum(stored.media for stored in each_catalog.media.stored_totals().values()) == len(owners)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from(["staged", "stored", "expired"]), st.sampled_from([*Backend, None])
        ),
        max_size=12,
    )
)
def test_whatever_happens_to_rows_the_totals_are_the_inventory(
    sqlite_catalog: OpenCatalog, steps: list[tuple[int, str, Backend | None]]
) -> None:
    """Also when a person changes states and backends behind the pipeline's back, in any order."""
    share_id = add_share(sqlite_catalog, url="https://example.com/one")
    for number, state, backend in steps:
        sqlite_catalog.media.restore(replace(stored_media(f"m{number}", share_id)), now=at(1))
        execute(
            sqlite_catalog,
            "UPDATE media SET state = :state, placement_backend = :backend, size_bytes = size_bytes + 7 "
            "WHERE media_id = :media",
            state=state,
            backend=backend,
            media=f"m{number}",
        )
        assert_totals_are_the_inventory(sqlite_catalog)


def test_shares_are_counted_by_status(each_catalog: OpenCatalog) -> None:
    """Every share counts once, under whatever text its row has. A status that no share has is left out."""
    assert each_catalog.shares.count_by_status() == {}
    shares = [add_share(each_catalog) for _ in range(6)]
    begin(each_catalog, shares[0], "m0", "run")
    finish(each_catalog, shares[0], "run")
    begin(each_catalog, shares[1], "m1", "run")
    fail(each_catalog, shares[1], "run")
    claim(each_catalog, shares[2], "m2", "tick")
    execute(each_catalog, "UPDATE shares SET status = 'ARCHIVED' WHERE id = :id", id=shares[3])
    execute(each_catalog, "UPDATE shares SET status = 'zzz' WHERE id = :id", id=shares[4])

    assert each_catalog.shares.count_by_status() == {
        "done": 1,
        "error": 1,
        "processing": 1,
        "ARCHIVED": 1,
        "zzz": 1,
        "pending": 1,
    }


def test_shares_are_counted_by_their_last_outcome(each_catalog: OpenCatalog) -> None:
    """A share that was never tried has none. One that failed after it was done counts as failed."""
    assert each_catalog.shares.count_by_outcome() == {}
    shares = [add_share(each_catalog) for _ in range(7)]
    for number, outcome in enumerate((Outcome.DONE, Outcome.DONE, Outcome.NO_SPEECH)):
        begin(each_catalog, shares[number], f"m{number}", "run")
        finish(each_catalog, shares[number], "run", outcome=outcome)
    begin(each_catalog, shares[1], "m1", "again", 100)
    fail(each_catalog, shares[1], "again", 101)
    begin(each_catalog, shares[3], "m3", "run")
    fail(each_catalog, shares[3], "run", retry_in=60)
    claim(each_catalog, shares[4], "m4", "tick")
    begin(each_catalog, shares[5], "m5", "run")

    assert each_catalog.shares.count_by_outcome() == {"done": 1, "no_speech": 1, "gone": 1, "unreachable": 1}


def test_only_live_leases_are_counted(each_catalog: OpenCatalog) -> None:
    """A lease ends at its moment, and one that is freed is gone."""
    for number in range(3):
        lease(each_catalog, f"m{number}", "run", number)
    each_catalog.leases.free("m2", owner="run")

    live = [each_catalog.leases.count_live(now=at(s)) for s in (3, LEASE_SECONDS, LEASE_SECONDS + 1)]

    assert live == [2, 1, 0]


def test_open_incidents_are_counted_by_kind(each_catalog: OpenCatalog) -> None:
    """Those that are over do not count."""
    kinds = ("budget", "run_failed", "run_failed", "disk_low")
    for number, kind in enumerate(kinds):
        each_catalog.incidents.open(Incident(f"key-{number}", kind, "summary", "next step", {}, opened_at=at(0)))
    each_catalog.incidents.close("key-3", now=at(9))

    assert each_catalog.incidents.count_open() == Counter(kinds[:3])
