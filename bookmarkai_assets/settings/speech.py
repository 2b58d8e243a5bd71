"""Settings for speech: which engine and model transcribe, and how."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field

from bookmarkai_assets.core.transcripts.transcript import Task
from bookmarkai_assets.settings.types import AbsolutePath, Problem, SettingsPart


class SpeechEngineName(StrEnum):
    """The values of `WHISPER_ENGINE`."""

    FASTER_WHISPER = "faster-whisper"
    OPENAI_WHISPER = "openai-whisper"


class NamesFrom(StrEnum):
    """The values of `WHISPER_NAMES`: where the names come from that the engine expects to be spoken."""

    OFF = "off"
    POST = "post"


class SpeechSettings(SettingsPart):
    """The settings for transcription."""

    whisper_engine: SpeechEngineName = Field(
        SpeechEngineName.FASTER_WHISPER, description="Speech engine: faster-whisper or openai-whisper (an extra)"
    )
    whisper_model: str = Field("base", min_length=1, description="Model: a name (tiny.en, base, …) or a path")
    whisper_model_dir: AbsolutePath | None = Field(
        None, description="Directory of openai-whisper's models, an absolute path; unset means ~/.cache/whisper"
    )
    whisper_task: Task = Field(Task.TRANSCRIBE, description="transcribe, or translate into English")
    whisper_language: str | None = Field(
        None,
        pattern="^[a-z]{2,3}$",
        description="Language of the speech, such as en; unset means the share's, or detected",
    )
    whisper_names: NamesFrom = Field(
        NamesFrom.OFF, description="Names that the engine expects: off, or post for those in the post's title and text"
    )
    whisper_device: str = Field("cpu", pattern="^(cpu|cuda|auto)$", description="cpu, cuda or auto")
    whisper_compute_type: str | None = Field(
        None,
        pattern="^(default|auto|int8|int8_float32|int8_float16|int8_bfloat16|int16|float16|bfloat16|float32)$",
        description="Such as int8 or float16; unset means int8, or with openai-whisper float32 (float16 on cuda)",
    )
    whisper_cpu_threads: int = Field(1, ge=1, le=256, description="CPU threads per run; runs share the cores")
    whisper_beam_size: int = Field(5, ge=1, le=20, description="Beam size; 1 is fastest")
    whisper_batch_size: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Windows of a long sound transcribed at once (faster-whisper); unset means 1, or 8 on cuda",
    )
    whisper_concurrency: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Sounds transcribed at a time in one run; unset means 4, or 1 with openai-whisper",
    )


def speech_problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the speech settings that contradict each other, given their raw values."""
    model = str(data.get("whisper_model") or SpeechSettings.model_fields["whisper_model"].default)
    if data.get("whisper_task") == Task.TRANSLATE and model.endswith(".en"):
        yield "whisper_task", f"WHISPER_MODEL={model} knows English only; choose one without .en, such as base"
    compute_type = data.get("whisper_compute_type")
    is_openai = data.get("whisper_engine") == SpeechEngineName.OPENAI_WHISPER
    if is_openai and compute_type not in {None, "", "default", "auto", "float16", "float32"}:
        yield "whisper_compute_type", "openai-whisper computes in float32, on cuda also in float16; leave it unset"
    if is_openai and data.get("whisper_batch_size") not in {None, "", 1, "1"}:
        yield "whisper_batch_size", "openai-whisper transcribes one window at a time; leave it unset"
