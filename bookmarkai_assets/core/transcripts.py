"""A transcript: what was said, when, and what said so. Whisper's own names."""

from dataclasses import dataclass

PREVIEW_CHARACTERS = 200


@dataclass(frozen=True)
class Segment:
    """A stretch of speech. Times in seconds from the start of the video."""

    start: float
    end: float
    text: str
    avg_logprob: float
    no_speech_prob: float


@dataclass(frozen=True)
class Transcript:
    """What an engine heard. `duration_seconds` is the audio's length, `transcribe_seconds` the time it took."""

    engine: str
    model: str
    language: str
    language_probability: float
    duration_seconds: float
    segments: tuple[Segment, ...]
    transcribe_seconds: float

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
