"""A transcript: what was said, when, and what made it. The names of figures are Whisper's."""

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
    """What an engine does with speech: transcribe it, or translate it into English."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


@dataclass(frozen=True)
class Word:
    """A spoken word. Times are in seconds from the start of the video; `probability` is in 0..1.

    `text` begins with the white space that Whisper gives it. The words of a segment joined are its text.
    """

    start: float
    end: float
    text: str
    probability: float


@dataclass(frozen=True)
class Segment:
    """A stretch of speech. Times are in seconds from the start of the video.

    `compression_ratio` is the ratio by which zlib compresses the text. It is high for text that repeats itself. `words`
    is empty if the engine was not asked for them. `language` is the spoken one; None if only the transcript's is known.
    """

    start: float
    end: float
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float = 0.0
    words: tuple[Word, ...] = ()
    language: str | None = None


@dataclass(frozen=True)
class Setup:
    """A recipe as far as settings and installed versions define it. The model's name takes the place of its weights.

    It is known without searching for the model.
    """

    engine: str
    engine_version: str
    model: str
    parameters: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that identify the setup."""
        return _fingerprint(self.engine, self.engine_version, self.model, self.parameters)


@dataclass(frozen=True)
class Recipe:
    """Everything but the sound that determines a transcript. The same recipe makes the same text of the same sound.

    `weights_sha256` is of the model's weights file. `parameters` have the engine's own names and values.
    """

    engine: str
    engine_version: str
    model: str
    weights_sha256: str
    parameters: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that identify the recipe. The model counts by its weights and not by its name."""
        return _fingerprint(self.engine, self.engine_version, self.weights_sha256, self.parameters)

    @property
    def setup(self) -> Setup:
        """The recipe without the weights."""
        return Setup(self.engine, self.engine_version, self.model, self.parameters)


def _fingerprint(engine: str, engine_version: str, model: str, parameters: Mapping[str, Any]) -> str:
    elements = [engine, engine_version, model, dict(sorted(parameters.items()))]
    return hashlib.sha256(json.dumps(elements).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Transcript:
    """The text that an engine made of a sound, with its times, figures and doubts.

    `language` is the one that is spoken for the longest time, and `language_probability` how likely that is where it is
    spoken. `languages.language_shares` has all of them. `duration_seconds` is the audio's length. `transcribe_seconds`
    is the time that it took, including waits for sounds that were decoded together with it. `recipe` and `audio_sha256`
    say what made it from which sound. They are None for a transcript that was not made here, or was made before they
    were recorded. `speech_seconds` is how much of the sound the engine's voice detection took for speech, None if that
    is not known. `left_out_seconds` is how much of the sound the engine did not get to hear, and is not recorded but in
    a doubt. `doubts` are from `quality.assess`.
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
    left_out_seconds: float = 0.0
    doubts: tuple[Doubt, ...] = ()

    @property
    def text(self) -> str:
        """The whole text: the segments joined by spaces."""
        return " ".join(segment.text.strip() for segment in self.segments)

    @property
    def word_count(self) -> int:
        """The number of words, separated by white space."""
        return len(self.text.split())

    @property
    def preview(self) -> str:
        """The first words, at most 200 characters, cut at a word."""
        if len(self.text) <= PREVIEW_CHARACTERS:
            return self.text
        return self.text[: PREVIEW_CHARACTERS - 2].rsplit(" ", 1)[0] + " …"
