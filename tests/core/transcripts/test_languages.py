"""How much of a transcript is in which language."""

import math
from dataclasses import replace

import pytest

from bookmarkai_assets.core.transcripts.languages import (
    LanguageShare,
    is_only_in,
    language_shares,
    languages_as_plain,
    languages_in_words,
)
from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Segment
from tests.support.transcripts import segment, transcript


def spoken(start: float, end: float, language: str | None) -> Segment:
    """Return a segment in a language."""
    return replace(segment(start, end, " Words."), language=language)


def test_shares_are_of_the_time_with_text() -> None:
    """The language with the most time comes first; a silence counts for none."""
    mixed = transcript(spoken(0, 2, "en"), spoken(10, 15, "de"), spoken(15, 18, "en"), language="en")
    assert language_shares(mixed) == (LanguageShare("en", 0.5), LanguageShare("de", 0.5))
    longer = transcript(spoken(0, 2, "en"), spoken(2, 8, "de"), language="de")
    assert language_shares(longer) == (LanguageShare("de", 0.75), LanguageShare("en", 0.25))
    assert languages_as_plain(longer) == [{"language": "de", "share": 0.75}, {"language": "en", "share": 0.25}]
    assert languages_in_words(longer) == "de 75%, en 25%"


def test_a_segment_without_a_language_is_in_the_transcripts() -> None:
    """So are all segments of transcripts that were made before segments had a language."""
    assert language_shares(transcript(spoken(0, 2, None), language="fr")) == (LanguageShare("fr", 1.0),)


def test_what_is_not_known_has_no_share() -> None:
    """There are no languages without text, nor in a transcript that was not made here."""
    assert language_shares(transcript(language="en")) == ()
    assert language_shares(transcript(spoken(0, 2, None), language=UNKNOWN)) == ()
    assert languages_in_words(transcript(language="en")) == ""


@pytest.mark.parametrize("end", [0.0, math.nan, -1.0])
def test_without_times_segments_are_counted(end: float) -> None:
    """The gateway's segments may have no times, or impossible ones."""
    found = transcript(spoken(0, end, "en"), spoken(0, end, "en"), spoken(0, end, "de"), language="en")
    assert languages_in_words(found) == "en 67%, de 33%"


def test_a_transcript_in_one_language_is_only_in_that() -> None:
    """One that is partly in another is not, and one without text is in any."""
    assert is_only_in(transcript(spoken(0, 2, None), spoken(2, 3, "en"), language="en"), "en")
    assert not is_only_in(transcript(spoken(0, 2, None), spoken(2, 3, "de"), language="en"), "en")
    assert is_only_in(transcript(language="en"), "de")
