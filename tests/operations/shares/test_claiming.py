"""Handing shares to runs: due shares are claimed once, malformed rows stop nobody, dead claims come back."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, text

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.media import media_id_of
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.shares.ports import Begun, Refused
from bookmarkai_assets.operations.shares.claiming import (
    ClaimedRun,
    claim_due_shares,
    keep_queued_claims,
    watch_for_due_shares,
)
from bookmarkai_assets.operations.shares.intake import add_shares
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules

USER = "11111111-1111-4111-8111-111111111111"
T0 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def rules() -> PipelineRules:
    """Return the default rules with batches of three, two per tick."""
    return replace(make_rules(load_settings(env_file=None)), batch_size=3, batches_per_tick=2)


def add(catalog: Catalog, *names: str, at: datetime = T0) -> list[str]:
    """Share `https://example.com/{name}` for each name, and return the ids."""
    urls = [f"https://example.com/{name}" for name in names]
    added = add_shares(catalog.shares, urls, user_id=USER, allowed_hosts=frozenset(), now=at)
    return [result.share.share_id for result in added if hasattr(result, "share")]


def claim(
    catalog: Catalog, rules: PipelineRules, claim_id: str, *, now: datetime, partitions: Mapping[str, int] | None = None
) -> list[list[str]]:
    """Do what one tick does."""
    return [run.share_ids for run in claimed_runs(catalog, rules, claim_id, now=now, partitions=partitions)]


def claimed_runs(
    catalog: Catalog, rules: PipelineRules, claim_id: str, *, now: datetime, partitions: Mapping[str, int] | None = None
) -> list[ClaimedRun]:
    """Do what one tick does, with claims named `claim_id`, `claim_id` + b, and so on."""
    claim_ids = (f"{claim_id}{suffix}" for suffix in ("", *"bcdefghij"))
    return claim_due_shares(
        catalog, rules, new_claim_id=lambda: next(claim_ids), now=now, positions=lambda _share_ids: partitions or {}
    )


def seconds(count: float) -> timedelta:
    """Return a duration."""
    return timedelta(seconds=count)


def test_a_lone_share_gets_a_run_of_its_own(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """One due share makes one run with nothing else in it."""
    [share] = add(sqlite_catalog, "a")
    assert claim(sqlite_catalog, rules, "c1", now=T0) == [[share]]


def test_a_backlog_goes_out_in_batches_up_to_the_limit_of_a_tick(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """A tick claims at most batches times size, and the next tick takes the rest."""
    for n in range(8):
        add(sqlite_catalog, str(n), at=T0 + seconds(n))
    first = claim(sqlite_catalog, rules, "c1", now=T0 + seconds(10))
    second = claim(sqlite_catalog, rules, "c2", now=T0 + seconds(10))
    assert [len(run) for run in first] == [3, 3]
    assert [len(run) for run in second] == [2]
    assert len({share for run in first + second for share in run}) == 8


def test_a_second_tick_finds_nothing_that_the_first_has_claimed(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """A duplicate tick doubles nothing."""
    add(sqlite_catalog, "a", "b")
    assert claim(sqlite_catalog, rules, "c1", now=T0)
    assert claim(sqlite_catalog, rules, "c2", now=T0 + seconds(1)) == []


def test_an_unused_claim_is_due_again_when_its_lease_ends(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """A crash between claiming and launching loses nothing, and the late run, if it comes after all, is refused."""
    [share] = add(sqlite_catalog, "a")
    claim(sqlite_catalog, rules, "c1", now=T0)
    later = T0 + seconds(rules.lease_seconds + 1)
    assert claim(sqlite_catalog, rules, "c2", now=later) == [[share]]
    media_id, until = media_id_of("https://example.com/a"), later + seconds(60)
    work = sqlite_catalog.work
    late = work.begin(share, media_id, owner="late-run", claim_id="c1", now=later, until=until)
    assert isinstance(late, Refused)
    begun = work.begin(share, media_id, owner="run", claim_id="c2", now=later, until=until)
    assert begun == Begun(attempts=1)


def test_a_claim_whose_run_is_queued_is_kept(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """However long the queue, a claim lives while its run is queued, and expires once the run is gone."""
    [share] = add(sqlite_catalog, "a")
    claim(sqlite_catalog, rules, "c1", now=T0)
    now = T0
    for _ in range(5):
        now += seconds(rules.lease_seconds * 0.8)
        keep_queued_claims(sqlite_catalog.work, now=now, lease_seconds=rules.lease_seconds, live_claims=set)
        assert claim(sqlite_catalog, rules, "c2", now=now) == []
    now += seconds(rules.lease_seconds + 1)
    keep_queued_claims(sqlite_catalog.work, now=now, lease_seconds=rules.lease_seconds, live_claims=lambda _: set())
    assert claim(sqlite_catalog, rules, "c3", now=now) == [[share]]


def test_a_share_that_delayed_others_gets_runs_of_its_own(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """Once a run has postponed it for that, no batch has it, not even after a failed attempt; a retry ends that."""
    [straggler, *_] = shares = add(sqlite_catalog, "a", "b", "c")
    media_id, work = media_id_of("https://example.com/a"), sqlite_catalog.work

    def begin(owner: str, claim_id: str | None, now: datetime) -> None:
        begun = work.begin(straggler, media_id, owner=owner, claim_id=claim_id, now=now, until=now + seconds(60))
        assert isinstance(begun, Begun)

    begin("batch", None, T0)
    work.postpone(straggler, reason="slow", owner="batch", now=T0, until=T0, alone=True)
    runs = claimed_runs(sqlite_catalog, rules, "c1", now=T0)
    assert sorted(map(len, (run.share_ids for run in runs))) == [1, 2]
    [own] = [run for run in runs if straggler in run.share_ids]
    assert own.share_ids == [straggler]

    begin("own", own.claim_id, T0)
    work.fail(straggler, Failure(Outcome.TIMED_OUT, "slow"), owner="own", now=T0, retry_at=T0)
    later = T0 + seconds(rules.lease_seconds + 1)
    assert [straggler] in claim(sqlite_catalog, rules, "c2", now=later)

    later += seconds(rules.lease_seconds + 1)
    begin("again", None, later)
    work.fail(straggler, Failure(Outcome.TIMED_OUT, "slow"), owner="again", now=later, retry_at=None)
    assert work.retry([straggler], now=later) == [straggler]
    assert sorted(claim(sqlite_catalog, rules, "c3", now=later)[0]) == sorted(shares)


def test_shares_of_one_video_take_turns(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """While one share of a video is being worked on, the other one waits, and then it is due."""
    [first] = add(sqlite_catalog, "a?utm_source=x", at=T0 - seconds(1))
    [second] = add(sqlite_catalog, "a?utm_source=y")
    assert claim(sqlite_catalog, rules, "c1", now=T0) == [[first]]
    media_id = media_id_of("https://example.com/a")
    work = sqlite_catalog.work
    work.begin(first, media_id, owner="run", claim_id="c1", now=T0, until=T0 + seconds(60))
    assert claim(sqlite_catalog, rules, "c2", now=T0 + seconds(1)) == []
    work.finish(first, media_url="/there", owner="run", now=T0 + seconds(2))
    assert claim(sqlite_catalog, rules, "c3", now=T0 + seconds(3)) == [[second]]


def test_a_share_that_crashed_its_worker_runs_alone_and_is_parked_in_the_end(
    sqlite_catalog: Catalog, rules: PipelineRules
) -> None:
    """After a crash a share runs alone, and after as many crashes as attempts are allowed it is parked."""
    shares = add(sqlite_catalog, "a", "b")
    now, runs = T0, claimed_runs(sqlite_catalog, rules, "c0", now=T0)
    assert [len(run.share_ids) for run in runs] == [2]
    for crash in range(rules.retry.max_attempts):
        for run in runs:
            for share in run.share_ids:
                media_id = media_id_of(sqlite_catalog.shares.get(share).url)
                begun = sqlite_catalog.work.begin(
                    share, media_id, owner=f"run{crash}", claim_id=run.claim_id, now=now, until=now + seconds(60)
                )
                assert begun == Begun(attempts=crash + 1)
        now += seconds(61)
        runs = claimed_runs(sqlite_catalog, rules, f"c{crash + 1}", now=now)
        if crash + 1 < rules.retry.max_attempts:
            assert sorted(run.share_ids for run in runs) == sorted([share] for share in shares)
    assert runs == []
    progress = sqlite_catalog.work.progress(shares[0])
    assert progress.outcome == Outcome.CRASHED
    assert sqlite_catalog.shares.get(shares[0]).status == "error"


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("id", "no-uuid", "expected a UUID in lower case as id, found 'no-uuid'"),
        ("url", "javascript:alert(1)", "expected http:// or https://"),
        ("url", "", "found nothing"),
        ("url", "http://169.254.169.254/latest/meta-data", "not a public address"),
        ("created_at", "yesterday", "expected a time as created_at"),
    ],
)
def test_a_malformed_row_is_parked_and_stops_nobody(
    sqlite_catalog: Catalog, sqlite_url: str, rules: PipelineRules, column: str, value: str, words: str
) -> None:
    """A row that somebody else wrote wrongly ends as error with a reason, while its neighbours are claimed."""
    bad, good = add(sqlite_catalog, "bad", "good")
    engine = create_engine(sqlite_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE shares SET {column} = :value WHERE id = :id"), {"value": value, "id": bad})  # noqa: S608 - a column of the table above
    assert claim(sqlite_catalog, rules, "c1", now=T0 + seconds(1)) == [[good]]
    with engine.connect() as connection:
        row = connection.execute(
            text("SELECT s.status, w.outcome, w.reason FROM shares s JOIN share_work w ON w.share_id = s.id").columns()
        ).all()
    engine.dispose()
    [(status, outcome, reason)] = [tuple(found) for found in row if found.status == "error"]
    assert (status, outcome) == ("error", "refused")
    assert words in reason
    assert claim(sqlite_catalog, rules, "c2", now=T0 + seconds(2)) == []


def test_neighbouring_partitions_share_a_run_and_others_do_not(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """Retries of shares whose partitions are apart get runs of their own."""
    a, b, c = add(sqlite_catalog, "a", "b", "c")
    runs = claim(sqlite_catalog, rules, "c1", now=T0, partitions={a: 0, str(uuid.uuid4()): 1, b: 2, c: 3})
    assert runs == [[a], [b, c]]


def test_watching_returns_once_no_more_shares_come_in(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """The watch goes on while shares are being added, so that they are claimed in batches."""
    now = [T0]

    def sleep(duration: float) -> None:
        now[0] += seconds(duration)
        if len(sqlite_catalog.shares.list()) < 4:
            add(sqlite_catalog, f"{now[0].timestamp()}", at=T0)

    watch_for_due_shares(sqlite_catalog, replace(rules, watch_seconds=60), began=T0, clock=lambda: now[0], sleep=sleep)
    assert len(sqlite_catalog.shares.list()) == 4
    assert now[0] < T0 + seconds(5)


def test_watching_an_idle_catalog_ends_in_time(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """Without work the watch lasts as long as it was set and no longer."""
    now = [T0]

    def sleep(duration: float) -> None:
        now[0] += seconds(duration)

    watch_for_due_shares(sqlite_catalog, replace(rules, watch_seconds=4), began=T0, clock=lambda: now[0], sleep=sleep)
    assert now[0] == T0 + seconds(4)


def test_the_watch_is_over_when_the_tick_has_lasted_as_long(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """What a tick did before it watched counts: one that overruns Dagster's interval misses the next round."""
    now = [T0 + seconds(3)]

    def sleep(duration: float) -> None:
        now[0] += seconds(duration)

    watch_for_due_shares(sqlite_catalog, replace(rules, watch_seconds=4), began=T0, clock=lambda: now[0], sleep=sleep)
    assert now[0] == T0 + seconds(4)


