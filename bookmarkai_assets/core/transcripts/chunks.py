"""A long sound is transcribed part by part: what one part is, and what several of them say together.

Where a sound is divided is the engines' matter; where parts are kept is `part_ports`'.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from bookmarkai_assets.core.transcripts.transcript import Segment


@dataclass(frozen=True)
class TranscriptChunk:
    """What was heard of a sound from `start` to `end`. All times are seconds from the start of the whole sound.

    The language is the one that was heard in this part, or that it was told; `speech_seconds` and `transcribe_seconds`
    are as of a `Transcript`.
    """

    start: float
    end: float
    segments: tuple[Segment, ...]
    language: str
    language_probability: float
    speech_seconds: float
    transcribe_seconds: float


def ignore_chunk(_part: TranscriptChunk) -> None:
    """Keep no part."""


def contiguous(parts: Iterable[TranscriptChunk]) -> tuple[TranscriptChunk, ...]:
    """Give those parts that follow each other without a gap from the sound's start on; what comes after is left out."""
    found: list[TranscriptChunk] = []
    for part in sorted(parts, key=lambda one: one.start):
        if part.start != (found[-1].end if found else 0.0):
            break
        found.append(part)
    return tuple(found)


def chunk_with_speech(parts: Iterable[TranscriptChunk]) -> TranscriptChunk | None:
    """Find the part that says what language the sound is in: the first in which something was said."""
    return next((part for part in parts if part.segments), None)


def joined(parts: Sequence[TranscriptChunk]) -> TranscriptChunk:
    """Make one part of those that follow each other, of which there is at least one.

    Where nothing was said at all, the first part that has any speech, by voice detection, tells the language.
    """
    told_by = chunk_with_speech(parts) or next((part for part in parts if part.speech_seconds > 0), parts[0])
    return TranscriptChunk(
        start=parts[0].start,
        end=parts[-1].end,
        segments=tuple(chain.from_iterable(part.segments for part in parts)),
        language=told_by.language,
        language_probability=told_by.language_probability,
        speech_seconds=sum(part.speech_seconds for part in parts),
        transcribe_seconds=sum(part.transcribe_seconds for part in parts),
    )
