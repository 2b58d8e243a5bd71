"""The queue of runs, as each dagster.yaml that ships sets it up."""

from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from bookmarkai_assets.dagster_internals import max_concurrent_runs, open_instance
from tests.support.dagster_internals import seconds_between_looks_at_the_queue
from tests.support.project import PROJECT


@pytest.mark.parametrize("shipped", ["dagster_home/dagster.yaml", "deploy/cluster/dagster.yaml"])
def test_the_daemon_looks_at_the_queue_twice_a_second(tmp_path: Path, shipped: str) -> None:
    """Dagster takes the interval of our coordinator as it is, and the limit of runs counts beside it."""
    parts = yaml.safe_load((PROJECT / shipped).read_text())
    of_the_queue = {name: parts[name] for name in ("run_coordinator", "concurrency")}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(of_the_queue))
    with open_instance(str(tmp_path)) as instance:
        assert seconds_between_looks_at_the_queue(instance) == 0.5
        assert max_concurrent_runs(instance) == 2
