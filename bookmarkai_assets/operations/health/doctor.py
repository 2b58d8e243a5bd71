"""Examining an installation: every check in a thread of its own, with a time limit, and none can stop the others.

Knows how checks are run and what a crash or silence of one means; what they look at is the adapters' part.
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
from bookmarkai_assets.core.health import CheckStatus, Finding

LIMIT_SECONDS = 15.0
"""Of a check that says no other: what works takes a tenth of it."""

END_SECONDS = 10.0
"""Granted at the end to checks that ran out of time, to take back what they have put somewhere."""

Tell = Callable[[Finding], None]
"""Takes the findings of a check as they come; raises `OutOfTimeError` when nobody waits for them any more."""


class OutOfTimeError(BookmarkAIError):
    """A check is past its time: it is to clean up and end."""


@dataclass(frozen=True)
class Check:
    """One check: the names of all that it will tell of, in their order, and how it looks."""

    names: tuple[str, ...]
    look: Callable[[Tell], object]
    """Tells of the names in their order; where it ends before the last, those left depend on the one it told last."""
    limit_seconds: float = LIMIT_SECONDS


@dataclass(frozen=True)
class Result:
    """One finding, and the seconds that passed since its check began or told the one before."""

    finding: Finding
    seconds: float


def look_once(name: str, look: Callable[[], Finding], *, limit_seconds: float = LIMIT_SECONDS) -> Check:
    """Make a check of a look that has one finding."""
    return Check((name,), lambda tell: tell(look()), limit_seconds)


def examine(
    checks: Sequence[Check], *, on_result: Callable[[Result], object] = lambda _: None, end_seconds: float = END_SECONDS
) -> list[Result]:
    """Run all checks side by side and give a result for each of their names, in order; `on_result` is told of each.

    A check that raises, or that says nothing until its limit, fails at the name it had come to, and its later names are
    skipped. Checks that are late are told to end, also when this is interrupted; those that do not within
    `end_seconds` are left behind.
    """
    results = []
    with _started(checks, end_seconds) as courses:
        for course in courses:
            for result in course.results():
                results.append(result)
                on_result(result)
    return results


@contextmanager
def _started(checks: Sequence[Check], end_seconds: float) -> Iterator[Sequence["_Course"]]:
    courses = [_Course(check) for check in checks]
    try:
        for course in courses:
            course.thread.start()
        yield courses
    finally:
        for course in courses:
            course.is_over.set()
        deadline = time.monotonic() + end_seconds
        for course in courses:
            if course.thread.ident is not None:
                course.thread.join(max(0.0, deadline - time.monotonic()))


class _Course:
    """One check under way."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._found: queue.SimpleQueue[tuple[Finding, float] | None] = queue.SimpleQueue()
        self._began = time.monotonic()
        self.is_over = threading.Event()
        # What hangs must not hold up the end of the process.
        self.thread = threading.Thread(target=self._run, name=f"check {check.names[0]}", daemon=True)

    def results(self) -> Iterator[Result]:
        """Give a result for each name, waiting for it until the check's limit."""
        deadline = self._began + self._check.limit_seconds
        before = self._began
        names = self._check.names
        for number, name in enumerate(names):
            try:
                told = self._found.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self.is_over.set()
                yield Result(_late(name, self._check.limit_seconds), time.monotonic() - before)
                yield from _skipped(names[number + 1 :], name)
                return
            if told is None:
                yield from _skipped(names[number:], names[number - 1])
                return
            finding, at = told
            yield Result(finding, at - before)
            before = at

    def _run(self) -> None:
        told = 0

        def tell(finding: Finding) -> None:
            nonlocal told
            if self.is_over.is_set():
                raise OutOfTimeError(f"expected {self._check.names[0]} to be done in time, found it too late")
            told += 1
            self._found.put((finding, time.monotonic()))

        try:
            self._check.look(tell)
        except OutOfTimeError:
            pass  # whoever waited has said so
        except Exception as error:  # a check that breaks is a finding, whatever the error is, and stops no other
            if told == len(self._check.names):
                raise
            self._found.put((_broken(self._check.names[told], error), time.monotonic()))
        self._found.put(None)


def _skipped(names: Sequence[str], cause: str) -> Iterator[Result]:
    for name in names:
        yield Result(Finding(name, CheckStatus.SKIP, f"not tried, because {cause!r} failed"), 0.0)


def _late(name: str, limit_seconds: float) -> Finding:
    return Finding(
        name,
        CheckStatus.FAIL,
        f"expected an answer within {limit_seconds:g} s, found none",
        "run it again; if it stays so, look for what does not answer: a server, a disk, or a machine that is too busy",
    )


def _broken(name: str, error: Exception) -> Finding:
    """Say what an error means. Only what we raise on purpose is worded so that it can be shown."""
    if isinstance(error, BookmarkAIError):
        return Finding(name, CheckStatus.FAIL, str(error))
    if isinstance(error, ImportError):
        return Finding(
            name,
            CheckStatus.FAIL,
            f"expected the package {error.name or 'it needs'} to be installed and whole, found: {type(error).__name__}",
            "install this package anew, with all that it needs",
        )
    place = traceback.extract_tb(error.__traceback__)[-1]
    return Finding(
        name,
        CheckStatus.FAIL,
        f"the check itself broke: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}",
        "report this, with the versions of Python and of this package",
    )
