"""The contract of `EventTotals`, over SQLite and PostgreSQL: each event is counted exactly once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, text

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.adapters.catalog.settling import settled_id
from bookmarkai_assets.core.errors import CatalogUnavailableError
from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.rollout.latency import bin_of
from bookmarkai_assets.core.rollout.ports import EventTotals
from bookmarkai_assets.core.rollout.tallies import Series, Tally, Totals, count_requests
from bookmarkai_assets.core.rollout.windows import GRID, Resolution, Window
from tests.support.catalog import execute, run, together
from tests.support.deadlines import HANG_SECONDS
from tests.support.storage_events import NOON, transfer, transfers

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EVER = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
AN_HOUR = Window(NOON, NOON + HOUR)
PUT_TO_S3 = Series("put", "s3", "place", "video", "")

INSERT = (
    "INSERT INTO storage_events (occurred_at, operation, backend, kind, size_bytes, seconds, purpose) "
    "VALUES ('2026-03-01T12:00:00.000000+00:00', 'put', 's3', 'video', 1, 1, 'place')"
)

GRID_MOMENTS = st.integers(-600, 600).map(lambda steps: NOON + steps * timedelta(seconds=GRID))
WINDOWS = st.tuples(GRID_MOMENTS, GRID_MOMENTS).map(lambda ends: Window(min(ends), max(ends)))

# One database serves all examples of a test, and each begins by emptying it.
few_examples = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def record(catalog: OpenCatalog, events: Sequence[StorageEvent]) -> None:
    """Record events in this order."""
    for one in events:
        catalog.events.record(one)


def empty(catalog: OpenCatalog) -> None:
    """Delete all events and their totals."""
    for table in ("storage_events", "event_totals", "cursors"):
        execute(catalog, f"DELETE FROM {table}")  # noqa: S608 - names from the line above


def roll_up_all(totals: EventTotals, *, limit: int = 10_000) -> int:
    """Roll up until nothing is left, and return how many events this caller added."""
    added = 0
    while True:
        progress = totals.roll_up(limit=limit)
        added += progress.events
        if progress.is_complete:
            return added


def counted(events: Sequence[StorageEvent], window: Window) -> dict[Series, Tally]:
    """Add up naively what happened in a window."""
    totals: dict[Series, Tally] = {}
    for one in events:
        if one.occurred_at in window:
            series = Series(one.operation, one.backend, one.purpose or "", one.kind, one.error_class or "")
            tally = totals.setdefault(series, Tally())
            tally.events += 1
            tally.requests += count_requests(one)
            if one.error_class is None:
                tally.size_bytes += one.size_bytes
                tally.seconds += one.seconds
                tally.bins[bin_of(one.seconds)] += 1
    return totals


def plain(totals: Totals) -> dict[Series, tuple[object, ...]]:
    """Return totals as comparable values, sums of seconds up to rounding."""
    return {
        series: (tally.events, tally.size_bytes, round(tally.seconds, 6), tally.requests, dict(tally.bins))
        for series, tally in totals.items()
    }


@few_examples
@given(st.lists(transfers(), max_size=25), st.lists(WINDOWS, min_size=1, max_size=4), st.integers(1, 30))
def test_totals_are_those_of_the_events(
    each_catalog: OpenCatalog, events: list[StorageEvent], windows: list[Window], limit: int
) -> None:
    """For any events in any order, any window on the grid and any batch size, totals are the naive sums."""
    empty(each_catalog)
    record(each_catalog, events)

    assert roll_up_all(each_catalog.totals, limit=limit) == len(events)

    for window in windows:
        assert plain(each_catalog.totals.totals(window)) == plain(counted(events, window))


@few_examples
@given(st.lists(st.lists(transfers(), max_size=8), max_size=4))
def test_late_events_are_added_to_their_own_time(each_catalog: OpenCatalog, waves: list[list[StorageEvent]]) -> None:
    """Events that arrive after their time was rolled up change that time's totals, as if they had arrived in time."""
    empty(each_catalog)
    for wave in waves:
        record(each_catalog, wave)
        assert roll_up_all(each_catalog.totals) == len(wave)

    assert plain(each_catalog.totals.totals(EVER)) == plain(counted([e for wave in waves for e in wave], EVER))


