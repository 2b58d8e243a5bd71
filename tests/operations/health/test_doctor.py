"""Running checks: in order, each with a time limit, and none able to stop another."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.health import CheckResult, CheckStatus, TimedResult
from bookmarkai_assets.operations.health.doctor import Check, OutOfTimeError, Report, make_check, run_checks
from tests.support.deadlines import HANG_SECONDS, growing

GOOD = CheckResult(CheckStatus.PASS, "fine")


def good_check(name: str) -> Check:
    """Return a check that passes."""
    return make_check(name, lambda: GOOD)


def statuses(results: list[TimedResult]) -> list[tuple[str, str]]:
    """Return names and statuses."""
    return [(timed.name, timed.result.status.value) for timed in results]


def raising(error: Exception) -> Callable[[], CheckResult]:
    """Return a check function that raises."""

    def run() -> CheckResult:
        raise error

    return run


def test_results_come_in_the_order_of_the_checks() -> None:
    """All checks run in parallel, and each result is given as soon as it is its turn."""
    is_second_done = threading.Event()
    given: list[str] = []

    def wait_for_second() -> CheckResult:
        return GOOD if is_second_done.wait(HANG_SECONDS) else CheckResult(CheckStatus.FAIL, "ran alone")

    def second() -> CheckResult:
        is_second_done.set()
        return GOOD

    results = run_checks(
        [make_check("first", wait_for_second), make_check("second", second)],
        on_result=lambda timed: given.append(timed.name),
    )

    assert statuses(results) == [("first", "pass"), ("second", "pass")]
    assert given == ["first", "second"]
    assert all(result.seconds >= 0 for result in results)


def test_an_error_of_ours_is_the_result() -> None:
    """An error of ours was written to be shown, and the other checks are unaffected."""
    results = run_checks(
        [good_check("a"), make_check("b", raising(ConfigurationError("expected X, found Y; do Z"))), good_check("c")]
    )
    assert statuses(results) == [("a", "pass"), ("b", "fail"), ("c", "pass")]
    assert results[1].result.found == "expected X, found Y; do Z"


def test_an_unexpected_error_shows_its_place_and_not_its_text() -> None:
    """The text of a library's error may contain a URL with a password."""
    [result] = run_checks([make_check("a", raising(RuntimeError("postgresql://me:hunter2@host/db")))])
    assert result.result.status is CheckStatus.FAIL
    assert f"RuntimeError at {Path(__file__).name}:" in result.result.found
    assert "hunter2" not in result.result.found


def test_a_missing_package_is_named() -> None:
    """A missing package does not crash the check, and the remedy is to install it."""

    def run() -> CheckResult:
        import a_package_that_nobody_has  # type: ignore[import-not-found]  # noqa: F401, PLC0415 - to fail here

        return GOOD

    [result] = run_checks([make_check("a", run)])
    assert "a_package_that_nobody_has" in result.result.found
    assert "install" in (result.result.remedy or "")


def test_checks_after_a_failure_are_skipped() -> None:
    """A check that ends early, or raises half way, leaves its later names skipped, with the cause."""

    def ends_early(report: Report) -> None:
        report(CheckResult(CheckStatus.FAIL, "absent"))

    def breaks(report: Report) -> None:
        report(GOOD)
        raise ConfigurationError("two is broken")

    results = run_checks([Check(("home", "daemon"), ends_early), Check(("one", "two", "three"), breaks)])

    assert statuses(results) == [
        ("home", "fail"),
        ("daemon", "skip"),
        ("one", "pass"),
        ("two", "fail"),
        ("three", "skip"),
    ]
    assert "'home' failed" in results[1].result.found
    assert "'two' failed" in results[4].result.found


def test_a_check_that_hangs_is_abandoned() -> None:
    """It fails at its limit, its earlier results stay, and the others are all there."""
    release = threading.Event()

    def hangs(report: Report) -> None:
        report(GOOD)
        release.wait(HANG_SECONDS)

    def hurried(seconds: float) -> list[TimedResult]:
        check = Check(("one", "two", "three"), hangs, limit_seconds=seconds)
        return run_checks([check, good_check("other")], end_seconds=0.1)

    began = time.monotonic()
    try:
        # Until it has had the time to begin.
        tries = ((seconds, hurried(seconds)) for seconds in growing(0.2))
        seconds, results = next(one for one in tries if statuses(one[1])[0] == ("one", "pass"))
    finally:
        release.set()

    assert time.monotonic() - began < HANG_SECONDS
    assert statuses(results) == [("one", "pass"), ("two", "fail"), ("three", "skip"), ("other", "pass")]
    assert f"within {seconds:g} s" in results[1].result.found


def test_a_check_that_is_late_gets_to_clean_up() -> None:
    """Its next result is refused with an error, and it is waited for until it has cleaned up."""
    is_over = threading.Event()
    is_clean = threading.Event()

    def late(report: Report) -> None:
        try:
            is_over.wait(HANG_SECONDS)
            report(GOOD)
        except OutOfTimeError:
            time.sleep(0.05)  # a deletion takes its time
            is_clean.set()
            raise

    def on_result(_: TimedResult) -> None:
        is_over.set()

    [result] = run_checks([Check(("a",), late, limit_seconds=0.1)], on_result=on_result, end_seconds=HANG_SECONDS)

    assert result.result.status is CheckStatus.FAIL
    assert is_clean.is_set()


def test_an_interrupt_lets_checks_clean_up() -> None:
    """Ctrl-C passes on, but not before the running checks have been asked to end."""
    is_clean = threading.Event()
    may_go_on = threading.Event()

    def slow(report: Report) -> None:
        may_go_on.wait(HANG_SECONDS)
        while not is_clean.is_set():
            try:
                report(GOOD)
            except OutOfTimeError:
                is_clean.set()

    def interrupt(_: TimedResult) -> None:
        may_go_on.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_checks([good_check("quick"), Check(("slow",), slow)], on_result=interrupt)
    assert is_clean.is_set()
