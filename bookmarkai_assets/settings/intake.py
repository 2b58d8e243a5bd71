"""Intake: how shares are picked up, how long a lease lasts, and when a failed attempt is repeated."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, Field

from bookmarkai_assets.settings.types import Problem


class IntakeSettings(BaseModel):
    """The settings of the sensor, of leases and of retries."""

    sensor_watch_seconds: float = Field(
        4, ge=0, le=30, description="How long one sensor tick watches for new shares; Dagster ticks every 5 s at most"
    )
    sensor_batch_size: int = Field(20, ge=1, le=1000, description="Most shares per run when there is a backlog")
    sensor_batches_per_tick: int = Field(4, ge=1, le=100, description="Full runs whose shares one look may launch")
    lease_seconds: float = Field(
        60, ge=6, le=3600, description="A share whose worker is silent this long is free again"
    )
    retry_max_attempts: int = Field(3, ge=1, description="Attempts before a share is parked as error")
    retry_base_seconds: float = Field(
        30, gt=0, le=86_400, description="Wait before the second attempt; doubles each time"
    )
    retry_max_seconds: float = Field(3600, gt=0, le=2_592_000, description="Longest wait between attempts")


def intake_problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the settings of intake that contradict each other, from their raw values."""
    with suppress(TypeError, ValueError):  # each one's own validation reports a value that is not a number
        watch = float(data.get("sensor_watch_seconds", IntakeSettings.model_fields["sensor_watch_seconds"].default))
        lease = float(data.get("lease_seconds", IntakeSettings.model_fields["lease_seconds"].default))
        if lease < 2 * watch:
            yield "lease_seconds", f"it must be at least twice SENSOR_WATCH_SECONDS, which is {watch:g}"
