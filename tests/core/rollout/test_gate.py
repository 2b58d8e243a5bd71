"""The gate: each rule by example, and what must hold for the verdict whatever the figures are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.media.placement import StorageMode
from bookmarkai_assets.core.rollout.gate import (
    GateFigures,
    GateLimits,
    Judgement,
    RuleName,
    RuleStatus,
    Verdict,
    judge,
    window_of_losses,
    window_to_judge,
)
from bookmarkai_assets.core.rollout.ports import RecordedVerification
from bookmarkai_assets.core.rollout.stages import NOTHING, AbortTarget, RolloutControl, RolloutPlan, RolloutState, Stage
from bookmarkai_assets.core.rollout.windows import GRID, Window, window_ending

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SHADOW = Stage(0, is_shadow=True)
LIMITS = GateLimits(
    window=DAY,
    min_sample=50,
    max_failure_percent=5,
    max_mean_upload_seconds=30,
    max_download_p95_seconds=30,
    budget_usd=100,
    max_verification_age=8 * DAY,
)
PLAN = RolloutPlan(
    stages=(SHADOW, *(Stage(percentage) for percentage in (10, 25, 50, 75, 100))),
    min_stage_time=7 * DAY,
    control=RolloutControl.MANUAL,
    abort_to=AbortTarget.LAST_HELD,
)
VERIFIED = RecordedVerification(
    verified_at=NOW - DAY, is_deep=False, is_good=True, missing=0, different=0, unverified=0, counts={"same": 900}
)
GOOD = GateFigures(
    window=window_ending(NOW, DAY),
    uploads=100,
    upload_failures=2,
    mean_upload_seconds=4.5,
    access_denied=0,
    verification=VERIFIED,
    losses_since_verification=0,
    projected_month_usd=60.0,
    downloads=80,
    download_p95_seconds=3.0,
)
AT_10 = RolloutState(stage=Stage(10), since=NOW - 8 * DAY, decision_id=3)


def judge_good(state: RolloutState = AT_10, mode: StorageMode = StorageMode.HYBRID, **changes: Any) -> Judgement:
    """Judge the good figures with some changes."""
    return judge(replace(GOOD, **changes), LIMITS, state, PLAN, now=NOW, mode=mode)


def verified(**changes: Any) -> RecordedVerification:
    """Return a good verification of yesterday with some changes."""
    return replace(VERIFIED, **changes)


def test_good_figures_promote() -> None:
    """With every rule passing, the minimum time over and a stage to follow, nothing is missing."""
    judgement = judge_good()
    assert judgement.verdict is Verdict.PROMOTE
    assert not judgement.missing
    assert {result.status for result in judgement.rules} == {RuleStatus.PASS}
    assert [result.rule for result in judgement.rules] == list(RuleName)


@pytest.mark.parametrize(
    ("changes", "rule", "status", "value", "words"),
    [
        ({"uploads": 100, "upload_failures": 5}, "upload_failures", "pass", 5, "5 of 100"),
        ({"uploads": 100, "upload_failures": 6}, "upload_failures", "fail", 6, "at most 5%"),
        ({"uploads": 50, "upload_failures": 0}, "upload_failures", "pass", 0, "0 of 50"),
        ({"uploads": 49, "upload_failures": 0}, "upload_failures", "insufficient", 0, "1 more good uploads"),
        ({"uploads": 51, "upload_failures": 2}, "upload_failures", "insufficient", 200 / 51, "1 more good uploads"),
        ({"uploads": 12, "upload_failures": 0}, "upload_failures", "insufficient", 0, "38 more good uploads"),
        ({"uploads": 0, "upload_failures": 0}, "upload_failures", "insufficient", None, "50 more good uploads"),
        ({"uploads": 10, "upload_failures": 2}, "upload_failures", "insufficient", 20, "42 more good uploads"),
        ({"uploads": 10, "upload_failures": 3}, "upload_failures", "fail", 30, "even with 43 more good ones"),
        ({"uploads": 3, "upload_failures": 3}, "upload_failures", "fail", 100, "even with 50 more good ones"),
        ({"mean_upload_seconds": 30.0}, "mean_upload", "pass", 30, "at most 30 s"),
        ({"mean_upload_seconds": 30.1}, "mean_upload", "fail", 30.1, "at most 30 s"),
        ({"mean_upload_seconds": float("nan")}, "mean_upload", "fail", None, "at most 30 s"),
        ({"uploads": 49, "mean_upload_seconds": 90.0}, "mean_upload", "insufficient", 90, "3 more good uploads"),
        ({"access_denied": 1}, "access_denied", "fail", 1, "storage check"),
        ({"access_denied": 1, "uploads": 1, "upload_failures": 1}, "access_denied", "fail", 1, "denied access 1 times"),
        ({"losses_since_verification": 1}, "nothing_lost", "fail", 1, "storage verify"),
        ({"verification": None, "losses_since_verification": 1}, "nothing_lost", "fail", 1, "storage verify"),
        ({"verification": None}, "nothing_lost", "insufficient", None, "storage verify"),
        ({"verification": verified(is_good=False, missing=2)}, "nothing_lost", "fail", 2, "2 missing"),
        ({"verification": verified(is_good=False, different=1)}, "nothing_lost", "fail", 1, "1 different"),
        ({"verification": verified(is_good=False, unverified=4)}, "nothing_lost", "insufficient", 0, "storage check"),
        ({"verification": verified(verified_at=NOW - 8 * DAY)}, "nothing_lost", "pass", 0, "nothing missing"),
        ({"verification": verified(verified_at=AT_10.since)}, "nothing_lost", "pass", 0, "nothing missing"),
        (
            {"verification": verified(verified_at=NOW - 8 * DAY - timedelta(seconds=1))},
            "nothing_lost",
            "insufficient",
            0,
            "before 10% began",
        ),
        (
            {"verification": verified(verified_at=NOW - 9 * DAY, is_good=False, missing=1)},
            "nothing_lost",
            "insufficient",
            1,
            "before 10% began",
        ),
        ({"verification": verified(verified_at=NOW + DAY)}, "nothing_lost", "insufficient", 0, "in the future"),
        ({"projected_month_usd": 100.0}, "cost", "pass", 100, "100.00 USD"),
        ({"projected_month_usd": 100.5}, "cost", "fail", 100.5, "the budget is 100.00 USD"),
        ({"projected_month_usd": None}, "cost", "insufficient", None, "projection"),
        ({"download_p95_seconds": 30.0}, "download_p95", "pass", 30, "95% of downloads"),
        ({"download_p95_seconds": 31.0}, "download_p95", "fail", 31, "95% of downloads"),
        ({"downloads": 49, "download_p95_seconds": 90.0}, "download_p95", "insufficient", 90, "1 more downloads"),
        ({"downloads": 0, "download_p95_seconds": None}, "download_p95", "insufficient", None, "50 more downloads"),
    ],
)
def test_each_rule_by_example(changes: dict[str, Any], rule: str, status: str, value: float | None, words: str) -> None:
    """A rule says what was measured and what to do: a failing one aborts, an open one holds, and both say why."""
    judgement = judge_good(**changes)
    result = judgement.by_rule[RuleName(rule)]
    assert result.status == status
    if value is not None:
        assert result.value == pytest.approx(value)
    assert words in result.detail
    open_ones = [other for other in judgement.rules if other.status is not RuleStatus.PASS]
    assert all(judgement.missing.count(other.detail) == 1 for other in open_ones)
    fails = any(other.status is RuleStatus.FAIL for other in open_ones)
    assert judgement.verdict is (Verdict.ABORT if fails else Verdict.HOLD if open_ones else Verdict.PROMOTE)


def test_results_carry_value_limit_and_sample() -> None:
    """Each result has the figure, the limit and the sample, in the rule's own unit."""
    assert [(result.value, result.limit, result.sample) for result in judge_good().rules] == [
        (2, 5, 100),
        (4.5, 30, 98),
        (0, 0, 180),
        (0, 0, 900),
        (60, 100, 0),
        (3, 30, 80),
    ]


