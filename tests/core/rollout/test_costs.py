"""What media in S3 cost: small cases by hand, and properties that always hold."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.rollout.costs import (
    GB,
    Deposit,
    MonthCost,
    PriceTable,
    Usage,
    byte_seconds,
    month_cost,
    running_cost,
    storage_cost,
    usage_of,
)
from bookmarkai_assets.core.rollout.windows import Window, day_of, month_of
from tests.support.storage_events import NOON, totals_of, transfer

PRICES = PriceTable("a test", date(2026, 1, 1), "nowhere", "USD", 0.023, 0.005, 0.0004, 0.09)
MARCH = month_of(datetime(2026, 3, 15, tzinfo=UTC))
DAY = timedelta(days=1)


def day(number: int) -> Window:
    """Return a day of March by its number; 0 and less are in February."""
    return Window(MARCH.start + (number - 1) * DAY, MARCH.start + number * DAY)


in_march = st.integers(0, 31 * 288).map(lambda fives: MARCH.start + timedelta(minutes=5 * fives))
stays = st.none() | st.integers(1, 40)
usages = st.builds(Usage, *[st.floats(0, 1e12)] * 4)


@st.composite
def deposits(draw: st.DrawFn, latest: datetime = MARCH.end) -> Deposit:
    """Generate bytes that arrived over a day, or a part of one, before a moment."""
    start = latest - timedelta(minutes=5 * draw(st.integers(1, 288 * 80)))
    end = min(day_of(start).end, start + timedelta(minutes=5 * draw(st.integers(1, 288))))
    return Deposit(Window(start, end), draw(st.integers(0, 1 << 45)))


many = st.lists(deposits(), max_size=8)


def test_a_gigabyte_for_a_month_costs_the_price() -> None:
    """2^30 bytes stored from the month's first moment to its last cost one GB-month, in any month."""
    for month in (MARCH, month_of(datetime(2026, 2, 1, tzinfo=UTC))):
        before = Deposit(Window(month.start - DAY, month.start), GB)
        stored = byte_seconds([before], month, expiry_days=None)
        assert storage_cost(stored, month.length, PRICES).storage == pytest.approx(0.023)


def test_amazons_own_example_is_reproduced() -> None:
    """100 GB for 15 days of March and 100 TB for the other 16 are 52,900 GB-months, as in the FAQ of S3."""
    prices = PriceTable("a test", date(2026, 1, 1), "nowhere", "USD", 1.0, 0, 0, 0)
    instant = timedelta(microseconds=1)
    first = Deposit(Window(MARCH.start, MARCH.start + instant), 107_374_182_400)
    rest = Deposit(Window(day(16).start, day(16).start + instant), 109_951_162_777_600 - 107_374_182_400)
    stored = byte_seconds([first, rest], MARCH, expiry_days=None)
    assert storage_cost(stored, MARCH.length, prices).total == pytest.approx(52_900, abs=1)


@pytest.mark.parametrize(
    ("arrival", "days", "seconds"),
    [
        (day(1), None, 30.5 * 86_400),  # evenly over the first day, so half of it on average
        (day(1), 7, 7.5 * 86_400),  # gone at the midnight seven days after the end of its day
        (day(31), 7, 0.5 * 86_400),
        (day(-7), 7, 0.0),  # put on 21 February: gone at the first midnight of March
        (day(-6), 7, 86_400.0),
        (Window(day(10).start, day(10).start + timedelta(hours=2)), 1, 47 * 3600.0),
    ],
)
def test_bytes_are_stored_until_their_midnight(arrival: Window, days: int | None, seconds: float) -> None:
    """A byte counts from its arrival, spread evenly over its window, to the midnight at which the rule deletes it."""
    assert byte_seconds([Deposit(arrival, 1)], MARCH, expiry_days=days) == pytest.approx(seconds)


@given(many, in_march, in_march, in_march, stays)
def test_storage_adds_up_over_adjacent_windows(
    deposited: list[Deposit], a: datetime, b: datetime, c: datetime, days: int | None
) -> None:
    """What is stored over two adjacent windows is what is stored over both together, and never negative."""
    start, middle, end = sorted([a, b, c])
    parts = [
        byte_seconds(deposited, window, expiry_days=days) for window in (Window(start, middle), Window(middle, end))
    ]
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(byte_seconds(deposited, Window(start, end), expiry_days=days))


@given(many, deposits(), in_march, in_march, stays)
def test_storage_rises_with_bytes_and_with_expiry(
    deposited: list[Deposit], another: Deposit, a: datetime, b: datetime, days: int | None
) -> None:
    """One more deposit, or a longer expiry, never makes storage less."""
    window = Window(min(a, b), max(a, b))
    stored = byte_seconds(deposited, window, expiry_days=days)
    assert byte_seconds([*deposited, another], window, expiry_days=days) >= stored
    for longer in (None, days and days + 1):
        assert byte_seconds(deposited, window, expiry_days=longer) >= stored


