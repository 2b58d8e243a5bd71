"""Dagster's partitions of shares, made by hand in a home of its own."""

from pathlib import Path

import dagster as dg


def make_partitions(home: Path, *keys: str) -> None:
    """Let the Dagster of this home have these partitions, in this order."""
    home.mkdir(exist_ok=True)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_dynamic_partitions("shares", keys)
