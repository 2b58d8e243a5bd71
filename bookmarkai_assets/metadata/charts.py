"""The rollout's charts as markdown with a picture in it, so small that Dagster's pages show them without a click.

Dagster shows markdown below 1,000 characters where it stands, and hides longer markdown behind a link. A chart as PNG
takes ten times that.
"""

from collections.abc import Sequence

import dagster as dg

from bookmarkai_assets.core.rollout import charts
from bookmarkai_assets.core.rollout.metrics import Target, WindowMetrics

SHOWN_CHARACTERS = 999
"""The longest markdown that Dagster shows where it stands."""


def split_chart(steps: Sequence[WindowMetrics], targets: Sequence[Target]) -> dg.MetadataValue:
    """Show S3's share of new media by the hour, and the percentage that was the target at each moment."""
    return _show(charts.split_chart(steps, targets))


def failures_chart(steps: Sequence[WindowMetrics]) -> dg.MetadataValue:
    """Show the share of failed transfers to and from S3 by the hour."""
    return _show(charts.failures_chart(steps))


def latency_chart(steps: Sequence[WindowMetrics]) -> dg.MetadataValue:
    """Show how long 95% of the uploads to S3, and of workers' downloads from it, took at most, by the hour."""
    return _show(charts.latency_chart(steps))


def _show(chart: charts.Chart | None) -> dg.MetadataValue:
    if chart is None:
        return dg.MetadataValue.text("nothing to draw: no transfers within a day")
    return dg.MetadataValue.md(f"![{chart.title}](<data:image/svg+xml,{_quote(chart.svg)}>)")


def _quote(picture: str) -> str:
    """Write a picture as part of a URL within angle brackets, with as few characters as that takes."""
    for character in "%<>":
        picture = picture.replace(character, f"%{ord(character):02X}")
    return picture
