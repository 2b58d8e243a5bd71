"""The result of a health check, and the checks that are pure rules.

Checks that have to look at something live beside their adapter. `operations.health.doctor` runs them.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import SequenceMatcher
from enum import StrEnum

YTDLP_FLOOR = date(2026, 7, 4)
"""Releases of yt-dlp before this one have published vulnerabilities that a hostile site can use."""

YTDLP_STALE_AFTER = timedelta(days=60)
"""Sites change, and yt-dlp follows about once a month. An installation two releases behind will soon fail on a site."""

PYTHON_FLOOR = (3, 11)
_PYTHON_END_OF_LIFE = {
    (3, 11): date(2027, 10, 31),
    (3, 12): date(2028, 10, 31),
    (3, 13): date(2029, 10, 31),
    (3, 14): date(2030, 10, 31),
}
"""When each release gets its last security fix, from the release schedules: PEP 664, 693, 719, 745."""

WELL_HEARD = 0.8
"""The share of a clear sample's words that a model should hear. tiny.en, the smallest model, hears all of them."""


class CheckStatus(StrEnum):
    """How a check ended. Only `fail` means that something does not work."""

    PASS = "pass"  # noqa: S105 - a verdict
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True)
class CheckResult:
    """What a check found. `remedy` says in words what to do. `command`, if there is one, does it or shows more.

    A result does not hold the name of its check: whoever runs the check knows it.
    """

    status: CheckStatus
    found: str
    remedy: str | None = None
    command: str | None = None


@dataclass(frozen=True)
class TimedResult:
    """A result with the name it is shown under, and how many seconds it took to get."""

    name: str
    result: CheckResult
    seconds: float


def check_python(version: tuple[int, int, int], *, today: date) -> CheckResult:
    """Check a version of Python: whether it is recent enough to run this, and still gets security fixes."""
    found = f"Python {'.'.join(map(str, version))}"
    release = version[:2]
    floor = ".".join(map(str, PYTHON_FLOOR))
    if release < PYTHON_FLOOR:
        return CheckResult(CheckStatus.FAIL, found, f"install Python {floor} or later, and this package under it")
    end = _PYTHON_END_OF_LIFE.get(release)
    if end is not None and today > end:
        return CheckResult(
            CheckStatus.WARN,
            f"{found}, which gets no security fixes since {end}",
            "install a later Python, and this package under it",
        )
    return CheckResult(CheckStatus.PASS, found)


def check_ytdlp(version: str, *, today: date, install: str) -> CheckResult:
    """Check a version of yt-dlp by its date. `install` is the command that installs the newest release."""
    numbers = re.match(r"(\d{4})\.(\d{1,2})\.(\d{1,2})", version)
    try:
        released = date(*(int(number) for number in numbers.groups())) if numbers else None
    except ValueError:
        released = None
    if released is None:
        return CheckResult(
            CheckStatus.FAIL,
            f"expected a release of yt-dlp, named by its date, found version {version[:40]!r}",
            "install a release: whether this one has known vulnerabilities cannot be told",
            install,
        )
    if released < YTDLP_FLOOR:
        return CheckResult(
            CheckStatus.FAIL,
            f"yt-dlp {version} has known vulnerabilities, fixed in {YTDLP_FLOOR:%Y.%m.%d}",
            "stop downloading, and install a newer one",
            install,
        )
    age = (today - released).days
    found = f"yt-dlp {version}, {age} days old" if age > 0 else f"yt-dlp {version}"
    if today - released > YTDLP_STALE_AFTER:
        return CheckResult(CheckStatus.WARN, found, "sites change: install the newest release", install)
    return CheckResult(CheckStatus.PASS, found)


def share_heard(expected: str, heard: str) -> float:
    """Return the share, 0 to 1, of the expected words that were heard in order. Case and punctuation do not count.

    Raises ValueError if no word is expected.
    """
    words, found = _split_words(expected), _split_words(heard)
    if not words:
        raise ValueError("expected a text with words in it, found none")
    same = SequenceMatcher(None, words, found, autojunk=False).get_matching_blocks()
    return sum(block.size for block in same) / len(words)


def _split_words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())
