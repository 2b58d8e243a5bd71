"""Joining a transcript's chunks."""

import random
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.transcripts.chunks import (
    TranscriptChunk,
    chunk_with_speech,
    contiguous_chunks,
    join_chunks,
    last_language,
)
from bookmarkai_assets.core.transcripts.transcript import Segment

moments = st.lists(st.integers(1, 10_000), min_size=1, max_size=8, unique=True).map(
    lambda ends: [0.0, *(end / 16 for end in sorted(ends))]
)


def chunk(start: float, end: float, text: str = "", *, language: str = "en", speech: float = 0.0) -> TranscriptChunk:
    """Return a chunk that took a second to transcribe, with a text or without."""
    segments = (Segment(start, end, text, -0.2, 0.0),) if text else ()
    return TranscriptChunk(start, end, segments, language, 0.5, speech or float(bool(text)), 1.0)


@given(moments, st.randoms(use_true_random=False), st.integers(0, 8))
def test_chunks_are_used_up_to_the_first_gap(moments: list[float], chance: random.Random, missing: int) -> None:
    """In whatever order they come, chunks after a missing one are not used."""
    chunks = [chunk(start, end) for start, end in pairwise(moments)]
    there = chunks[:missing] + chunks[missing + 1 :]
    chance.shuffle(there)
    assert contiguous_chunks(there) == tuple(chunks[:missing])


def test_an_overlapping_chunk_is_not_used() -> None:
    """Of two divisions of one sound, only what continues the first chunk is used."""
    assert contiguous_chunks([chunk(0, 300), chunk(280, 600)]) == (chunk(0, 300),)
    assert contiguous_chunks([chunk(1, 300)]) == ()


def test_joined_chunks_are_one_from_the_first_to_the_last() -> None:
    """Segments follow each other, and seconds of speech and of work are added up."""
    whole = join_chunks([chunk(0, 300, "One."), chunk(300, 600), chunk(600, 700, "Two.")])
    assert [segment.text for segment in whole.segments] == ["One.", "Two."]
    assert (whole.start, whole.end, whole.speech_seconds, whole.transcribe_seconds) == (0, 700, 2.0, 3.0)


def test_a_single_chunk_is_the_whole() -> None:
    """Joining a single chunk changes nothing."""
    assert join_chunks([chunk(0, 300, "One.")]) == chunk(0, 300, "One.")


def test_the_language_is_the_one_with_the_most_text() -> None:
    """Its probability is that of the first part in it. The next part begins with the last segment's language."""
    english, german = chunk(0, 20, "One."), chunk(20, 80, "Zwei.", language="de")
    mixed = replace(german, segments=(*german.segments, Segment(80, 90, "Three.", -0.2, 0.0, language="en")))
    parts = [replace(english, language_probability=0.9), replace(mixed, language_probability=0.8)]
    assert (join_chunks(parts).language, join_chunks(parts).language_probability) == ("de", 0.8)
    assert last_language(parts) == "en"
    assert last_language([*parts[:1], german, chunk(90, 95)]) == "de"
    assert last_language([chunk(0, 5)]) is None


def test_a_language_that_leads_in_no_part_can_lead_in_all() -> None:
    """Two parts, each mostly in a language of its own, and both with nearly as much in a third."""
    parts = [
        TranscriptChunk(
            start,
            start + 100,
            (
                Segment(start, start + 51, "A.", -0.2, 0.0, language=language),
                Segment(start + 51, start + 100, "B.", -0.2, 0.0, language="de"),
            ),
            language,
            0.9,
            100,
            1.0,
        )
        for start, language in ((0.0, "en"), (100.0, "fr"))
    ]
    assert join_chunks(parts).language == "de"


def test_the_language_is_that_of_the_first_words() -> None:
    """A beginning without text, which the engine took for another language, does not decide the language."""
    chunks = [
        chunk(0, 300, language="unknown"),
        chunk(300, 600, language="fr", speech=3),
        chunk(600, 900, "Ja.", language="de"),
    ]
    assert join_chunks(chunks).language == "de"
    assert chunk_with_speech(chunks) == chunks[2]
    assert join_chunks(chunks[:2]).language == "fr"
    assert chunk_with_speech(chunks[:2]) is None
    assert join_chunks(chunks[:1]) == replace(chunks[0])
