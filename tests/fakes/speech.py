"""An in-memory `SpeechEngine`, for tests of what uses one. Passes the port's contract suite."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from bookmarkai_assets.core.errors import BookmarkAIError, ConfigurationError, TranscriptionError
from bookmarkai_assets.core.ports import SpeechEngine
from bookmarkai_assets.core.transcripts import Segment, Transcript

_SPEECH = b"speech:"
_SILENCE = b"silence:"
_WORDS_PER_SECOND = 2.5


def speech_bytes(text: str) -> bytes:
    """Give a sound track in which the fake engine hears this text."""
    return _SPEECH + text.encode()


def silence_bytes() -> bytes:
    """Give a sound track in which the fake engine hears nothing."""
    return _SILENCE


@dataclass(frozen=True)
class HeardFile:
    """One call that was made."""

    path: Path
    language: str | None


class FakeSpeechEngine(SpeechEngine):
    """Hears what `speech_bytes` and `silence_bytes` say, words of its own in any other file, and keeps `calls`.

    Two files with different bytes never sound the same. An empty file and a web page are no media to it.
    """

    def __init__(self, *, engine: str = "fake", model: str = "fake-model") -> None:
        self._engine = engine
        self._model = model
        self._failures: list[BookmarkAIError] = []
        self.calls: list[HeardFile] = []

    def fail_next(self, error: BookmarkAIError, *, times: int = 1) -> None:
        """Make the next `times` calls raise this error."""
        self._failures += [error] * times

    @property
    @override
    def engine(self) -> str:
        return self._engine

    @property
    @override
    def model(self) -> str:
        return self._model

    @override
    def transcribe(self, audio: Path, *, language: str | None) -> Transcript:
        self.calls.append(HeardFile(audio, language))
        if self._failures:
            raise self._failures.pop(0)
        if language not in {None, "en", "de"}:
            raise ConfigurationError(f"expected one of the languages en, de, or none to detect it, found {language!r}")
        data = audio.read_bytes() if audio.is_file() else b""
        if not data or data.startswith(b"<"):
            raise TranscriptionError(f"expected an audio or video file at {audio}, found none; fetch the media again")
        segments = _segments(_heard(data))
        return Transcript(
            engine=self._engine,
            model=self._model,
            language=language or "en",
            language_probability=1.0 if language else 0.9 * bool(segments),
            duration_seconds=segments[-1].end + 0.5 if segments else 3.0,
            segments=segments,
            transcribe_seconds=0.01,
        )


def _heard(data: bytes) -> str:
    if data.startswith(_SILENCE):
        return ""
    if data.startswith(_SPEECH):
        return data.removeprefix(_SPEECH).decode()
    return f"Nobody planned these words. They stand for {hashlib.sha256(data).hexdigest()}."


def _segments(text: str) -> tuple[Segment, ...]:
    """Make each sentence a segment, spoken at an even pace, with the space in front that Whisper writes too."""
    segments: list[Segment] = []
    start = 0.0
    for sentence in filter(None, text.split(". ")):
        end = start + len(sentence.split()) / _WORDS_PER_SECOND
        stop = "" if text.endswith(sentence) else "."
        segments.append(Segment(start, end, f" {sentence}{stop}", avg_logprob=-0.2, no_speech_prob=0.01))
        start = end
    return tuple(segments)
