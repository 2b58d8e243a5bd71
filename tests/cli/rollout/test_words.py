"""The message about a decision that was just recorded."""

import pytest

from bookmarkai_assets.cli.rollout.words import describe_effect
from bookmarkai_assets.core.media.placement import StorageMode, StoragePolicy
from bookmarkai_assets.core.rollout.policy import resolve_policy
from tests.support.decisions import history_of


@pytest.mark.parametrize(
    ("mode", "steps", "words"),
    [
        ("local", ["set 10"], "without effect: STORAGE_MODE=local"),
        ("local", ["set 10", "rollback"], "without effect: STORAGE_MODE=local"),
        ("s3", ["set 10"], "without effect until STORAGE_MODE is hybrid"),
        ("s3", ["set 10", "rollback"], "everything new goes to the local directory"),
        ("hybrid", ["set 10", "rollback"], "everything new goes to the local directory"),
        ("hybrid", ["set shadow"], "a copy of it to S3 to be compared"),
        ("hybrid", ["set 10"], "10% of new media go to S3, from the next placement on"),
        (
            "hybrid",
            ["rollback", "resume"],
            "30% of new media go to S3, from the next placement on (S3_SPLIT_PERCENTAGE",
        ),
    ],
)
def test_the_effect_is_described(mode: str, steps: list[str], words: str) -> None:
    """A decision that has no effect under these settings is recorded anyway, and the message says so."""
    effective = resolve_policy(StoragePolicy(StorageMode(mode), 30), history_of(*steps)[-1])
    assert words in describe_effect(effective)
