"""The rollout: its stages, and what the gate accepts."""

from typing import Annotated

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import NoDecode

from bookmarkai_assets.core.rollout.stages import AbortTarget, RolloutControl, Stage, check_stages
from bookmarkai_assets.settings.types import AbsolutePath


class RolloutSettings(BaseModel):
    """The settings of the rollout."""

    rollout_stages: Annotated[tuple[Stage, ...], NoDecode] = Field(
        tuple(Stage(percentage) for percentage in (10, 25, 50, 75, 100)),
        description="The rollout's stages in rising order, percentages of new media; shadow first copies and compares",
    )
    rollout_min_stage_hours: float = Field(168, ge=0, le=8760, description="The least time in a stage")
    rollout_control: RolloutControl = Field(
        RolloutControl.MANUAL, description="manual: the gate advises; automatic: it promotes and aborts by itself"
    )
    rollout_abort_to: AbortTarget = Field(
        AbortTarget.LAST_HELD, description="Where an abort goes back to: last, the stage that held before, or 0"
    )
    rollout_window_hours: float = Field(
        24, ge=1, le=720, description="The gate judges the transfers of this many hours"
    )
    rollout_min_sample: int = Field(50, ge=1, description="Uploads, and downloads, that the gate wants to see at least")
    rollout_max_failure_percent: float = Field(5, ge=0, le=100, description="Failed uploads that the gate accepts")
    rollout_max_upload_seconds: float = Field(30, gt=0, le=3600, description="Mean upload time that the gate accepts")
    rollout_max_download_seconds: float = Field(
        30, gt=0, le=3600, description="p95 of workers' download times from S3 that the gate accepts"
    )
    rollout_budget_usd: float | None = Field(
        None, gt=0, description="Budget for S3 per calendar month in USD; unset means none"
    )
    rollout_price_table: AbsolutePath | None = Field(
        None, description="A price table to use instead of the one that comes along; an absolute path"
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
