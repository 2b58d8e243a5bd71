"""Settings for the rollout: its stages, and what the gate accepts."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from bookmarkai_assets.core.rollout.stages import AbortTarget, RolloutControl, Stage, check_stages
from bookmarkai_assets.settings.types import AbsolutePath, SettingsPart


class RolloutSettings(SettingsPart):
    """The settings for the rollout."""

    rollout_stages: Annotated[tuple[Stage, ...], NoDecode] = Field(
        tuple(Stage(percentage) for percentage in (10, 25, 50, 75, 100)),
        description="The rollout's stages, rising percentages of new media; shadow may come first: copy and compare",
    )
    rollout_min_stage_hours: float = Field(168, ge=0, le=8760, description="Minimum time in a stage, in hours")
    rollout_control: RolloutControl = Field(
        RolloutControl.MANUAL, description="manual: the gate advises; automatic: it promotes and aborts by itself"
    )
    rollout_abort_to: AbortTarget = Field(
        AbortTarget.LAST_HELD, description="Where an abort goes back to: last (the last stage that held) or 0"
    )
    rollout_window_hours: float = Field(24, ge=1, le=720, description="How many hours of transfers the gate judges")
    rollout_min_sample: int = Field(
        50, ge=1, description="Minimum number of uploads, and of downloads, that the gate needs"
    )
    rollout_max_failure_percent: float = Field(
        5, ge=0, le=100, description="Failed uploads that the gate accepts, in percent"
    )
    rollout_max_upload_seconds: float = Field(
        30, gt=0, le=3600, description="Mean upload time that the gate accepts, in seconds"
    )
    rollout_max_download_seconds: float = Field(
        30, gt=0, le=3600, description="p95 of the workers' download times from S3 that the gate accepts, in seconds"
    )
    rollout_budget_usd: float | None = Field(
        None, gt=0, description="Budget for S3 per calendar month in USD; unset means none"
    )
    rollout_price_table: AbsolutePath | None = Field(
        None, description="Price table to use instead of the built-in one; an absolute path"
    )

    @field_validator("rollout_stages", mode="before")
    @classmethod
    def _split_stages(cls, value: object) -> object:
        return tuple(Stage.parse(name) for name in value.split(",")) if isinstance(value, str) else value

    @field_validator("rollout_stages")
    @classmethod
    def _stages_rise(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        check_stages(stages)
        return stages
