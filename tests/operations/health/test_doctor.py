"""Running checks: in order, each under its limit, none able to stop another."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.health import CheckStatus, Finding
from bookmarkai_assets.operations.health.doctor import Check, OutOfTimeError, Result, Tell, examine, look_once
from tests.support.deadlines import HANG_SECONDS, growing


def good(name: str) -> Finding:
    """Give a finding that passes."""
    return Finding(name, CheckStatus.PASS, "fine")


def good_check(name: str) -> Check:
    """Give a check that passes."""
    return look_once(name, lambda: good(name))


def shown(results: list[Result]) -> list[tuple[str, str]]:
    """Give names and statuses."""
    return [(result.finding.name, result.finding.status.value) for result in results]


def raising(error: Exception) -> Callable[[], Finding]:
    """Give a look that breaks."""

    def look() -> Finding:
        raise error

    return look


def test_results_come_in_the_order_of_the_checks() -> None:
    """However long each takes; all run side by side, and each is told as soon as it is its turn."""
    is_second_done = threading.Event()
    told: list[str] = []

    def wait_for_second() -> Finding:
        return good("first") if is_second_done.wait(HANG_SECONDS) else Finding("first", CheckStatus.FAIL, "ran alone")

    def second() -> Finding:
        is_second_done.set()
        return good("second")

    results = examine(
        [look_once("first", wait_for_second), look_once("second", second)],
        on_result=lambda result: told.append(result.finding.name),
    )

    assert shown(results) == [("first", "pass"), ("second", "pass")]
    assert told == ["first", "second"]
    assert all(result.seconds >= 0 for result in results)


def test_an_error_of_ours_is_the_finding() -> None:
    """Its message was written to be shown; the checks around it are not touched."""
    results = examine(
        [good_check("a"), look_once("b", raising(ConfigurationError("expected X, found Y; do Z"))), good_check("c")]
    )
    assert shown(results) == [("a", "pass"), ("b", "fail"), ("c", "pass")]
    assert results[1].finding.found == "expected X, found Y; do Z"


def test_an_error_nobody_expected_shows_its_place_and_not_its_text() -> None:
    """The text of a library's error may hold a URL with a password."""
    [result] = examine([look_once("a", raising(RuntimeError("postgresql://me:hunter2@host/db")))])
    assert result.finding.status is CheckStatus.FAIL
    assert f"RuntimeError at {Path(__file__).name}:" in result.finding.found
    assert "hunter2" not in result.finding.found


def test_a_package_that_is_not_there_is_named() -> None:
    """Its absence is no crash of the check, and the remedy is to install."""

    def look() -> Finding:
        import a_package_that_nobody_has  # type: ignore[import-not-found]  # noqa: F401, PLC0415 - to fail here

        return good("a")

    [result] = examine([look_once("a", look)])
    assert "a_package_that_nobody_has" in result.finding.found
    assert "install" in (result.finding.remedy or "")


def test_what_depends_on_a_failure_is_skipped() -> None:
    """A check that ends early, or breaks half way, leaves its later names skipped, with the cause."""

    def ends_early(tell: Tell) -> None:
        tell(Finding("home", CheckStatus.FAIL, "absent"))

    def breaks(tell: Tell) -> None:
        tell(good("one"))
        raise ConfigurationError("two is broken")

    results = examine([Check(("home", "daemon"), ends_early), Check(("one", "two", "three"), breaks)])

    assert shown(results) == [
        ("home", "fail"),
        ("daemon", "skip"),
        ("one", "pass"),
        ("two", "fail"),
        ("three", "skip"),
    ]
    assert "'home' failed" in results[1].finding.found
    assert "'two' failed" in results[4].finding.found


def test_a_check_that_hangs_is_left_behind() -> None:
    """It fails at its limit, what it told before stays, and the others are all there."""
    release = threading.Event()

    def hangs(tell: Tell) -> None:
        tell(good("one"))
        release.wait(HANG_SECONDS)

    def hurried(seconds: float) -> list[Result]:
        check = Check(("one", "two", "three"), hangs, limit_seconds=seconds)
        return examine([check, good_check("other")], end_seconds=0.1)

    began = time.monotonic()
    try:
        # Until it has had the time to begin.
        tries = ((seconds, hurried(seconds)) for seconds in growing(0.2))
        seconds, results = next(one for one in tries if shown(one[1])[0] == ("one", "pass"))
    finally:
        release.set()

    assert time.monotonic() - began < HANG_SECONDS
    assert shown(results) == [("one", "pass"), ("two", "fail"), ("three", "skip"), ("other", "pass")]
    assert f"within {seconds:g} s" in results[1].finding.found


def test_a_check_that_is_late_gets_to_clean_up() -> None:
    """Its next finding is refused with an error, and it is waited for until it has taken back what it put."""
    is_over = threading.Event()
    is_clean = threading.Event()

    def late(tell: Tell) -> None:
        try:
            is_over.wait(HANG_SECONDS)
            tell(good("a"))
        except OutOfTimeError:
            time.sleep(0.05)  # a deletion takes its time
            is_clean.set()
            raise

    def on_result(_: Result) -> None:
        is_over.set()

    [result] = examine([Check(("a",), late, limit_seconds=0.1)], on_result=on_result, end_seconds=HANG_SECONDS)

    assert result.finding.status is CheckStatus.FAIL
    assert is_clean.is_set()


def test_an_interrupt_lets_checks_clean_up() -> None:
    """Ctrl-C while results are awaited passes on, but not before what is under way has been told to end."""
    is_clean = threading.Event()
    may_go_on = threading.Event()

    def slow(tell: Tell) -> None:
        may_go_on.wait(HANG_SECONDS)
        while not is_clean.is_set():
            try:
                tell(good("slow"))
            except OutOfTimeError:
                is_clean.set()

    def interrupt(_: Result) -> None:
        may_go_on.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        examine([good_check("quick"), Check(("slow",), slow)], on_result=interrupt)
    assert is_clean.is_set()
