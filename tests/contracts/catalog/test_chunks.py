"""The contract of `ChunkTable`, over SQLite and PostgreSQL: the chunks of long sounds that are transcribed so far."""

from dataclasses import replace

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk
from bookmarkai_assets.core.transcripts.ports import ChunkKey
from bookmarkai_assets.core.transcripts.transcript import Segment, Word
from tests.support.catalog import at, keep_chunk

KEY = ChunkKey("media", "0123456789abcdef", "a" * 64, None)


def chunk(start: float, end: float, text: str = " Guten Tag.") -> TranscriptChunk:
    """Return a chunk with one sentence, with a time for each word."""
    words = (Word(start, start + 0.1, " Guten", 0.9), Word(start + 0.2, start + 1 / 3, " Tag.", 1.0))
    segment = Segment(start, start + 1 / 3, text, -0.25, 0.01, 1.5, words)
    return TranscriptChunk(start, end, (segment,), "de", 0.875, 0.5, 2.25)


def test_chunks_come_back_unchanged_and_in_order(each_catalog: OpenCatalog) -> None:
    """Times to the last bit, words and figures are kept, also for a chunk in which nothing is said."""
    parts = [
        chunk(0.0, 299.8125),
        replace(chunk(299.8125, 585.1), segments=(), language="unknown"),
        chunk(585.1, 600.0),
    ]
    for number, one in enumerate(reversed(parts)):
        keep_chunk(each_catalog, KEY, one, now=at(number))
    assert each_catalog.chunks.kept(KEY) == parts


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, media_id="another"),
        replace(KEY, recipe="fedcba9876543210"),
        replace(KEY, audio_sha256="b" * 64),
        replace(KEY, requested_language="de"),
    ],
    ids=["media", "recipe", "sound", "language"],
)
def test_chunks_are_for_the_same_work_alone(each_catalog: OpenCatalog, other: ChunkKey) -> None:
    """Another media, recipe, sound or language finds none of them, and keeps its own separately."""
    keep_chunk(each_catalog, KEY, chunk(0, 300), now=at(0))
    assert each_catalog.chunks.kept(other) == []
    keep_chunk(each_catalog, other, chunk(0, 250), now=at(1))
    assert each_catalog.chunks.kept(KEY) == [chunk(0, 300)]


def test_a_chunk_replaces_one_with_the_same_start(each_catalog: OpenCatalog) -> None:
    """When two runs transcribe the same chunk, because one has lost its lease, the later one is kept."""
    keep_chunk(each_catalog, KEY, chunk(0, 300), now=at(0))
    keep_chunk(each_catalog, KEY, chunk(0, 280, " Guten Abend."), now=at(1))
    assert each_catalog.chunks.kept(KEY) == [chunk(0, 280, " Guten Abend.")]


def test_characters_that_a_database_cannot_store_are_replaced(each_catalog: OpenCatalog) -> None:
    """NUL and lone surrogates become U+FFFD, and a figure that is no number becomes the worst value."""
    [segment] = chunk(0, 300).segments
    odd = replace(segment, text="\x00\ud800", avg_logprob=float("nan"), words=())
    keep_chunk(each_catalog, KEY, replace(chunk(0, 300), segments=(odd,)), now=at(0))
    [kept] = each_catalog.chunks.kept(KEY)
    assert [(one.text, one.avg_logprob) for one in kept.segments] == [("\ufffd\ufffd", -100.0)]


def test_chunks_are_dropped_by_media(each_catalog: OpenCatalog) -> None:
    """All chunks of a media are dropped, of every recipe and of no other media; dropping none is fine."""
    other = replace(KEY, media_id="another")
    for key in (KEY, replace(KEY, recipe="fedcba9876543210"), other):
        keep_chunk(each_catalog, key, chunk(0, 300), now=at(0))
    for _ in range(2):
        each_catalog.chunks.drop("media")
    assert each_catalog.chunks.kept(KEY) == []
    assert each_catalog.chunks.abandoned(before=at(1)) == ["another"]


def test_media_are_abandoned_when_the_latest_chunk_is_old(each_catalog: OpenCatalog) -> None:
    """Work is abandoned if its latest chunk is older than the given moment; exactly at that moment it is not."""
    keep_chunk(each_catalog, KEY, chunk(0, 300), now=at(0))
    keep_chunk(each_catalog, KEY, chunk(300, 600), now=at(10))
    assert each_catalog.chunks.abandoned(before=at(10)) == []
    assert each_catalog.chunks.abandoned(before=at(11)) == ["media"]