def test_an_old_verification_has_to_be_repeated() -> None:
    """In a long stage even its own verification becomes too old, but a loss that it found still counts."""
    state = replace(AT_10, since=NOW - 30 * DAY)
    old = NOW - 8 * DAY - timedelta(seconds=1)
    good = judge_good(state, verification=verified(verified_at=old))
    assert good.by_rule[RuleName.NOTHING_LOST].status is RuleStatus.INSUFFICIENT
    assert "older than 8 days" in good.missing[0]
    lost = judge_good(state, verification=verified(verified_at=old, is_good=False, missing=1))
    assert lost.verdict is Verdict.ABORT


def test_without_a_budget_any_cost_passes() -> None:
    """Without a budget not even a projection is needed, and the result says so."""
    for projected in (None, 1e9):
        figures = replace(GOOD, projected_month_usd=projected)
        judgement = judge(figures, replace(LIMITS, budget_usd=None), AT_10, PLAN, now=NOW)
        assert judgement.verdict is Verdict.PROMOTE
        assert "no budget" in judgement.by_rule[RuleName.COST].detail


@pytest.mark.parametrize("downloads", [0, 49])
def test_the_shadow_stage_needs_no_downloads(downloads: int) -> None:
    """The shadow stage serves locally, so nobody waits for S3, but enough downloads are judged all the same."""
    shadow = replace(AT_10, stage=SHADOW)
    p95 = 90.0 if downloads else None
    assert judge_good(shadow, downloads=downloads, download_p95_seconds=p95).verdict is Verdict.PROMOTE
    assert judge_good(shadow, downloads=50, download_p95_seconds=90.0).verdict is Verdict.ABORT


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RolloutState(), "`bookmarkai rollout promote` begins it with shadow"),
        (RolloutState(NOTHING, since=NOW - 8 * DAY), "stands at 0%"),
        (RolloutState(NOTHING, since=NOW - 8 * DAY, is_aborted=True), "aborted to 0%"),
        (replace(AT_10, is_rolled_back=True), "rollout resume"),
    ],
)
def test_without_a_stage_in_effect_it_holds(state: RolloutState, words: str) -> None:
    """There is nothing to promote from or abort to, but a failing rule is named all the same."""
    for changes in ({}, {"access_denied": 1}, {"uploads": 0, "upload_failures": 0, "mean_upload_seconds": None}):
        judgement = judge_good(state, **changes)
        assert judgement.verdict is Verdict.HOLD
        assert words in judgement.missing[0]
        assert any("denied access" in words for words in judgement.missing) is ("access_denied" in changes)


