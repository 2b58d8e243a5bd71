"""Settings for intake: how shares are picked up, leases, retries, and how long a store that fails is left alone."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from pydantic import Field

from bookmarkai_assets.settings.types import Problem, SettingsPart


class IntakeSettings(SettingsPart):
    """The settings for the sensor, leases, retries, and stores that fail."""

    sensor_watch_seconds: float = Field(
        4,
        ge=0,
        le=30,
        description="Seconds that a sensor tick watches for new shares; Dagster ticks at most every 5 s",
    )
    sensor_batch_size: int = Field(20, ge=1, le=1000, description="Maximum shares in a run when there is a backlog")
    sensor_batches_per_tick: int = Field(
        4, ge=1, le=100, description="Maximum shares that one sensor tick launches, counted in full runs"
    )
    lease_seconds: float = Field(
        30,
        ge=6,
        le=3600,
        description="Seconds without a sign of life after which a worker counts as dead and its shares are free again",
    )
    retry_max_attempts: int = Field(3, ge=1, description="Attempts before a share is parked as error")
    retry_base_seconds: float = Field(
        30, gt=0, le=86_400, description="Wait before the second attempt, in seconds; doubles each time"
    )
    retry_max_seconds: float = Field(3600, gt=0, le=2_592_000, description="Longest wait between attempts, in seconds")
    store_pause_seconds: float = Field(
        15,
        gt=0,
        le=86_400,
        description="First pause of a store that fails for everybody, in seconds; doubles each time",
    )
    store_max_pause_seconds: float = Field(300, gt=0, le=86_400, description="Longest pause of a store, in seconds")


def intake_problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the intake settings that contradict each other, given their raw values."""
    with suppress(TypeError, ValueError):  # a value that is no number is reported by its own validation
        watch = float(data.get("sensor_watch_seconds", IntakeSettings.model_fields["sensor_watch_seconds"].default))
        lease = float(data.get("lease_seconds", IntakeSettings.model_fields["lease_seconds"].default))
        if lease < 2 * watch:
            yield "lease_seconds", f"it must be at least twice SENSOR_WATCH_SECONDS, which is {watch:g}"
