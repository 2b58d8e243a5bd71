"""A damaged media ends as one share's outcome. `make soak` tries 2,000 of them."""

from pathlib import Path

from tests.load.mutants import run


def test_damaged_media_do_no_harm(tiny_en_model: Path) -> None:
    """No mutant ends another process than its own, and none is done without a word where there was speech."""
    outcomes, violations = run(20, seed=7, model=str(tiny_en_model))
    assert violations == []
    assert outcomes["done"]
    assert outcomes["corrupt"]
