"""What operators read about the gate: a command for each rule, and durations."""

from datetime import timedelta

import pytest

from bookmarkai_assets.core.rollout.gate import RuleName
from bookmarkai_assets.core.rollout.gate_figures import CAUSE_COMMANDS, format_length


@pytest.mark.parametrize("rule", RuleName)
def test_every_rule_has_a_command(rule: RuleName) -> None:
    """Whatever rule fails, the operator is given a command that shows its cause."""
    assert CAUSE_COMMANDS[rule].startswith("bookmarkai ")


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (timedelta(0), "0 minutes"),
        (timedelta(microseconds=1), "1 minute"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(days=3, hours=4, minutes=5), "3 days 4 hours"),
        (timedelta(days=7, seconds=-1), "7 days"),
        (timedelta(days=1, minutes=2), "1 day 2 minutes"),
    ],
)
def test_a_duration_has_two_units(time: timedelta, words: str) -> None:
    """A duration has its two largest units, rounded up to the minute, so that what is left never reads as over."""
    assert format_length(time) == words
