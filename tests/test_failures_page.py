"""docs/failures.md has each outcome as the code has it, and next steps name what exists."""

import re

import pytest
import typer

from bookmarkai_assets.cli.main import make_app
from bookmarkai_assets.core.outcomes import ENDS_WELL, FAILURES, FailureKind, Outcome
from bookmarkai_assets.settings.settings import Settings
from tests.support.project import PROJECT

PAGE = PROJECT / "docs" / "failures.md"


def test_the_page_has_each_outcome_as_the_code_has_it() -> None:
    """There is a row for each failure, in order, and no other."""
    rows = [
        f"| `{outcome}` | {'transient' if kind.is_transient else 'terminal'} | {kind.next_step} |"
        for outcome, kind in FAILURES.items()
    ]
    table = PAGE.read_text("utf-8").partition("| --- | --- | --- |\n")[2]
    assert table.splitlines() == rows


def test_every_outcome_but_the_good_ends_is_a_failure_with_a_next_step() -> None:
    """Every failure has a kind and a next step, and no outcome is both a failure and a good end."""
    assert set(FAILURES) == set(Outcome) - ENDS_WELL


@pytest.mark.parametrize("kind", FAILURES.values(), ids=FAILURES)
def test_a_next_step_names_only_what_exists(kind: FailureKind) -> None:
    """Its settings are settings, and its commands are commands."""
    assert kind.next_step.endswith(".")
    for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", kind.next_step):
        assert name.lower() in Settings.model_fields
    commands = re.findall(r"`bookmarkai ([^`]+)`", kind.next_step)
    for command in [*commands, *re.findall(r"^bookmarkai ([a-z ]+)", PAGE.read_text("utf-8"), re.MULTILINE)]:
        here = typer.main.get_command(make_app())
        for word in command.split():
            here = getattr(here, "commands", {word: here})[word]