@few_examples
@given(st.lists(transfers(within=HOUR * 5), max_size=20), st.sampled_from([Resolution.FIVE_MINUTES, Resolution.HOUR]))
def test_steps_are_the_totals_of_each_period(
    each_catalog: OpenCatalog, events: list[StorageEvent], resolution: Resolution
) -> None:
    """A chart's steps are in order, cover the window, and leave out steps without events."""
    empty(each_catalog)
    record(each_catalog, events)
    roll_up_all(each_catalog.totals)
    window = Window(NOON - 2 * HOUR, NOON + 3 * HOUR)

    steps = each_catalog.totals.steps(window, resolution)

    starts = sorted({resolution.floor(e.occurred_at) for e in events if e.occurred_at in window})
    assert list(steps) == starts
    for start in starts:
        assert plain(steps[start]) == plain(counted(events, Window(start, start + timedelta(seconds=resolution))))


def test_windows_are_half_open(each_catalog: OpenCatalog) -> None:
    """An event on a boundary belongs to the window that begins there, down to the microsecond."""
    before = NOON - timedelta(microseconds=1)
    record(each_catalog, [transfer(at=before), transfer(at=NOON), transfer(at=NOON + HOUR)])
    roll_up_all(each_catalog.totals)

    assert [
        each_catalog.totals.totals(window)[PUT_TO_S3].events
        for window in (Window(NOON - HOUR, NOON), AN_HOUR, Window(NOON - HOUR, NOON + 2 * HOUR))
    ] == [1, 1, 3]


def test_a_window_off_the_grid_is_refused(each_catalog: OpenCatalog) -> None:
    """A window off the grid cannot be answered from totals, so it is refused."""
    with pytest.raises(ValueError, match="expected a window on the five-minute grid"):
        each_catalog.totals.totals(Window(NOON, NOON + 7 * MINUTE))
    with pytest.raises(ValueError, match="expected a window that begins and ends on boundaries of 3600 s"):
        each_catalog.totals.steps(Window(NOON, NOON + 5 * MINUTE), Resolution.HOUR)


def test_without_events_there_is_nothing(each_catalog: OpenCatalog) -> None:
    """A new catalog's roll-up is complete at once, and every answer is empty."""
    progress = each_catalog.totals.roll_up()

    assert (progress.events, progress.is_complete, progress.position) == (0, True, 0)
    assert each_catalog.totals.totals(EVER) == {}
    assert each_catalog.totals.steps(AN_HOUR, Resolution.FIVE_MINUTES) == {}
    assert each_catalog.totals.first_event_at() is None
    assert each_catalog.totals.events_from(NOON) == 0


def test_a_full_batch_may_not_be_the_last(each_catalog: OpenCatalog) -> None:
    """A roll-up is complete once it has found fewer events than its limit."""
    record(each_catalog, [transfer()] * 4)

    progress = [each_catalog.totals.roll_up(limit=2) for _ in range(3)]

    assert [(p.events, p.is_complete) for p in progress] == [(2, False), (2, False), (0, True)]
    assert progress[0].position < progress[1].position == progress[2].position


def test_events_of_many_different_times_are_added_in_small_batches(sqlite_catalog: OpenCatalog) -> None:
    """Each day has its own rows, and few are written at once, because others wait for a SQLite catalog's one lock."""
    execute(
        sqlite_catalog,
        "WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 1999) "
        "INSERT INTO storage_events (occurred_at, operation, backend, kind, size_bytes, seconds, purpose) "
        "SELECT strftime('%Y-%m-%dT%H:%M:%f', '2026-03-01', i || ' days') || '000+00:00', 'put', 's3', 'video', 1, 1, "
        "'place' FROM n",
    )

    first = sqlite_catalog.totals.roll_up()

    assert (first.events, first.is_complete) == (1000, False)
    assert roll_up_all(sqlite_catalog.totals) == 1000
    assert sqlite_catalog.totals.totals(EVER)[PUT_TO_S3].events == 2000


def event_ids(catalog: OpenCatalog) -> list[int]:
    """Return the ids of the events that are there."""
    with catalog.database.engine.connect() as connection:
        return list(connection.execute(text("SELECT id FROM storage_events ORDER BY id")).scalars())


def test_removed_events_stay_in_the_totals(each_catalog: OpenCatalog) -> None:
    """What was added up and happened long ago can go, and no total changes, then or with the next event."""
    events = [transfer(at=NOON + hours * HOUR) for hours in range(6)]
    record(each_catalog, events)
    roll_up_all(each_catalog.totals)

    assert each_catalog.totals.remove_counted(before=NOON + 3 * HOUR) == 3

    assert len(event_ids(each_catalog)) == 3
    assert plain(each_catalog.totals.totals(EVER)) == plain(counted(events, EVER))
    record(each_catalog, events[:1])
    assert roll_up_all(each_catalog.totals) == 1
    assert plain(each_catalog.totals.totals(EVER)) == plain(counted([*events, events[0]], EVER))