@pytest.mark.parametrize("mode", [StorageMode.LOCAL, StorageMode.S3])
def test_stages_are_judged_in_hybrid_alone(mode: StorageMode) -> None:
    """In the other modes the stage has no effect, so the figures are not the stage's."""
    for changes in ({}, {"access_denied": 1}):
        judgement = judge_good(AT_10, mode, **changes)
        assert judgement.verdict is Verdict.HOLD
        assert f"STORAGE_MODE is {mode}" in judgement.missing[0]


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(0), "7 days more at 10%, of at least 7 days"),
        (timedelta(days=2, hours=20, minutes=30), "4 days 3 hours more"),
        (timedelta(days=6, hours=22, minutes=58, seconds=59), "1 hour 2 minutes more"),
        (timedelta(days=6, hours=23, minutes=59, seconds=59), "1 minute more"),
        (timedelta(days=-1), "8 days more"),
    ],
)
def test_a_stage_has_its_minimum_time(ago: timedelta, words: str) -> None:
    """Until its minimum time is over the rollout holds and says how long yet, all of it for a stage from the future."""
    judgement = judge(GOOD, LIMITS, replace(AT_10, since=NOW - ago), PLAN, now=NOW)
    assert judgement.verdict is Verdict.HOLD
    assert any(words in missing for missing in judgement.missing)


def test_at_its_minimum_time_a_stage_may_end() -> None:
    """The last moment counts."""
    assert judge_good(replace(AT_10, since=NOW - 7 * DAY)).verdict is Verdict.PROMOTE


def test_a_failing_rule_aborts_at_once() -> None:
    """A failing rule does not wait for the minimum time, nor for the other rules' samples."""
    state = replace(AT_10, since=NOW - DAY)
    judgement = judge_good(state, access_denied=1, downloads=0, download_p95_seconds=None)
    assert judgement.verdict is Verdict.ABORT
    assert judgement.failing == (RuleName.ACCESS_DENIED,)
    assert "denied access" in judgement.missing[0]


