"""Run health checks: each in a thread of its own and under a time limit, so that none can hold up the others.

This module knows how checks are run, and what it means when one crashes or does not answer. It does not know what
they check.
"""

import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bookmarkai_assets.core.errors import BookmarkAIError
from bookmarkai_assets.core.health import CheckResult, CheckStatus, TimedResult

LIMIT_SECONDS = 15.0
"""The limit of a check that sets no other. A check that works takes a tenth of it."""

END_SECONDS = 10.0
"""How long checks that ran out of time get at the end, to clean up what they put somewhere."""

Report = Callable[[CheckResult], None]
"""Takes the results of a check as they come. Raises `OutOfTimeError` when nobody is waiting for them any more."""


class OutOfTimeError(BookmarkAIError):
    """A check has run out of time: it must clean up and end."""


@dataclass(frozen=True)
class Check:
    """A check that is ready to run. It has one name for each of its results."""

    names: tuple[str, ...]
    run: Callable[[Report], object]
    """Reports one result for each name, in the order of `names`. If it stops early, the names that are left are
    skipped: they depend on the one that it reported last."""
    limit_seconds: float = LIMIT_SECONDS


def make_check(name: str, run: Callable[[], CheckResult], *, limit_seconds: float = LIMIT_SECONDS) -> Check:
    """Make a check with one result, which `run` returns."""
    return Check((name,), lambda report: report(run()), limit_seconds)


def run_checks(
    checks: Sequence[Check],
    *,
    on_result: Callable[[TimedResult], object] = lambda _: None,
    end_seconds: float = END_SECONDS,
) -> list[TimedResult]:
    """Run all checks side by side. Return a result for each of their names, in order; `on_result` gets each at once.

    A check that raises, or that says nothing until its limit, fails under the name whose turn it was; the names after
    that are skipped. Late checks are told to end, also when this function is interrupted. Checks that take longer than
    `end_seconds` to end are abandoned.
    """
    results = []
    with _running(checks, end_seconds) as running:
        for check in running:
            for result in check.results():
                results.append(result)
                on_result(result)
    return results


@contextmanager
def _running(checks: Sequence[Check], end_seconds: float) -> Iterator[Sequence["_RunningCheck"]]:
    running = [_RunningCheck(check) for check in checks]
    try:
        for check in running:
            check.thread.start()
        yield running
    finally:
        for check in running:
            check.is_over.set()
        deadline = time.monotonic() + end_seconds
        for check in running:
            if check.thread.ident is not None:
                check.thread.join(max(0.0, deadline - time.monotonic()))


class _RunningCheck:
    """One check in its thread."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._reported: queue.SimpleQueue[tuple[CheckResult, float] | None] = queue.SimpleQueue()
        self._began = time.monotonic()
        self.is_over = threading.Event()
        # A daemon thread: a check that hangs must not keep the process from ending.
        self.thread = threading.Thread(target=self._run, name=f"check {check.names[0]}", daemon=True)

    def results(self) -> Iterator[TimedResult]:
        """Yield a result for each name. Waits for them until the check's limit."""
        deadline = self._began + self._check.limit_seconds
        before = self._began
        names = self._check.names
        for number, name in enumerate(names):
            try:
                reported = self._reported.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self.is_over.set()
                yield TimedResult(name, _describe_silence(self._check.limit_seconds), time.monotonic() - before)
                yield from _skip(names[number + 1 :], cause=name)
                return
            if reported is None:
                yield from _skip(names[number:], cause=names[number - 1])
                return
            result, at = reported
            yield TimedResult(name, result, at - before)
            before = at

    def _run(self) -> None:
        count = 0

        def report(result: CheckResult) -> None:
            nonlocal count
            if self.is_over.is_set():
                raise OutOfTimeError(f"expected {self._check.names[0]} to be done in time, found it too late")
            count += 1
            self._reported.put((result, time.monotonic()))

        try:
            self._check.run(report)
        except OutOfTimeError:
            pass  # the result for the name says so already
        except Exception as error:  # whatever goes wrong in a check is a result of it, and stops no other check
            if count == len(self._check.names):
                raise
            self._reported.put((_describe_error(error), time.monotonic()))
        self._reported.put(None)


def _skip(names: Sequence[str], *, cause: str) -> Iterator[TimedResult]:
    for name in names:
        yield TimedResult(name, CheckResult(CheckStatus.SKIP, f"not tried, because {cause!r} failed"), 0.0)


def _describe_silence(limit_seconds: float) -> CheckResult:
    return CheckResult(
        CheckStatus.FAIL,
        f"expected an answer within {limit_seconds:g} s, found none",
        "run it again; if it stays so, look for what does not answer: a server, a disk, or a machine that is too busy",
    )


def _describe_error(error: Exception) -> CheckResult:
    """Turn an error into a result. Only the text of our own errors is shown: that of others may hold secrets."""
    if isinstance(error, BookmarkAIError):
        return CheckResult(CheckStatus.FAIL, str(error))
    if isinstance(error, ImportError):
        return CheckResult(
            CheckStatus.FAIL,
            f"expected the package {error.name or 'it needs'} to be installed and whole, found: {type(error).__name__}",
            "install this package again, with all that it needs",
        )
    place = traceback.extract_tb(error.__traceback__)[-1]
    return CheckResult(
        CheckStatus.FAIL,
        f"the check itself broke: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}",
        "report this, with the versions of Python and of this package",
    )