def test_events_that_are_not_added_up_stay(each_catalog: OpenCatalog) -> None:
    """However old it is, an event is not removed before it is in the totals."""
    events = [transfer(at=NOON) for _ in range(4)]
    record(each_catalog, events)
    assert each_catalog.totals.remove_counted(before=NOON + DAY) == 0
    each_catalog.totals.roll_up(limit=2)
    assert each_catalog.totals.remove_counted(before=NOON + DAY) == 2
    assert roll_up_all(each_catalog.totals) == 2
    assert plain(each_catalog.totals.totals(EVER)) == plain(counted(events, EVER))


def test_the_newest_event_stays(each_catalog: OpenCatalog) -> None:
    """A database that gives the id of a removed row again would hide the next event from all who read on by id."""
    record(each_catalog, [transfer(at=NOON) for _ in range(2)])
    roll_up_all(each_catalog.totals)
    last = event_ids(each_catalog)[-1]
    assert each_catalog.totals.remove_counted(before=NOON + DAY) == 1
    assert event_ids(each_catalog) == [last]
    record(each_catalog, [transfer(at=NOON)])
    assert roll_up_all(each_catalog.totals) == 1


def test_events_are_removed_a_few_at_a_time(each_catalog: OpenCatalog) -> None:
    """A call removes no more than its limit, the oldest first."""
    record(each_catalog, [transfer(at=NOON) for _ in range(5)])
    roll_up_all(each_catalog.totals)
    before = event_ids(each_catalog)
    assert each_catalog.totals.remove_counted(before=NOON + DAY, limit=2) == 2
    assert event_ids(each_catalog) == before[2:]


def test_events_of_fast_clocks_are_counted_separately(each_catalog: OpenCatalog) -> None:
    """Events dated now or later are counted separately, and the first five minutes with events are known."""
    record(each_catalog, [transfer(at=NOON + minutes * MINUTE) for minutes in (-61, -1, 4, 5, 9, 6000)])
    roll_up_all(each_catalog.totals)

    assert each_catalog.totals.first_event_at() == NOON - 65 * MINUTE
    assert each_catalog.totals.events_from(NOON + 7 * MINUTE) == 3
    assert each_catalog.totals.events_from(NOON + 10 * MINUTE) == 1
    assert each_catalog.totals.totals(AN_HOUR)[PUT_TO_S3].events == 3


def test_rows_from_before_purposes_were_recorded_count(each_catalog: OpenCatalog) -> None:
    """An event without a purpose is in the series whose purpose is empty."""
    record(each_catalog, [transfer(purpose=None)])
    roll_up_all(each_catalog.totals)

    assert list(each_catalog.totals.totals(AN_HOUR)) == [Series("put", "s3", "", "video", "")]


def test_concurrent_roll_ups_count_each_event_once(each_catalog_url: str) -> None:
    """Processes that roll up and record at the same time lose nothing and count nothing twice."""
    moments = [NOON + n * MINUTE for n in range(40)]

    def roll_up() -> int:
        with open_catalog(each_catalog_url) as catalog:
            return sum(catalog.totals.roll_up(limit=3).events for _ in range(25))

    def record_some(some: Sequence[datetime]) -> int:
        with open_catalog(each_catalog_url) as catalog:
            record(catalog, [transfer(at=moment) for moment in some])
        return 0

    tasks: list[Callable[[], int]] = [roll_up] * 3
    tasks += [partial(record_some, moments[:20]), partial(record_some, moments[20:])]
    with open_catalog(each_catalog_url) as catalog:
        record(catalog, [transfer()] * 20)
        added = sum(together(tasks)) + roll_up_all(catalog.totals)

        assert added == 60
        assert catalog.totals.totals(AN_HOUR)[PUT_TO_S3].events == 60


