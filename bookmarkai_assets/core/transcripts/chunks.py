"""The chunks in which a long sound is transcribed, and how they are joined.

The engines decide where to divide a sound. `ports.ChunkTable` keeps the chunks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from bookmarkai_assets.core.transcripts.languages import seconds_by_language
from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Segment


@dataclass(frozen=True)
class TranscriptChunk:
    """The transcript of a sound from `start` to `end`. All times are in seconds from the start of the whole sound.

    `language` is the one that was requested, or detected in this chunk: of several, the one with the most text.
    `speech_seconds` and `transcribe_seconds` are as in a `Transcript`.
    """

    start: float
    end: float
    segments: tuple[Segment, ...]
    language: str
    language_probability: float
    speech_seconds: float
    transcribe_seconds: float


def ignore_chunk(_chunk: TranscriptChunk) -> None:
    """Keep no chunk."""


def contiguous_chunks(chunks: Iterable[TranscriptChunk]) -> tuple[TranscriptChunk, ...]:
    """Return the chunks from the sound's start up to the first gap."""
    contiguous: list[TranscriptChunk] = []
    for chunk in sorted(chunks, key=lambda one: one.start):
        if chunk.start != (contiguous[-1].end if contiguous else 0.0):
            break
        contiguous.append(chunk)
    return tuple(contiguous)


def chunk_with_speech(chunks: Iterable[TranscriptChunk]) -> TranscriptChunk | None:
    """Return the first chunk with any text."""
    return next((chunk for chunk in chunks if chunk.segments), None)


def last_language(chunks: Sequence[TranscriptChunk]) -> str | None:
    """Return the language of the last segment of these chunks; None if they have no text."""
    chunk = chunk_with_speech(reversed(chunks))
    return None if chunk is None else chunk.segments[-1].language or chunk.language


def join_chunks(chunks: Sequence[TranscriptChunk]) -> TranscriptChunk:
    """Join one or more chunks that follow each other into one.

    The language is the one with the most text, and its probability that of the first chunk in it. If no chunk has text,
    both are those of the first chunk with any speech by voice detection.
    """
    spoken = [chunk for chunk in chunks if chunk.segments]
    first = next(iter(spoken), None) or next((chunk for chunk in chunks if chunk.speech_seconds > 0), chunks[0])
    language = _main_language(spoken) or first.language
    return TranscriptChunk(
        start=chunks[0].start,
        end=chunks[-1].end,
        segments=tuple(chain.from_iterable(chunk.segments for chunk in chunks)),
        language=language,
        language_probability=next((one for one in spoken if one.language == language), first).language_probability,
        speech_seconds=sum(chunk.speech_seconds for chunk in chunks),
        transcribe_seconds=sum(chunk.transcribe_seconds for chunk in chunks),
    )


def _main_language(chunks: Sequence[TranscriptChunk]) -> str | None:
    """Return the language with the most text, and of equals the first. None if there is no text."""
    segments = [replace(one, language=one.language or chunk.language) for chunk in chunks for one in chunk.segments]
    seconds = seconds_by_language(segments, otherwise=UNKNOWN)
    return max(seconds, key=seconds.__getitem__, default=None)
