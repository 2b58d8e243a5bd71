"""The contract with the pinned Dagster's private attribute: a step can materialize some of its partitions."""

from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from typing_extensions import override

from bookmarkai_assets.batches import narrow_to

letters = dg.DynamicPartitionsDefinition(name="letters")


class Narrowing(dg.IOManager):
    """Materializes the partitions whose value is true."""

    @override
    def handle_output(self, context: dg.OutputContext, obj: dict[str, bool]) -> None:
        context.step_context.add_asset_metadata({"size": 1}, asset_key=context.asset_key, partition_key="a")
        narrow_to(context, {key for key, is_good in obj.items() if is_good})

    @override
    def load_input(self, context: dg.InputContext) -> Any:
        raise NotImplementedError


def run(goods: str) -> tuple[dg.ExecuteInProcessResult, dg.DagsterInstance]:
    """Materialize the partitions a, b and c in one run, of which `goods` succeed."""

    @dg.asset(partitions_def=letters, backfill_policy=dg.BackfillPolicy.single_run())
    def letter(context: dg.AssetExecutionContext) -> dict[str, bool]:
        return {key: key in goods for key in context.partition_keys}

    instance = dg.DagsterInstance.ephemeral()
    instance.add_dynamic_partitions("letters", ["a", "b", "c"])
    result = dg.materialize(
        [letter],
        instance=instance,
        resources={"io_manager": Narrowing()},
        tags={ASSET_PARTITION_RANGE_START_TAG: "a", ASSET_PARTITION_RANGE_END_TAG: "c"},
        raise_on_error=False,
    )
    return result, instance


def test_only_the_named_partitions_are_materialized() -> None:
    """Dagster records the partitions that succeeded, each with its own metadata, and no other."""
    result, instance = run("ac")
    assert result.success
    assert instance.get_materialized_partitions(dg.AssetKey("letter")) == {"a", "c"}
    events = {event.partition: event for event in result.asset_materializations_for_node("letter")}
    assert set(events) == {"a", "c"}
    assert events["a"].metadata["size"].value == 1
    assert "size" not in events["c"].metadata


def test_no_partition_left_is_an_error() -> None:
    """Nothing is recorded for the asset as a whole when every partition failed."""
    result, instance = run("")
    assert not result.success
    assert instance.get_materialized_partitions(dg.AssetKey("letter")) == set()
    assert instance.get_latest_materialization_event(dg.AssetKey("letter")) is None


def test_an_empty_set_is_refused() -> None:
    """The function itself refuses what Dagster would misread."""
    with pytest.raises(ValueError, match="at least one"):
        narrow_to(dg.build_output_context(), set())
