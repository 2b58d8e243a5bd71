"""The contract of `ChunkTable`, over SQLite and PostgreSQL: what is transcribed of long sounds so far."""

from dataclasses import replace

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk
from bookmarkai_assets.core.transcripts.ports import ChunkKey
from bookmarkai_assets.core.transcripts.transcript import Segment, Word
from tests.support.catalog import at

KEY = ChunkKey("media", "0123456789abcdef", "a" * 64, None)


def part(start: float, end: float, text: str = " Guten Tag.") -> TranscriptChunk:
    """Return a part in which one sentence is said, with a time for each word."""
    words = (Word(start, start + 0.1, " Guten", 0.9), Word(start + 0.2, start + 1 / 3, " Tag.", 1.0))
    segment = Segment(start, start + 1 / 3, text, -0.25, 0.01, 1.5, words)
    return TranscriptChunk(start, end, (segment,), "de", 0.875, 0.5, 2.25)


def test_parts_come_back_as_they_were_in_the_order_of_the_sound(each_catalog: OpenCatalog) -> None:
    """Times to the last bit, words and figures; a part in which nothing is said too."""
    parts = [part(0.0, 299.8125), replace(part(299.8125, 585.1), segments=(), language="unknown"), part(585.1, 600.0)]
    for number, one in enumerate(reversed(parts)):
        each_catalog.chunks.keep(KEY, one, now=at(number))
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
def test_parts_are_for_the_same_work_alone(each_catalog: OpenCatalog, other: ChunkKey) -> None:
    """Another media, recipe, sound or language finds none of them, and keeps its own beside them."""
    each_catalog.chunks.keep(KEY, part(0, 300), now=at(0))
    assert each_catalog.chunks.kept(other) == []
    each_catalog.chunks.keep(other, part(0, 250), now=at(1))
    assert each_catalog.chunks.kept(KEY) == [part(0, 300)]


def test_a_part_takes_the_place_of_one_that_begins_where_it_does(each_catalog: OpenCatalog) -> None:
    """Two runs may do the same part, one after the other has lost its lease: the later stands."""
    each_catalog.chunks.keep(KEY, part(0, 300), now=at(0))
    each_catalog.chunks.keep(KEY, part(0, 280, " Guten Abend."), now=at(1))
    assert each_catalog.chunks.kept(KEY) == [part(0, 280, " Guten Abend.")]


def test_what_a_database_cannot_hold_is_replaced(each_catalog: OpenCatalog) -> None:
    """NUL and lone surrogates become U+FFFD, and a figure that is no number the worst there is."""
    [segment] = part(0, 300).segments
    odd = replace(segment, text="\x00\ud800", avg_logprob=float("nan"), words=())
    each_catalog.chunks.keep(KEY, replace(part(0, 300), segments=(odd,)), now=at(0))
    [kept] = each_catalog.chunks.kept(KEY)
    assert [(one.text, one.avg_logprob) for one in kept.segments] == [("\ufffd\ufffd", -100.0)]


def test_parts_are_dropped_by_media(each_catalog: OpenCatalog) -> None:
    """All of a media go, by whatever recipe, and nobody else's; where there are none, that is well too."""
    other = replace(KEY, media_id="another")
    for key in (KEY, replace(KEY, recipe="fedcba9876543210"), other):
        each_catalog.chunks.keep(key, part(0, 300), now=at(0))
    for _ in range(2):
        each_catalog.chunks.drop("media")
    assert each_catalog.chunks.kept(KEY) == []
    assert each_catalog.chunks.abandoned(before=at(1)) == ["another"]


def test_media_are_abandoned_when_the_latest_part_is_old(each_catalog: OpenCatalog) -> None:
    """Work that still went on after that moment is not; exactly then is after."""
    each_catalog.chunks.keep(KEY, part(0, 300), now=at(0))
    each_catalog.chunks.keep(KEY, part(300, 600), now=at(10))
    assert each_catalog.chunks.abandoned(before=at(10)) == []
    assert each_catalog.chunks.abandoned(before=at(11)) == ["media"]
