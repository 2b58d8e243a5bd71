"""The chunks in which a long sound is transcribed, and how they are joined.

The engines decide where to divide a sound. `ports.ChunkTable` keeps the chunks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from bookmarkai_assets.core.transcripts.transcript import Segment


@dataclass(frozen=True)
class TranscriptChunk:
    """The transcript of a sound from `start` to `end`. All times are in seconds from the start of the whole sound.

    `language` is the one that was detected in this chunk, or that was requested. `speech_seconds` and
    `transcribe_seconds` are as in a `Transcript`.
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
    """Return the chunk that decides the language of the sound: the first one with any text."""
    return next((chunk for chunk in chunks if chunk.segments), None)


def join_chunks(chunks: Sequence[TranscriptChunk]) -> TranscriptChunk:
    """Join one or more chunks that follow each other into one.

    If no chunk has text, the language is that of the first one with any speech by voice detection.
    """
    spoken = chunk_with_speech(chunks) or next((chunk for chunk in chunks if chunk.speech_seconds > 0), chunks[0])
    return TranscriptChunk(
        start=chunks[0].start,
        end=chunks[-1].end,
        segments=tuple(chain.from_iterable(chunk.segments for chunk in chunks)),
        language=spoken.language,
        language_probability=spoken.language_probability,
        speech_seconds=sum(chunk.speech_seconds for chunk in chunks),
        transcribe_seconds=sum(chunk.transcribe_seconds for chunk in chunks),
    )