@given(usages, usages)
def test_requests_and_transfer_add_up(one: Usage, other: Usage) -> None:
    """Requests and transfer of two windows cost what those of both together do, and never less than nothing."""
    both = Usage(
        one.put_bytes + other.put_bytes,
        one.put_requests + other.put_requests,
        one.get_requests + other.get_requests,
        one.get_bytes + other.get_bytes,
    )
    added, cost = running_cost(one, PRICES) + running_cost(other, PRICES), running_cost(both, PRICES)
    assert [added.requests, added.transfer] == pytest.approx([cost.requests, cost.transfer])
    assert min(cost.storage, cost.requests, cost.transfer) >= 0
    assert cost.total == pytest.approx(cost.requests + cost.transfer)


def test_requests_and_transfer_have_their_own_prices() -> None:
    """A thousand puts, a thousand gets and a gigabyte read cost 0.005, 0.0004 and 0.09 USD; bytes put cost nothing."""
    usage = Usage(put_bytes=5 * GB, put_requests=1000, get_requests=1000, get_bytes=GB)
    cost = running_cost(usage, PRICES)
    assert [cost.storage, cost.requests, cost.transfer] == pytest.approx([0, 0.0054, 0.09])


def test_usage_is_the_requests_to_s3() -> None:
    """Failed requests are counted, failed bytes are not, and nothing of the local backend is."""
    mb = 1 << 20
    events = [
        transfer(size_bytes=40 * mb),  # three parts and two requests around them
        transfer(purpose="move", size_bytes=mb),
        transfer(size_bytes=mb, error="timeout"),
        transfer(operation="get", purpose="transcribe", size_bytes=20 * mb),
        transfer(operation="get", size_bytes=mb, error="not_found"),
        transfer(backend="local", size_bytes=mb),
        transfer(operation="fetch", backend="site", size_bytes=mb),
    ]
    window = Window(NOON, NOON + timedelta(minutes=5))
    assert usage_of(totals_of(events, window)) == Usage(41 * mb, 7, 3, 20 * mb)


def test_a_deposit_takes_time() -> None:
    """Bytes that arrived over no time at all are refused."""
    with pytest.raises(ValueError, match="a stretch of time"):
        Deposit(Window(NOON, NOON), 1)


def cost_at(until: datetime, deposited: list[Deposit], used: Usage, pace: Usage, days: int | None) -> MonthCost:
    """Return March's cost at a moment."""
    return month_cost(MARCH, until, deposited, used, pace, PRICES, expiry_days=days)


@given(many, in_march, usages, usages, stays)
def test_a_month_never_gets_cheaper(
    deposited: list[Deposit], until: datetime, used: Usage, pace: Usage, days: int | None
) -> None:
    """No part of the projection is below what it has cost already, and neither is negative."""
    cost = cost_at(until, deposited, used, pace, days)
    for part in ("storage", "requests", "transfer"):
        assert 0 <= getattr(cost.to_date, part) <= getattr(cost.projected, part)


@given(many, usages, usages, stays)
def test_at_the_months_end_nothing_is_projected(
    deposited: list[Deposit], used: Usage, pace: Usage, days: int | None
) -> None:
    """When the month is over, its projection is its cost, whatever the pace."""
    cost = cost_at(MARCH.end, deposited, used, pace, days)
    assert cost.projected == cost.to_date


@given(st.integers(1, 31 * 288), st.floats(0, 1e7), stays)
def test_a_steady_pace_is_projected_rightly(fives: int, bytes_a_second: float, days: int | None) -> None:
    """If everything goes on unchanged, the projection at any moment is what the month finally costs."""
    until = MARCH.start + timedelta(minutes=5 * fives)
    pace = Usage(bytes_a_second, 0.5, 0.25, bytes_a_second / 10)

    def at(moment: datetime) -> MonthCost:
        first = MARCH.start - 60 * DAY
        stretches = []
        while first < moment:
            stretches.append(Window(first, min(first + DAY, moment)))
            first += DAY
        deposited = [Deposit(window, bytes_a_second * window.length.total_seconds()) for window in stretches]
        return cost_at(moment, deposited, pace.times((moment - MARCH.start).total_seconds()), pace, days)

    projected, final = at(until).projected, at(MARCH.end).to_date
    assert projected.storage == pytest.approx(final.storage)
    assert projected.requests == pytest.approx(final.requests)
    assert projected.transfer == pytest.approx(final.transfer)


def test_without_a_pace_the_stock_runs_out() -> None:
    """When nothing more arrives, what is stored is charged for until it expires, and no longer."""
    deposited = [Deposit(day(1), GB)]
    cost = cost_at(day(3).start, deposited, Usage(), Usage(), 7)
    assert cost.to_date.storage == pytest.approx(0.023 * 1.5 / 31)
    assert cost.projected.storage == pytest.approx(0.023 * 7.5 / 31)
