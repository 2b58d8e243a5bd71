"""The costs in README.md are those that the price table gives."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bookmarkai_infra.costs import LOADS, TABLE, Prices, bill, running_hours, tables, total
from bookmarkai_infra.stages import DEV, PROD, STAGES

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_readme_has_the_costs_of_the_price_table() -> None:
    """Change a stage or a price, and `python -m bookmarkai_infra.costs` prints what README.md should say."""
    assert tables(Prices.read()) in README


def test_every_price_says_where_it_is_from() -> None:
    """So that a reader knows which to look up."""
    table = json.loads(TABLE.read_text())
    assert {price["source"] for price in table["prices"].values()} <= table["sources"].keys()
    assert table["as_of"]


def test_the_readme_says_how_much_rests_on_prices_that_nobody_has_looked_up() -> None:
    """With those prices at nought, the rest is what the confirmed ones give."""
    table = json.loads(TABLE.read_text())
    prices = Prices.read()
    unconfirmed = {name for name, price in table["prices"].items() if price["source"] == "unconfirmed"}
    known = replace(prices, usd={name: 0.0 if name in unconfirmed else usd for name, usd in prices.usd.items()})
    for stage in STAGES.values():
        for load in LOADS:
            whole = total(bill(stage, load, prices))
            percent = 100 * (1 - total(bill(stage, load, known)) / whole)
            assert f"{stage.name} at {load:,}: {percent:.0f}%" in README


def test_lines_are_reckoned_as_by_hand() -> None:
    """Two NAT gateways for 730 hours and 1,000 x 30.4 x 10 MB x 95% through them."""
    lines = {line.what: line.usd for line in bill(PROD, 1000, Prices.read())}
    assert lines["NAT"] == pytest.approx(2 * 730 * 0.045 + 288.8 * 0.045)
    assert lines["PostgreSQL"] == pytest.approx(2 * 730 * 0.168 + 2 * 100 * 0.115)
    assert lines["S3"] == pytest.approx(70 * 0.023 + 30.4 * (8 * 0.005 + 4 * 0.0004))


def test_a_run_takes_what_has_come_in_since_the_last_look() -> None:
    """A thousand a day come one at a time, so each pays for the start of its task."""
    assert running_hours(DEV, 1000, Prices.read()) == pytest.approx(1000 * (60 + 3) * 30.4 / 3600)


def test_the_budgets_hold_what_is_expected() -> None:
    """A budget that is always exceeded is one that nobody reads."""
    prices = Prices.read()
    assert total(bill(DEV, 1000, prices)) < DEV.budget_usd
    assert total(bill(PROD, 100_000, prices)) < PROD.budget_usd


def test_the_stages_can_do_what_is_reckoned() -> None:
    """Prod has the workers for 100,000 shares a day. dev has the runs for 1,000, and not for 100,000."""
    prices = Prices.read()
    assert PROD.broker is not None
    assert running_hours(PROD, 100_000, prices) / prices.hours < PROD.broker.workers[1]
    assert running_hours(DEV, 1000, prices) / prices.hours < DEV.max_runs
    assert running_hours(DEV, 100_000, prices) / prices.hours > DEV.max_runs
