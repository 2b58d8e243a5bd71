"""The rollout's figures from a real catalog: which events are in which window, and what a month has cost by then."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.media.placement import Backend, StorageMode, StoragePolicy
from bookmarkai_assets.core.media.ports import StoredMedia
from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.rollout.costs import GB, MonthCost
from bookmarkai_assets.core.rollout.ports import RecordedVerification
from bookmarkai_assets.core.rollout.stages import Action, Decision, Stage
from bookmarkai_assets.core.rollout.windows import WINDOWS, Window, day_of, month_of, window_ending
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.deciding import set_stage
from bookmarkai_assets.operations.rollout.measuring import (
    catch_up,
    measure_day,
    read_gate_figures,
    read_metrics,
    read_month_cost,
)
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.plugins.vault import Vault
from tests.support.plain_count import assert_counted
from tests.support.storage_events import ERRORS, NOON, transfer

A_MOMENT = timedelta(microseconds=1)
FIVE_MINUTES, HOUR, DAY = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
TODAY = day_of(NOON)


@pytest.fixture
def rules() -> PipelineRules:
    """Return the default settings, in hybrid at 5%."""
    return replace(make_rules(load_settings(env_file=None)), storage=StoragePolicy(StorageMode.HYBRID, 5))


def record(catalog: OpenCatalog, events: Iterable[StorageEvent]) -> None:
    """Record events and add them up."""
    for event in events:
        catalog.events.record(event)
    catch_up(catalog)


def read(at: datetime, *, size_bytes: int = 1000, seconds: float = 1.0, error: str | None = None) -> StorageEvent:
    """Return a worker's read from S3."""
    return transfer(at, "get", purpose="transcribe", kind="audio", size_bytes=size_bytes, seconds=seconds, error=error)


def decide(catalog: OpenCatalog, action: Action, stage: Stage | None, at: datetime, **fields: bool) -> Decision:
    """Append a decision to the rollout's history."""
    newest = next(iter(catalog.rollout.history(limit=1)), None)
    decision = Decision(
        action=action,
        stage=stage,
        is_rolled_back=fields.get("is_rolled_back", False),
        decided_at=at,
        decided_by="operator",
        actor="a test",
        reason="to see",
        previous_id=newest.decision_id if newest else None,
    )
    return catalog.rollout.append(decision)


