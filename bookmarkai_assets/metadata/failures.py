"""The metadata of `retry_debt`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import dagster as dg

from bookmarkai_assets.batches import RunMetadata
from bookmarkai_assets.metadata.tables import MAX_ROWS, cap_selection, markdown_table


def debt_metadata(report: Mapping[str, Any]) -> RunMetadata:
    """Describe the failures that stand, given as `operations.failures.debt.debt_report` does."""
    at = datetime.fromisoformat(report["at"])
    ages = [(at - datetime.fromisoformat(line["oldest"])).total_seconds() for line in report["failures"]]
    rows = [
        (line["outcome"], line["platform"], line["age"], line["count"], line["remedy"], f"`{line['command']}`")
        for line in report["failures"]
    ] + [
        ("postponed", held["site"] or "", "", held["count"], "put off, not failed", f"`{held['command']}`")
        for held in report["held"]
    ]
    return {
        **{name: report[name] for name in ("total", "transient", "terminal", "waiting")},
        "oldest_hours": round(max(ages, default=0) / 3600, 1),
        "put_off": report["put_off"],
        "failures": dg.MetadataValue.md(
            markdown_table(["outcome", "platform", "age", "shares", "heals", "what to do"], rows)
            if rows
            else "No share has failed, and none is put off."
        ),
        "partitions": dg.MetadataValue.json(
            {
                f"{line['outcome']} {line['platform']} {line['age']}": cap_selection(
                    line["partitions"] or "", "bookmarkai shares debt --partitions"
                )
                for line in report["failures"][:MAX_ROWS]
            }
        ),
    }