@contextmanager
def before_statement(catalog: OpenCatalog, start: str, act: Callable[[], object]) -> Iterator[None]:
    """Call a function once, before this catalog's first statement that begins so."""
    pending = [act]

    def act_once(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        if statement.startswith(start) and pending:
            pending.pop()()

    event.listen(catalog.database.engine, "before_cursor_execute", act_once)
    try:
        yield
    finally:
        event.remove(catalog.database.engine, "before_cursor_execute", act_once)
    assert not pending


class DiedError(Exception):
    """The exception with which a test stops a roll-up."""


def die() -> None:
    """Stop here."""
    raise DiedError


def test_a_roll_up_that_dies_has_added_nothing(each_catalog: OpenCatalog) -> None:
    """Between moving the position and writing the totals, and after both, either everything is kept or nothing."""
    record(each_catalog, [transfer()] * 3)
    for statement in ("INSERT INTO cursors", "INSERT INTO event_totals"):
        with before_statement(each_catalog, statement, die), pytest.raises(DiedError):
            each_catalog.totals.roll_up()
        assert each_catalog.totals.totals(EVER) == {}

    assert roll_up_all(each_catalog.totals) == 3
    assert each_catalog.totals.totals(EVER)[PUT_TO_S3].events == 3


def test_an_overtaken_roll_up_adds_nothing(each_catalog: OpenCatalog, each_catalog_url: str) -> None:
    """A roll-up that another has overtaken adds nothing and is not complete, and the next one goes on."""
    record(each_catalog, [transfer()] * 3)
    with (
        open_catalog(each_catalog_url) as other,
        before_statement(each_catalog, "SELECT storage_events.id,", lambda: other.totals.roll_up(limit=2)),
    ):
        overtaken = each_catalog.totals.roll_up()

    assert (overtaken.events, overtaken.is_complete) == (0, False)
    assert roll_up_all(each_catalog.totals) == 1
    assert each_catalog.totals.totals(EVER)[PUT_TO_S3].events == 3


def test_recording_does_not_wait_for_a_roll_up(each_catalog: OpenCatalog, each_catalog_url: str) -> None:
    """Another process records events while a roll-up reads, because only writing totals needs a lock."""
    record(each_catalog, [transfer()])
    with (
        open_catalog(each_catalog_url) as other,
        before_statement(each_catalog, "SELECT storage_events.id,", lambda: other.events.record(transfer())),
    ):
        progress = each_catalog.totals.roll_up()

    assert progress.events == 1
    assert roll_up_all(each_catalog.totals) == 1


@contextmanager
def uncommitted_insert(url: str) -> Iterator[Connection]:
    """Open a connection of its own that has inserted an event and not committed it."""
    with open_catalog(url) as catalog, catalog.database.engine.connect() as connection:
        run(connection, INSERT)
        yield connection


@pytest.mark.parametrize("is_kept", [True, False])
def test_an_uncommitted_insert_is_not_skipped(postgres_url: str, *, is_kept: bool) -> None:
    """An event whose id was drawn first and that is committed last is counted once.

    One that is rolled back blocks nothing. Meanwhile others record without waiting.
    """
    with (
        open_catalog(postgres_url) as catalog,
        uncommitted_insert(postgres_url) as slow,
        ThreadPoolExecutor(1) as pool,
    ):
        catalog.events.record(transfer())
        rolling = pool.submit(catalog.totals.roll_up)
        with pytest.raises(TimeoutError):
            rolling.result(timeout=0.3)
        catalog.events.record(transfer())
        assert catalog.totals.totals(EVER) == {}

        slow.commit() if is_kept else slow.rollback()

        assert rolling.result(timeout=HANG_SECONDS).events == 1 + is_kept
        assert roll_up_all(catalog.totals) == 1
        assert catalog.totals.totals(EVER)[PUT_TO_S3].events == 2 + is_kept


def test_reading_from_a_position_misses_no_uncommitted_insert(postgres_url: str) -> None:
    """`EventLog.after` also returns every event exactly once."""
    with (
        open_catalog(postgres_url) as catalog,
        uncommitted_insert(postgres_url) as slow,
        ThreadPoolExecutor(1) as pool,
    ):
        catalog.events.record(transfer(size_bytes=2))
        reading = pool.submit(catalog.events.after, 0, limit=9)
        with pytest.raises(TimeoutError):
            reading.result(timeout=0.3)

        slow.commit()

        events, position = reading.result(timeout=HANG_SECONDS)
        assert [e.size_bytes for e in events] == [1, 2]
        assert catalog.events.after(position, limit=9) == ([], position)


def test_an_insert_that_began_later_is_not_waited_for(postgres_url: str) -> None:
    """An insert whose id is beyond what the roll-up reads is not waited for."""
    with open_catalog(postgres_url) as catalog:
        catalog.events.record(transfer())
        with uncommitted_insert(postgres_url) as first:
            catalog.events.record(transfer())
            with ThreadPoolExecutor(1) as pool:
                rolling = pool.submit(catalog.totals.roll_up)
                with pytest.raises(TimeoutError):
                    rolling.result(timeout=0.3)
                with uncommitted_insert(postgres_url):
                    first.commit()
                    assert rolling.result(timeout=HANG_SECONDS).events == 3


def test_an_insert_that_never_ends_is_named(postgres_url: str) -> None:
    """After a while the roll-up gives up, names the server process it waited for, and has changed nothing."""
    with open_catalog(postgres_url) as catalog, uncommitted_insert(postgres_url) as stuck:
        catalog.events.record(transfer())
        pid = stuck.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()

        with pytest.raises(CatalogUnavailableError, match=f"open in the server processes {pid}; look them up"):
            settled_id(catalog.database, patience_seconds=0.05)