def any_transfers(seed: int, count: int) -> list[StorageEvent]:
    """Generate transfers of the nine days before noon, some of them on the boundaries of the grid."""
    chance = random.Random(seed)  # noqa: S311 - made-up transfers, no secrets
    return [
        transfer(
            NOON - FIVE_MINUTES * chance.randrange(9 * 288) + A_MOMENT * chance.choice([0, 0, 1, 123_456_789]),
            chance.choice(["put", "put", "get", "fetch"]),
            chance.choice(["s3", "s3", "local"]),
            chance.choice([None, "place", "place", "shadow", "move", "transcribe"]),
            kind=chance.choice(["video", "audio"]),
            size_bytes=chance.randrange(1 << 28),
            seconds=chance.expovariate(0.2),
            error=chance.choice([None, None, None, *ERRORS]),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_window_has_the_events_that_began_in_it(each_catalog: OpenCatalog, seed: int) -> None:
    """Figures from the catalog are those of a naive count, even when half of the events come late and out of order."""
    events = any_transfers(seed, 240)
    record(each_catalog, events[:120])
    record(each_catalog, events[120:])
    for end in (NOON, NOON - timedelta(minutes=35), NOON - 3 * DAY - 12 * HOUR):
        for length in WINDOWS.values():
            window = window_ending(end, length)
            assert_counted(read_metrics(each_catalog, window), events, window)


def test_catching_up_counts_each_event_once(sqlite_catalog: OpenCatalog) -> None:
    """Catching up adds what is new, returns how much that was, and adds nothing the second time."""
    for event in any_transfers(3, 20):
        sqlite_catalog.events.record(event)
    before = read_metrics(sqlite_catalog, Window(NOON - 10 * DAY, NOON + DAY))
    assert (catch_up(sqlite_catalog), before.total_requests) == (20, 0)
    once = read_metrics(sqlite_catalog, Window(NOON - 10 * DAY, NOON + DAY))
    assert catch_up(sqlite_catalog) == 0
    assert read_metrics(sqlite_catalog, Window(NOON - 10 * DAY, NOON + DAY)) == once


# --- A day's partition -----------------------------------------------------------------------------------------------


def test_todays_windows_end_with_the_last_whole_five_minutes(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """At 12:03 the windows end at 12:00, and what began at noon is in the next five minutes' figures."""
    record(sqlite_catalog, [transfer(NOON - A_MOMENT), transfer(NOON), transfer(NOON + timedelta(minutes=2))])
    day = measure_day(sqlite_catalog, rules, TODAY, now=NOON + timedelta(minutes=3))
    assert {name: metrics.window for name, metrics in day.windows.items()} == {
        name: Window(NOON - length, NOON) for name, length in WINDOWS.items()
    }
    assert [metrics.s3_uploads for metrics in day.windows.values()] == [1, 1, 1, 1]


def test_a_past_days_windows_end_with_it(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """A past day has what began before its midnight, whenever it is measured, and nothing of the next day."""
    events = [transfer(TODAY.end - A_MOMENT), transfer(TODAY.end - 2 * HOUR), transfer(TODAY.end)]
    record(sqlite_catalog, events)
    for now in (TODAY.end, TODAY.end + timedelta(minutes=7), TODAY.end + 40 * DAY):
        day = measure_day(sqlite_catalog, rules, TODAY, now=now)
        assert {metrics.window.end for metrics in day.windows.values()} == {TODAY.end}
        assert [day.windows[name].s3_uploads for name in ("5m", "1h", "24h", "7d")] == [1, 1, 2, 2]


def test_a_late_event_changes_a_past_day(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """An event that is recorded days later belongs to the day in which it began."""
    record(sqlite_catalog, [transfer(NOON)])
    record(sqlite_catalog, [transfer(NOON + 3 * DAY), transfer(NOON + HOUR)])
    assert measure_day(sqlite_catalog, rules, TODAY, now=NOON + 4 * DAY).windows["24h"].s3_uploads == 2


def test_events_from_the_future_are_counted_separately(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """What a fast clock recorded is reported, and is in no window and no step until its time has come.

    Events of the present five minutes are not from the future.
    """
    now = NOON + timedelta(minutes=3)
    ahead = [transfer(NOON + timedelta(minutes=minutes)) for minutes in (5, 30, 600)]
    record(sqlite_catalog, [transfer(NOON - HOUR), transfer(NOON + timedelta(minutes=1)), *ahead])
    day = measure_day(sqlite_catalog, rules, TODAY, now=now)
    assert day.future_events == 3
    assert [day.windows[name].s3_uploads for name in ("5m", "1h", "24h")] == [0, 1, 1]
    assert sum(step.s3_uploads for step in day.steps) == 1
    later = measure_day(sqlite_catalog, rules, TODAY, now=NOON + HOUR)
    assert (later.future_events, later.windows["24h"].s3_uploads) == (1, 4)


def test_a_day_that_has_not_begun_has_no_figures(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """Tomorrow's partition is refused, and today's is not, from its first moment on."""
    with pytest.raises(ValueError, match="a day that has begun"):
        measure_day(sqlite_catalog, rules, day_of(NOON + DAY), now=NOON)
    first = measure_day(sqlite_catalog, rules, TODAY, now=TODAY.start)
    assert first.windows["24h"] == read_metrics(sqlite_catalog, day_of(NOON - DAY))


@pytest.mark.parametrize("minutes", [0, 35])
def test_the_chart_shows_the_last_day_by_the_hour(
    sqlite_catalog: OpenCatalog, rules: PipelineRules, minutes: int
) -> None:
    """The steps are 24 hours that follow one another, and the beginning of the current hour."""
    events = [replace(e, occurred_at=NOON - (NOON - e.occurred_at) / 6) for e in any_transfers(4, 60)]
    record(sqlite_catalog, events)
    end = NOON - DAY / 4 + timedelta(minutes=minutes)
    steps = measure_day(sqlite_catalog, rules, TODAY, now=end).steps
    assert len(steps) == (24 if minutes == 0 else 25)
    assert steps[0].window.start == NOON - DAY / 4 - DAY
    assert steps[-1].window.end == end
    for step, following in pairwise(steps):
        assert step.window.end == following.window.start
    for step in steps:
        assert_counted(step, events, step.window)


def test_the_target_follows_the_decisions(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """The targets are those of the settings and then of each decision, from its own moment on.

    A past day's is that of its end: the last decision by then, or the settings. Today's is what the next placement
    follows: the newest decision, even when its maker's clock is fast.
    """
    decide(sqlite_catalog, Action.PROMOTE, Stage(10), NOON - 10 * HOUR)
    decide(sqlite_catalog, Action.ADVISE, Stage(10), NOON - 8 * HOUR)
    decide(sqlite_catalog, Action.PROMOTE, Stage(25), NOON - 5 * HOUR)
    decide(sqlite_catalog, Action.ROLLBACK, Stage(25), NOON - HOUR, is_rolled_back=True)
    day = measure_day(sqlite_catalog, rules, TODAY, now=NOON)
    assert [(target.since, target.percentage) for target in day.targets] == [
        (NOON - DAY, 5),
        (NOON - 10 * HOUR, 10),
        (NOON - 5 * HOUR, 25),
        (NOON - HOUR, 0),
    ]
    assert (day.target_percentage, day.policy.mode) == (0, StorageMode.LOCAL)
    resumed = decide(sqlite_catalog, Action.RESUME, Stage(25), NOON + DAY)
    decide(sqlite_catalog, Action.ADVISE, Stage(25), NOON + DAY + HOUR)
    assert measure_day(sqlite_catalog, rules, TODAY, now=NOON).target_percentage == 25
    assert measure_day(sqlite_catalog, rules, TODAY, now=NOON + 2 * DAY).target_percentage == 0
    tomorrow = measure_day(sqlite_catalog, rules, day_of(NOON + DAY), now=NOON + 2 * DAY)
    assert (tomorrow.target_percentage, tomorrow.policy.decision_id) == (25, resumed.decision_id)
    assert measure_day(sqlite_catalog, rules, day_of(NOON - DAY), now=NOON).target_percentage == 5


def test_decisions_of_the_present_minutes_are_targets(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """Three stages within a few minutes are three targets, though no window has those minutes yet."""
    for minutes, percentage in ((1, 10), (2, 50), (3, 100)):
        decide(sqlite_catalog, Action.SET, Stage(percentage), NOON + timedelta(minutes=minutes))
    targets = measure_day(sqlite_catalog, rules, TODAY, now=NOON + 4 * timedelta(minutes=1)).targets
    assert [target.percentage for target in targets] == [5, 10, 50, 100]


def test_a_target_counts_by_the_settings_of_its_time(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """After a change of STORAGE_MODE the earlier targets stay what they were; the present settings count since then."""
    for hours, percentage in ((9, 10), (6, 25)):
        set_stage(sqlite_catalog, rules, Stage(percentage), now=NOON - hours * HOUR, actor="olga", reason="a test")
    local = replace(rules, storage=StoragePolicy(StorageMode.LOCAL, 5))
    set_stage(sqlite_catalog, local, Stage(50), now=NOON - HOUR, actor="olga", reason="a test")
    targets = measure_day(sqlite_catalog, local, TODAY, now=NOON).targets
    assert [target.percentage for target in targets] == [0, 10, 25, 0]


def test_only_today_has_an_inventory(vault: Vault) -> None:
    """What is stored now belongs to today, and what was stored on a past day is unknown."""
    [local, remote] = [vault.store("one", Backend.LOCAL), vault.store("other", Backend.S3)]
    catch_up(vault.catalog)
    now = vault.clock()
    today = measure_day(vault.catalog, vault.rules, day_of(now), now=now)
    assert today.inventory == {
        **dict.fromkeys(Backend, StoredMedia(0, 0)),
        Backend.LOCAL: StoredMedia(1, replace(local, transcript_files={}).size_bytes),
        Backend.S3: StoredMedia(1, replace(remote, transcript_files={}).size_bytes),
    }
    assert measure_day(vault.catalog, vault.rules, day_of(now - DAY), now=now).inventory is None


def test_a_runs_own_transfers_are_its_figures(vault: Vault) -> None:
    """Two videos placed by real runs, one on each side and both transcribed, are half in S3, with one download.

    The transcript's files are uploads too, but do not count for the latency.
    """
    vault.store("one", Backend.LOCAL)
    stored = vault.store("other", Backend.S3)
    catch_up(vault.catalog)
    metrics = read_metrics(vault.catalog, window_ending(vault.clock() + FIVE_MINUTES, HOUR))
    assert (metrics.s3_upload_rate, metrics.local_storage, metrics.s3_storage) == (50.0, 1, 1)
    assert (metrics.s3_uploads, metrics.success_rate, metrics.download.count) == (6, 100.0, 1)
    assert metrics.upload.count == 2
    figures = read_gate_figures(vault.catalog, vault.rules, now=vault.clock() + FIVE_MINUTES)
    assert (figures.uploads, figures.upload_failures, figures.downloads) == (2, 0, 1)
    assert metrics.bytes_put[Backend.S3] == stored.size_bytes


# --- A month's cost --------------------------------------------------------------------------------------------------


def at_noon(first: datetime, days: int) -> list[StorageEvent]:
    """Put a gigabyte to S3 at noon of so many days, which is the middle of an even spread over the day."""
    return [transfer(day_of(first + n * DAY).start + DAY / 2, size_bytes=GB) for n in range(days)]


def stored_gb_seconds(events: list[StorageEvent], month: Window, until: datetime, days: int | None) -> float:
    """Add up how long each event's gigabyte was stored in the month, one by one."""
    total = timedelta(0)
    for event in events:
        end = until if days is None else min(until, day_of(event.occurred_at).end + days * DAY)
        total += max(end - max(event.occurred_at, month.start), timedelta(0))
    return total.total_seconds()


@pytest.mark.parametrize("days", [None, 1, 7, 31, 40, 400])
def test_storage_is_charged_from_put_to_expiry(
    sqlite_catalog: OpenCatalog, rules: PipelineRules, days: int | None
) -> None:
    """What was put this month or before it is charged for while it is there, however long the rule keeps it."""
    rules = replace(rules, retention=replace(rules.retention, s3_days=days))
    events = at_noon(datetime(2026, 1, 5, tzinfo=UTC), 85)
    record(sqlite_catalog, events)
    march = month_of(NOON)
    for until in (march.start + DAY, march.start + 17 * DAY, march.end - DAY):
        expected = stored_gb_seconds([e for e in events if e.occurred_at < until], march, until, days)
        cost = read_month_cost(sqlite_catalog, rules, now=until)
        assert cost.to_date.storage == pytest.approx(expected / march.length.total_seconds() * 0.023)


def test_objects_outside_the_rules_prefix_never_expire(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """The lifecycle rule covers temp/ alone, so what is put elsewhere is charged for from then on."""
    record(sqlite_catalog, at_noon(datetime(2026, 1, 5, tzinfo=UTC), 10))
    assert read_month_cost(sqlite_catalog, rules, now=NOON).to_date.storage == 0
    kept = replace(rules, video_prefix="videos/")
    assert read_month_cost(sqlite_catalog, kept, now=NOON).to_date.storage == pytest.approx(10 * 0.023 * 0.5 / 31)


def test_a_month_is_charged_for_its_own_requests(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """Requests and transfer count from the month's first moment, and a failed transfer was a request too."""
    march = month_of(NOON)
    in_february = [transfer(march.start - A_MOMENT), read(march.start - A_MOMENT, size_bytes=GB)]
    in_march = [transfer(march.start), transfer(NOON, error="timeout"), read(NOON - HOUR, size_bytes=GB)]
    record(sqlite_catalog, [*in_february, *in_march])
    cost = read_month_cost(sqlite_catalog, rules, now=NOON + FIVE_MINUTES).to_date
    assert cost.requests == pytest.approx((2 * 0.005 + 64 * 0.0004) / 1000)
    assert cost.transfer == pytest.approx(0.09)


def test_the_projection_continues_the_last_week(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """With a gigabyte a day for weeks, the projection from the tenth on is what the month costs in the end."""
    record(sqlite_catalog, at_noon(datetime(2026, 2, 1, tzinfo=UTC), 37))
    march = month_of(NOON)
    projected = read_month_cost(sqlite_catalog, rules, now=march.start + 9 * DAY).projected
    record(sqlite_catalog, at_noon(march.start + 9 * DAY, 22))
    final = measure_day(sqlite_catalog, rules, day_of(march.end - HOUR), now=march.end + 3 * DAY).month_cost.to_date
    assert projected.storage == pytest.approx(final.storage)
    assert projected.requests == pytest.approx(final.requests)


def test_a_first_day_is_projected_from_its_own_hours(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """While there is less than a week of events, the pace is that since the first one."""
    record(sqlite_catalog, [transfer(NOON - HOUR), transfer(NOON - timedelta(minutes=30))])
    cost = read_month_cost(sqlite_catalog, rules, now=NOON)
    hours_left = (month_of(NOON).end - NOON) / HOUR
    assert cost.projected.requests == pytest.approx((2 + 2 * hours_left) * 0.005 / 1000)


def test_a_past_month_is_what_it_cost(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """The last day of a month shows that month's cost, with nothing left to project, and the next begins at zero."""
    record(sqlite_catalog, [transfer(NOON + n * DAY) for n in range(40)])
    march = month_of(NOON)
    last = measure_day(sqlite_catalog, rules, day_of(march.end - HOUR), now=march.end + HOUR).month_cost
    assert last.projected == last.to_date
    assert last.to_date.requests == pytest.approx(31 * 0.005 / 1000)
    april = read_month_cost(sqlite_catalog, rules, now=march.end)
    assert april.to_date.total == 0
    assert april.projected.requests == pytest.approx(30 * 0.005 / 1000)


def test_without_transfers_nothing_costs(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """A catalog without events costs zero, and so does one whose only event is from the future."""
    empty: MonthCost = read_month_cost(sqlite_catalog, rules, now=NOON)
    assert (empty.to_date.total, empty.projected.total) == (0, 0)
    record(sqlite_catalog, [transfer(NOON + HOUR, size_bytes=GB)])
    assert read_month_cost(sqlite_catalog, rules, now=NOON) == empty


# --- The gate's figures ----------------------------------------------------------------------------------------------


def test_the_gate_judges_the_present_stage(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """The gate gets the transfers since the stage began, and at most those of the last 24 hours."""
    record(
        sqlite_catalog,
        [
            transfer(NOON - 2 * HOUR, error="access_denied"),
            transfer(NOON - HOUR, seconds=4),
            transfer(NOON - HOUR, seconds=6),
            transfer(NOON - HOUR, error="timeout"),
            read(NOON - HOUR, seconds=3),
        ],
    )
    before = read_gate_figures(sqlite_catalog, rules, now=NOON)
    assert (before.window, before.uploads, before.access_denied) == (Window(NOON - DAY, NOON), 4, 1)
    decide(sqlite_catalog, Action.PROMOTE, Stage(10), NOON - HOUR)
    figures = read_gate_figures(sqlite_catalog, rules, now=NOON)
    assert figures.window == Window(NOON - HOUR, NOON)
    assert (figures.uploads, figures.upload_failures, figures.access_denied) == (3, 1, 0)
    assert figures.mean_upload_seconds == pytest.approx(5)
    assert figures.downloads == 1
    assert figures.download_p95_seconds == pytest.approx(3, rel=0.01)
    assert figures.projected_month_usd == read_month_cost(sqlite_catalog, rules, now=NOON).projected.total


def test_losses_count_since_the_verification(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """A read that found nothing before the last verification is covered by that, and one after it is a loss."""
    record(sqlite_catalog, [read(NOON - 3 * HOUR, error="not_found"), read(NOON - HOUR, error="checksum")])
    assert read_gate_figures(sqlite_catalog, rules, now=NOON).losses_since_verification == 2
    verification = RecordedVerification(
        NOON - 2 * HOUR, is_deep=False, is_good=True, missing=0, different=0, unverified=0, counts={"good": 5}
    )
    sqlite_catalog.rollout.record_verification(verification)
    figures = read_gate_figures(sqlite_catalog, rules, now=NOON)
    assert (figures.losses_since_verification, figures.verification) == (1, verification)


def test_before_any_transfer_there_is_no_projection(sqlite_catalog: OpenCatalog, rules: PipelineRules) -> None:
    """Nothing measured is not a cost of zero: the gate gets no projection yet."""
    assert read_gate_figures(sqlite_catalog, rules, now=NOON).projected_month_usd is None
    record(sqlite_catalog, [transfer(NOON)])
    assert read_gate_figures(sqlite_catalog, rules, now=NOON).projected_month_usd is None
    assert read_gate_figures(sqlite_catalog, rules, now=NOON + FIVE_MINUTES).projected_month_usd is not None
