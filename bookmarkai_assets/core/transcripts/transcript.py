"""A transcript: what was said, when, and what said so. Whisper's own names."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bookmarkai_assets.core.transcripts.doubts import Doubt

PREVIEW_CHARACTERS = 200

UNKNOWN = "unknown"
"""The engine, model and language of a transcript that was not made here."""


class Task(StrEnum):
    """What an engine does with speech: write it down as it is, or in English."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


@dataclass(frozen=True)
class Word:
    """A word as it was said. Times in seconds from the start of the video; `probability` in 0..1.

    `text` has the white space in front that Whisper gives it: the words of a segment, put together, are its text.
    """

    start: float
    end: float
    text: str
    probability: float


@dataclass(frozen=True)
class Segment:
    """A stretch of speech. Times in seconds from the start of the video.

    `compression_ratio` is how much zlib shortens the text: of one that repeats itself, much. `words` is empty where the
    engine was not asked for them.
    """

    start: float
    end: float
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float = 0.0
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Setup:
    """What settings and installed versions say of a recipe: all of it but the weights, which a name stands for.

    It can be had without looking for a model.
    """

    engine: str
    engine_version: str
    model: str
    parameters: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Stand for the setup in 16 hex digits."""
        return _fingerprint(self.engine, self.engine_version, self.model, self.parameters)


@dataclass(frozen=True)
class Recipe:
    """All that decides what an engine makes of a sound, other than the sound: the same recipe hears the same.

    `weights_sha256` is of the model's weights file. `parameters` are the engine's own names and values.
    """

    engine: str
    engine_version: str
    model: str
    weights_sha256: str
    parameters: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Stand for the recipe in 16 hex digits. The model's name counts only by its weights."""
        return _fingerprint(self.engine, self.engine_version, self.weights_sha256, self.parameters)

    @property
    def setup(self) -> Setup:
        """Leave the weights out."""
        return Setup(self.engine, self.engine_version, self.model, self.parameters)


def _fingerprint(engine: str, engine_version: str, model: str, parameters: Mapping[str, Any]) -> str:
    told = [engine, engine_version, model, dict(sorted(parameters.items()))]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Transcript:
    """What an engine heard. `duration_seconds` is the audio's length, `transcribe_seconds` the time it took.

    That includes waits for sounds that were decoded together with it. `recipe` and `audio_sha256` say what made it of
    what; None for one that was not made here, or before they were kept.
    `speech_seconds` is how much of the sound the engine's voice detection took for speech; None where nothing says so.
    `doubts` are what `quality.assess` found.
    """

    engine: str
    model: str
    language: str
    language_probability: float
    duration_seconds: float
    segments: tuple[Segment, ...]
    transcribe_seconds: float
    recipe: Recipe | None = None
    audio_sha256: str | None = None
    speech_seconds: float | None = None
    doubts: tuple[Doubt, ...] = ()

    @property
    def text(self) -> str:
        """All that was said, segments joined by spaces."""
        return " ".join(segment.text.strip() for segment in self.segments)

    @property
    def word_count(self) -> int:
        """Words as white space divides them."""
        return len(self.text.split())

    @property
    def preview(self) -> str:
        """The first words, at most 200 characters, cut at a word."""
        if len(self.text) <= PREVIEW_CHARACTERS:
            return self.text
        return self.text[: PREVIEW_CHARACTERS - 2].rsplit(" ", 1)[0] + " …"