def test_an_aborted_stage_waits_for_a_person() -> None:
    """Good figures do not raise an aborted stage again, and new failures lower it further."""
    aborted = replace(AT_10, is_aborted=True)
    assert judge_good(aborted).verdict is Verdict.HOLD
    assert "rollout set 10" in judge_good(aborted).missing[0]
    assert judge_good(aborted, access_denied=1).verdict is Verdict.ABORT


def test_a_cost_that_has_aborted_once_does_not_abort_again() -> None:
    """The projection does not reflect the lower stage yet, but with another rule failing it aborts again."""
    aborted = replace(AT_10, is_aborted=True)
    assert judge_good(projected_month_usd=200.0).verdict is Verdict.ABORT
    on_hold = judge_good(aborted, projected_month_usd=200.0)
    assert on_hold.verdict is Verdict.HOLD
    assert any("200.00 USD" in missing for missing in on_hold.missing)
    assert judge_good(aborted, projected_month_usd=200.0, access_denied=1).verdict is Verdict.ABORT


def test_the_last_stage_is_followed_by_a_setting() -> None:
    """After 100% what is left to do is `STORAGE_MODE=s3`, and a plan that ends lower says so."""
    at_100 = replace(AT_10, stage=Stage(100))
    assert judge_good(at_100).verdict is Verdict.HOLD
    assert judge_good(at_100).missing == ("the rollout is complete: set STORAGE_MODE=s3",)
    assert "complete" not in "".join(judge_good(at_100, downloads=3).missing)
    short = replace(PLAN, stages=(Stage(10),))
    [missing] = judge(GOOD, LIMITS, AT_10, short, now=NOW).missing
    assert missing.startswith("10% is the last of ROLLOUT_STAGES")


def test_figures_of_another_stage_decide_nothing() -> None:
    """When somebody has decided since the figures were counted, neither good nor bad ones count."""
    state = replace(AT_10, since=NOW - timedelta(hours=23))
    bad = replace(GOOD, access_denied=1, losses_since_verification=3, upload_failures=90)
    for figures in (GOOD, bad):
        judgement = judge(figures, LIMITS, state, replace(PLAN, min_stage_time=timedelta(0)), now=NOW)
        assert judgement.verdict is Verdict.HOLD
        assert judgement.by_rule[RuleName.COST].status is RuleStatus.PASS
        others = {result.status for result in judgement.rules if result.rule is not RuleName.COST}
        assert others == {RuleStatus.INSUFFICIENT}


def test_a_sample_of_nothing_is_refused() -> None:
    """A gate that requires no uploads would promote without any, so that is refused."""
    with pytest.raises(ValueError, match="at least 1"):
        replace(LIMITS, min_sample=0)


# --- Whatever the figures are ---------------------------------------------------------------------------------------

seconds = st.floats(0, 120)


@st.composite
def verifications(draw: st.DrawFn) -> RecordedVerification:
    """Return a verification that began within the last weeks, or on a clock that is ahead."""
    missing, different, unverified = (draw(st.integers(0, 2)) for _ in range(3))
    return RecordedVerification(
        verified_at=NOW - draw(st.timedeltas(-DAY, 20 * DAY)),
        is_deep=draw(st.booleans()),
        is_good=not (missing or different or unverified),
        missing=missing,
        different=different,
        unverified=unverified,
        counts={},
    )


@st.composite
def figures_of(draw: st.DrawFn) -> GateFigures:
    """Return figures that agree with each other, near the limits as often as far from them."""
    good = draw(st.integers(0, 120))
    failures = draw(st.integers(0, 8))
    downloads = draw(st.integers(0, 120))
    return GateFigures(
        window=GOOD.window,
        uploads=good + failures,
        upload_failures=failures,
        mean_upload_seconds=draw(seconds) if good else None,
        access_denied=draw(st.sampled_from([0, 0, 0, 1])),
        verification=draw(st.just(VERIFIED) | st.none() | verifications()),
        losses_since_verification=draw(st.sampled_from([0, 0, 0, 1])),
        projected_month_usd=draw(st.none() | st.floats(0, 200)),
        downloads=downloads,
        download_p95_seconds=draw(seconds) if downloads else None,
    )


