"""What passes between the steps of a run: an immutable result or failure for each share."""

from typing import Any

import pytest

from bookmarkai_assets.operations.shares.share_results import ShareResults
from tests.support.catalog import GONE, UNREACHABLE

RESULTS: ShareResults[int] = ShareResults({"b": 2, "a": GONE, "c": 3})


def test_it_is_a_mapping_in_the_order_of_the_shares() -> None:
    """It can be used as any mapping."""
    assert list(RESULTS) == ["b", "a", "c"]
    assert (RESULTS["a"], RESULTS["c"], len(RESULTS)) == (GONE, 3, 3)
    assert RESULTS == {"a": GONE, "b": 2, "c": 3}
    assert "d" not in RESULTS


def test_good_and_bad_are_separated() -> None:
    """Both come in the order of the shares."""
    assert list(RESULTS.succeeded.items()) == [("b", 2), ("c", 3)]
    assert list(RESULTS.failures.items()) == [("a", GONE)]


def test_a_later_failure_makes_a_new_object() -> None:
    """The failure is at the share's place in a new object, and the first one does not change."""
    later = RESULTS.with_failures({"c": UNREACHABLE})
    assert list(later.items()) == [("b", 2), ("a", GONE), ("c", UNREACHABLE)]
    assert RESULTS["c"] == 3


def test_a_failure_of_an_unknown_share_is_refused() -> None:
    """The run does not have that share."""
    with pytest.raises(KeyError, match="'d'"):
        RESULTS.with_failures({"d": GONE})


def test_failures_are_told_apart_by_their_step() -> None:
    """The first step that names itself stays in a failure, and results have none."""
    fetched = RESULTS.failed_at("raw_video")
    stored = fetched.with_failures({"b": GONE}).failed_at("stored_media")
    assert {share: failure.step for share, failure in stored.failures.items()} == {
        "a": "raw_video",
        "b": "stored_media",
    }
    assert stored.succeeded == {"c": 3}
    assert RESULTS["a"] == GONE


def test_results_are_immutable() -> None:
    """It changes neither directly nor through what it was made from."""
    source: dict[str, Any] = {"a": 1}
    made: Any = ShareResults(source)
    source["a"] = 2
    assert made["a"] == 1
    with pytest.raises(TypeError, match="item assignment"):
        made["a"] = 2
    made.succeeded["a"] = 2
    assert made["a"] == 1
