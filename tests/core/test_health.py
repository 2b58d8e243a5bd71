"""The rules of an installation's health."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.health import (
    YTDLP_FLOOR,
    YTDLP_STALE_AFTER,
    CheckStatus,
    check_python,
    check_ytdlp,
    share_heard,
)

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("version", "today", "status"),
    [
        ((3, 10, 14), TODAY, CheckStatus.FAIL),
        ((3, 11, 0), TODAY, CheckStatus.PASS),
        ((3, 11, 9), date(2027, 10, 31), CheckStatus.PASS),
        ((3, 11, 9), date(2027, 11, 1), CheckStatus.WARN),
        ((3, 13, 2), TODAY, CheckStatus.PASS),
        ((3, 29, 0), TODAY, CheckStatus.PASS),
    ],
)
def test_python_is_checked_by_its_release(version: tuple[int, int, int], today: date, status: CheckStatus) -> None:
    """Below 3.11 fails, a release after its last security fixes warns, and a release that is not known yet passes."""
    assert check_python(version, today=today).status is status


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("2026.10.26", CheckStatus.PASS),
        ("2026.11.22.232901.dev0", CheckStatus.PASS),
        ("2026.9.23", CheckStatus.PASS),
        ("2026.9.22", CheckStatus.WARN),
        ("2026.7.4", CheckStatus.WARN),
        ("2026.7.3", CheckStatus.FAIL),
        ("2021.12.17", CheckStatus.FAIL),
        ("2026.13.45", CheckStatus.FAIL),
        ("unknown", CheckStatus.FAIL),
    ],
)
def test_ytdlp_is_checked_by_its_date(version: str, status: CheckStatus) -> None:
    """A yt-dlp from before the floor, or without a date, fails, and one older than sixty days warns.

    Both results have the command that helps.
    """
    result = check_ytdlp(version, today=TODAY, install="pip install yt-dlp")
    assert result.status is status
    assert result.command == (None if status is CheckStatus.PASS else "pip install yt-dlp")


@given(released=st.dates(date(2020, 1, 1), date(2030, 1, 1)), days=st.integers(0, 2000))
def test_a_release_that_passes_is_neither_vulnerable_nor_old(released: date, days: int) -> None:
    """A release that passes is from the floor's day or later and within the age limit, whatever today's date."""
    result = check_ytdlp(released.strftime("%Y.%m.%d"), today=released + timedelta(days=days), install="install")
    is_good = released >= YTDLP_FLOOR and timedelta(days=days) <= YTDLP_STALE_AFTER
    assert (result.status is CheckStatus.PASS) == is_good


@pytest.mark.parametrize(
    ("transcribed", "share"),
    [
        ("boil THE pasta, in salted water!", 1.0),
        ("please boil the pasta in the salted water", 1.0),
        ("boil the plaster in salty water", 4 / 6),
        ("water", 1 / 6),
        ("", 0.0),
    ],
)
def test_words_are_compared_in_their_order(transcribed: str, share: float) -> None:
    """Case and punctuation do not count, nor do added words."""
    assert share_heard("Boil the pasta in salted water.", transcribed) == pytest.approx(share)


def test_a_sample_without_words_cannot_be_compared() -> None:
    """Comparing with a sample without words is the caller's mistake, not a fraction of zero."""
    with pytest.raises(ValueError, match="with words"):
        share_heard("…", "something")
