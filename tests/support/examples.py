"""How many examples a property is tried with: fewer in `make test` than in `make soak`.

The profile is chosen on the command line, with pytest's `--hypothesis-profile`. `tests/conftest.py` makes both.
"""

from hypothesis import settings

QUICK, SOAK = "quick", "soak"
"""The names of the profiles."""

EXAMPLES = {QUICK: 33, SOAK: 100}
"""For a property that says nothing else."""


def examples(in_soak: int) -> int:
    """Return how many examples to try now of those that `make soak` tries: all, or in `make test` a third."""
    profile = settings.get_current_profile_name()
    return in_soak if profile == SOAK else -(-in_soak * EXAMPLES[QUICK] // EXAMPLES[SOAK])
