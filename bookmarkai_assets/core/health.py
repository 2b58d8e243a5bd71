"""What an installation's health consists of: findings with their remedies, and the rules that need no look at anything.

Looking is the adapters' part, running the looks and giving up on them `operations.health.doctor`'s.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import SequenceMatcher
from enum import StrEnum

YTDLP_FLOOR = date(2026, 7, 4)
"""yt-dlp's releases before this one have published vulnerabilities that a hostile site can use."""

YTDLP_STALE_AFTER = timedelta(days=60)
"""Sites change and yt-dlp follows, about once a month; one that missed two releases will soon fail on some site."""

PYTHON_FLOOR = (3, 11)
_PYTHON_END_OF_LIFE = {
    (3, 11): date(2027, 10, 31),
    (3, 12): date(2028, 10, 31),
    (3, 13): date(2029, 10, 31),
    (3, 14): date(2030, 10, 31),
}
"""The last month with security fixes, from the release schedules: PEP 664, 693, 719, 745."""

WELL_HEARD = 0.8
"""Of a clear sample's words; tiny.en, the smallest model, hears all of them."""


class CheckStatus(StrEnum):
    """How one check ended. Only `fail` means that something does not work."""

    PASS = "pass"  # noqa: S105 - a verdict
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True)
class Finding:
    """What one look found. `remedy` is what to do, in words; `command` does it, or tells more, where one can."""

    name: str
    status: CheckStatus
    found: str
    remedy: str | None = None
    command: str | None = None


def judge_python(name: str, version: tuple[int, int, int], *, today: date) -> Finding:
    """Judge the Python that runs this: the floor, and whether it still gets security fixes."""
    found = f"Python {'.'.join(map(str, version))}"
    release = version[:2]
    floor = ".".join(map(str, PYTHON_FLOOR))
    if release < PYTHON_FLOOR:
        return Finding(name, CheckStatus.FAIL, found, f"install Python {floor} or later, and this package under it")
    end = _PYTHON_END_OF_LIFE.get(release)
    if end is not None and today > end:
        return Finding(
            name,
            CheckStatus.WARN,
            f"{found}, which gets no security fixes since {end}",
            "install a later Python, and this package under it",
        )
    return Finding(name, CheckStatus.PASS, found)


def judge_ytdlp(name: str, version: str, *, today: date, install: str) -> Finding:
    """Judge yt-dlp by the date that its version is. `install` is the command that brings the newest release."""
    numbers = re.match(r"(\d{4})\.(\d{1,2})\.(\d{1,2})", version)
    try:
        released = date(*(int(number) for number in numbers.groups())) if numbers else None
    except ValueError:
        released = None
    if released is None:
        return Finding(
            name,
            CheckStatus.FAIL,
            f"expected a release of yt-dlp, named by its date, found version {version[:40]!r}",
            "install a release: whether this one has known vulnerabilities cannot be told",
            install,
        )
    if released < YTDLP_FLOOR:
        return Finding(
            name,
            CheckStatus.FAIL,
            f"yt-dlp {version} has known vulnerabilities, fixed in {YTDLP_FLOOR:%Y.%m.%d}",
            "stop downloading, and install a newer one",
            install,
        )
    age = (today - released).days
    found = f"yt-dlp {version}, {age} days old" if age > 0 else f"yt-dlp {version}"
    if today - released > YTDLP_STALE_AFTER:
        return Finding(name, CheckStatus.WARN, found, "sites change: install the newest release", install)
    return Finding(name, CheckStatus.PASS, found)


def share_heard(expected: str, heard: str) -> float:
    """Give the share, 0 to 1, of the expected words that were heard in their order. Case and punctuation do not count.

    Raises ValueError when no word is expected.
    """
    words, found = _words(expected), _words(heard)
    if not words:
        raise ValueError("expected a text with words in it, found none")
    same = SequenceMatcher(None, words, found, autojunk=False).get_matching_blocks()
    return sum(block.size for block in same) / len(words)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())