limits_of = st.builds(
    GateLimits,
    window=st.just(DAY),
    min_sample=st.integers(1, 60),
    max_failure_percent=st.floats(0, 100),
    max_mean_upload_seconds=st.floats(1, 120),
    max_download_p95_seconds=st.floats(1, 120),
    budget_usd=st.none() | st.floats(1, 200),
    max_verification_age=st.timedeltas(timedelta(hours=1), 10 * DAY),
)
plans = st.builds(
    RolloutPlan,
    stages=st.sets(st.sampled_from(PLAN.stages), min_size=1).map(sorted),
    min_stage_time=st.timedeltas(timedelta(0), 10 * DAY),
    control=st.sampled_from(RolloutControl),
    abort_to=st.sampled_from(AbortTarget),
)
begun = st.builds(
    RolloutState,
    stage=st.sampled_from([NOTHING, *PLAN.stages]),
    is_rolled_back=st.sampled_from([False, False, True]),
    since=st.timedeltas(timedelta(0), 20 * DAY).map(lambda ago: NOW - ago),
    decision_id=st.just(3),
    is_aborted=st.sampled_from([False, False, True]),
)
states = st.just(AT_10) | st.just(RolloutState()) | begun
modes = st.sampled_from([StorageMode.HYBRID, StorageMode.HYBRID, StorageMode.LOCAL, StorageMode.S3])


@st.composite
def worsened(draw: st.DrawFn, figures: GateFigures) -> GateFigures:
    """Return figures that are worse in one or more ways, and better in none."""
    more = draw(st.integers(0, 60))
    figures = replace(figures, uploads=figures.uploads + more, upload_failures=figures.upload_failures + more)
    extra = st.sampled_from([0.0, 0.0, 0.5, 30.0, 500.0])
    mean, p95, cost = figures.mean_upload_seconds, figures.download_p95_seconds, figures.projected_month_usd
    last = figures.verification
    if last is not None and draw(st.booleans()):
        last = replace(last, missing=last.missing + draw(st.integers(0, 1)), is_good=False)
    return replace(
        figures,
        mean_upload_seconds=None if mean is None else mean + draw(extra),
        download_p95_seconds=None if p95 is None else p95 + draw(extra),
        projected_month_usd=None if cost is None else cost + draw(extra),
        access_denied=figures.access_denied + draw(st.integers(0, 1)),
        losses_since_verification=figures.losses_since_verification + draw(st.integers(0, 1)),
        verification=last,
    )


SEVERITY = [Verdict.PROMOTE, Verdict.HOLD, Verdict.ABORT]


def in_effect(state: RolloutState, mode: StorageMode) -> bool:
    """Whether there is a stage that sends anything to S3."""
    return mode is StorageMode.HYBRID and not state.is_rolled_back and state.stage not in {None, NOTHING}


@given(figures_of().flatmap(lambda f: st.tuples(st.just(f), worsened(f))), limits_of, states, plans, modes)
def test_worse_figures_never_improve_the_verdict(
    both: tuple[GateFigures, GateFigures], limits: GateLimits, state: RolloutState, plan: RolloutPlan, mode: StorageMode
) -> None:
    """More failures, slower transfers, more losses and higher cost hold or abort, never the other way round."""
    before, after = (judge(figures, limits, state, plan, now=NOW, mode=mode) for figures in both)
    assert SEVERITY.index(after.verdict) >= SEVERITY.index(before.verdict)
    assert set(after.failing) >= set(before.failing)


@given(st.integers(0, 120), st.integers(0, 12), st.integers(1, 12), st.integers(1, 60), st.floats(0, 100))
def test_more_errors_never_promote(good: int, failures: int, more: int, sample: int, percent: float) -> None:
    """Neither more failed uploads nor failures in place of good ones promote: errors never complete a sample."""
    limits = replace(LIMITS, min_sample=sample, max_failure_percent=percent)
    figures = replace(GOOD, uploads=good + failures, upload_failures=failures)
    worse = [replace(figures, uploads=good + failures + more, upload_failures=failures + more)]
    if more <= good:
        worse.append(replace(figures, upload_failures=failures + more))
    if judge(figures, limits, AT_10, PLAN, now=NOW).verdict is not Verdict.PROMOTE:
        for each in worse:
            assert judge(each, limits, AT_10, PLAN, now=NOW).verdict is not Verdict.PROMOTE


