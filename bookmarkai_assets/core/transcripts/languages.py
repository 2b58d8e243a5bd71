"""The languages of a transcript, and how much of the speech is in each. The engines detect them, stretch by stretch."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Segment, Transcript


@dataclass(frozen=True)
class LanguageShare:
    """A language, as Whisper's code, and its share of the time with text (0 to 1)."""

    language: str
    share: float


def language_shares(transcript: Transcript) -> tuple[LanguageShare, ...]:
    """Return the languages of a transcript, the one with the most time first. Their shares add up to 1.

    There are none without text, or if no language is known. Segments without a language of their own count as the
    transcript's. Where no segment has any length, their number counts.
    """
    segments = transcript.segments
    seconds = seconds_by_language(segments, otherwise=transcript.language)
    if not sum(seconds.values()):
        seconds = seconds_by_language(segments, otherwise=transcript.language, least=1.0)
    known = {language: time for language, time in seconds.items() if language != UNKNOWN}
    whole = sum(known.values())
    ordered = sorted(known, key=lambda language: -known[language])
    return tuple(LanguageShare(language, known[language] / whole) for language in ordered)


def languages_as_plain(transcript: Transcript) -> list[dict[str, str | float]]:
    """Return the languages as JSON objects, the one with the most time first, wherever they are shown."""
    return [{"language": one.language, "share": round(one.share, 3)} for one in language_shares(transcript)]


def languages_in_words(transcript: Transcript) -> str:
    """Return the languages with their shares in one line, the one with the most time first; empty without any."""
    return ", ".join(f"{one.language} {one.share:.0%}" for one in language_shares(transcript))


def is_only_in(transcript: Transcript, language: str) -> bool:
    """Whether all text of a transcript is in one language."""
    return {segment.language or transcript.language for segment in transcript.segments} <= {language}


def seconds_by_language(segments: Iterable[Segment], *, otherwise: str, least: float = 0.0) -> Mapping[str, float]:
    """Add up the seconds of the segments in each language, in the order of their first segments.

    Each segment counts for at least `least` seconds. `otherwise` is the language of those that have none of their own.
    """
    seconds: dict[str, float] = {}
    for segment in segments:
        language = segment.language or otherwise
        length = segment.end - segment.start
        seconds[language] = seconds.get(language, 0.0) + (length if math.isfinite(length) and length > least else least)
    return seconds
