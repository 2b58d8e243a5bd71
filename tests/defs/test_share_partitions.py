"""A run's partitions: how often the list of all shares is read for them, and that it is the right part of it."""

from collections import Counter
from collections.abc import Sequence

import dagster as dg
import pytest

from bookmarkai_assets.dagster_internals import PartitionsReadOnce
from tests.plugins.pipeline import ASSETS, Pipeline

READS = ("get_dynamic_partitions", "has_dynamic_partition")


@pytest.fixture
def reads(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the reads of partitions from the pipeline's instance."""
    count: Counter[str] = Counter()
    for name in READS:
        read = getattr(pipeline.instance, name)

        def counted(*args: object, name: str = name, read: object = read, **options: object) -> object:
            count[name] += 1
            return read(*args, **options)  # type: ignore[operator]

        monkeypatch.setattr(pipeline.instance, name, counted)
    return count


def test_more_shares_in_a_run_need_no_more_reads_of_the_list(pipeline: Pipeline, reads: Counter[str]) -> None:
    """All three assets, their checks and each share's metadata need only one reading of a run's range."""
    taken = []
    for count in (2, 12):
        shares = pipeline.share(*(f"{n}of{count}" for n in range(count)))
        reads.clear()
        assert pipeline.materialize(shares).success
        assert all(set(shares) <= pipeline.materialized(asset) for asset in ASSETS)
        taken.append(reads.copy())
    assert taken[0] == taken[1]


def keys(instance: dg.DagsterInstance, first: str, last: str) -> Sequence[str]:
    """Return the keys of a range."""
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        return PartitionsReadOnce(name="shares").get_partition_keys_in_range(dg.PartitionKeyRange(first, last))


def test_each_instance_has_shares_of_its_own() -> None:
    """The same range has other keys in another instance."""
    with dg.DagsterInstance.ephemeral() as one, dg.DagsterInstance.ephemeral() as other:
        one.add_dynamic_partitions("shares", ["a", "b", "z"])
        other.add_dynamic_partitions("shares", ["a", "c", "z"])
        assert keys(one, "a", "z") == ["a", "b", "z"]
        assert keys(other, "a", "z") == ["a", "c", "z"]
        assert keys(one, "b", "z") == ["b", "z"]


def test_a_range_that_did_not_exist_is_read_again() -> None:
    """An unknown key is an error until it is added."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("shares", ["a"])
        with pytest.raises(dg.DagsterInvalidInvocationError, match="Nonexistent partition keys"):
            keys(instance, "a", "b")
        instance.add_dynamic_partitions("shares", ["b"])
        assert keys(instance, "a", "b") == ["a", "b"]