def test_a_lone_share_is_watched_for_no_longer_than_a_backlog_takes_to_grow(
    sqlite_catalog: Catalog, rules: PipelineRules
) -> None:
    """Once it is seen, a tenth of a second shows that no other follows."""
    add(sqlite_catalog, "a", at=T0)
    now = [T0]

    def sleep(duration: float) -> None:
        now[0] += seconds(duration)

    watch_for_due_shares(sqlite_catalog, replace(rules, watch_seconds=4), began=T0, clock=lambda: now[0], sleep=sleep)
    assert now[0] == T0 + seconds(0.1)


def test_a_parked_share_is_claimed_again_once_somebody_retries_it(
    sqlite_catalog: Catalog, rules: PipelineRules
) -> None:
    """Retrying makes it due with all its attempts."""
    [share] = add(sqlite_catalog, "a")
    sqlite_catalog.work.park(share, Failure(Outcome.GONE, "404"), now=T0)
    assert claim(sqlite_catalog, rules, "c1", now=T0) == []
    assert list(sqlite_catalog.work.retry([share], now=T0)) == [share]
    assert claim(sqlite_catalog, rules, "c2", now=T0) == [[share]]
    assert sqlite_catalog.work.progress(share).attempts == 0


def test_each_run_has_a_claim_of_its_own(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """When one run of a tick dies before it begins, its own claim expires, independent of the others."""
    for n in range(6):
        add(sqlite_catalog, str(n), at=T0 + seconds(n))
    first, second = claimed_runs(sqlite_catalog, rules, "c", now=T0 + seconds(10))
    later = T0 + seconds(10 + rules.lease_seconds * 0.8)
    keep_queued_claims(
        sqlite_catalog.work,
        now=later,
        lease_seconds=rules.lease_seconds,
        live_claims=lambda claim_ids: {first.claim_id} & set(claim_ids),
    )
    again = claim(sqlite_catalog, rules, "d", now=T0 + seconds(11 + rules.lease_seconds))
    assert again == [second.share_ids]


def test_a_share_whose_video_is_busy_leaves_its_batch(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """Of two shares of one video in a batch the second waits, and the others are claimed together."""
    for n, name in enumerate(["a?utm_source=1", "a?utm_source=2", "b"]):
        add(sqlite_catalog, name, at=T0 + seconds(n))
    [run] = claim(sqlite_catalog, rules, "c", now=T0 + seconds(10))
    assert [sqlite_catalog.shares.get(share).url[-1] for share in run] == ["1", "b"]