@given(figures_of(), limits_of, states, plans)
def test_too_small_a_sample_never_promotes(
    figures: GateFigures, limits: GateLimits, state: RolloutState, plan: RolloutPlan
) -> None:
    """A promotion has its sample of good uploads and, except in the shadow stage, of downloads."""
    if judge(figures, limits, state, plan, now=NOW).verdict is Verdict.PROMOTE:
        assert figures.uploads - figures.upload_failures >= limits.min_sample
        assert figures.downloads >= limits.min_sample or state.stage == SHADOW
        assert figures.verification is not None


@given(figures_of(), limits_of, states, plans, modes)
def test_a_verdict_follows_from_the_rules(
    figures: GateFigures, limits: GateLimits, state: RolloutState, plan: RolloutPlan, mode: StorageMode
) -> None:
    """It aborts exactly if a rule fails where a stage is in effect, and promotes exactly if nothing is missing."""
    judgement = judge(figures, limits, state, plan, now=NOW, mode=mode)
    failing = set(judgement.failing) - ({RuleName.COST} if state.is_aborted else set())
    assert (judgement.verdict is Verdict.ABORT) is (in_effect(state, mode) and bool(failing))
    assert (judgement.verdict is Verdict.PROMOTE) is (not judgement.missing)
    may_go_on = (
        in_effect(state, mode)
        and not state.is_aborted
        and state.since is not None
        and NOW - state.since >= plan.min_stage_time
        and plan.next_after(state.stage) is not None
        and {result.status for result in judgement.rules} == {RuleStatus.PASS}
    )
    assert (judgement.verdict is Verdict.PROMOTE) is may_go_on


@given(st.integers(0, 59), st.integers(0, 60), st.integers(1, 60), st.floats(0, 100))
def test_a_failure_rate_is_known_as_early_as_it_can_be(good: int, failures: int, more: int, percent: float) -> None:
    """An incomplete sample fails exactly if it would fail once completed with good uploads alone."""
    limits = replace(LIMITS, min_sample=good + more, max_failure_percent=percent)
    short = replace(GOOD, uploads=good + failures, upload_failures=failures)
    full = replace(short, uploads=short.uploads + more)
    now, then = (
        judge(each, limits, AT_10, PLAN, now=NOW).by_rule[RuleName.UPLOAD_FAILURES].status for each in (short, full)
    )
    assert then is not RuleStatus.INSUFFICIENT
    assert (now is RuleStatus.FAIL) is (then is RuleStatus.FAIL)
    assert now is not RuleStatus.PASS


moments = st.timedeltas(-DAY, 3 * DAY).map(lambda ago: NOW - ago)


@given(st.none() | moments, moments, st.integers(1, 72))
def test_figures_are_of_this_stage(since: datetime | None, now: datetime, hours: int) -> None:
    """The window is on the grid, ends by now, and leaves out exactly what was before the stage."""
    limits = replace(LIMITS, window=timedelta(hours=hours))
    window = window_to_judge(limits, RolloutState(Stage(10), since=since), now=now)
    whole = window_ending(now, limits.window)
    assert window.end == whole.end
    step = timedelta(seconds=GRID)
    starts = [whole.start + n * step for n in range(whole.length // step)]
    assert [start for start in starts if start in window] == [
        start for start in starts if since is None or start >= since
    ]
    assert window.start == max(window.start, whole.start) == GRID.floor(window.start)


@given(st.none() | moments, st.none() | moments, moments)
def test_losses_count_since_the_verification_within_the_stage(
    since: datetime | None, verified_at: datetime | None, now: datetime
) -> None:
    """A loss that a verification has seen, or that happened in another stage, does not count against this one."""
    verification = None if verified_at is None else verified(verified_at=verified_at)
    window = window_of_losses(LIMITS, RolloutState(Stage(10), since=since), verification, now=now)
    assert {GRID.floor(window.start), GRID.floor(window.end)} == {window.start, window.end}
    assert window.end <= now < window.end + timedelta(seconds=GRID)
    begins = [moment for moment in (since, verified_at) if moment is not None] or [now - LIMITS.max_verification_age]
    latest = max(begins)
    if latest <= window.end:
        assert timedelta(0) <= window.start - latest < timedelta(seconds=GRID)
    else:
        assert window == Window(window.end, window.end)
