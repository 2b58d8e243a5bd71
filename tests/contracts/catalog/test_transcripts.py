"""The contract of `TranscriptTable`, over SQLite and PostgreSQL."""

import json
import math
from dataclasses import replace
from uuid import uuid4

from sqlalchemy import text

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.transcripts.transcript import Recipe, Segment, Word
from tests.support.catalog import add_share, at, execute, put_transcript, transcript_of


def test_a_share_without_a_transcript_has_none(each_catalog: OpenCatalog) -> None:
    """Nothing is found before anything is written, nor under an id that could never exist."""
    assert each_catalog.transcripts.get(add_share(each_catalog)) is None
    assert each_catalog.transcripts.get("not-a-uuid") is None


def test_a_transcript_comes_back_whole(each_catalog: OpenCatalog) -> None:
    """Text in any script, emoji, quotes and a hundred thousand words survive, with the recipe."""
    share_id = add_share(each_catalog)
    transcript = transcript_of("Hello 🍰", "עוגה \u202eطعام", 'quotes " and \\', "", "word " * 100_000)  # noqa: RUF001 - Arabic

    put_transcript(each_catalog, share_id, transcript, now=at(1))

    assert each_catalog.transcripts.get(share_id) == transcript


def test_a_transcript_of_silence_comes_back_empty(each_catalog: OpenCatalog) -> None:
    """A transcript without segments is a transcript, not an absent one."""
    share_id = add_share(each_catalog)

    put_transcript(each_catalog, share_id, transcript_of(), now=at(1))

    assert each_catalog.transcripts.get(share_id) == transcript_of()


def test_writing_again_replaces(each_catalog: OpenCatalog) -> None:
    """A share has one transcript, the latest, in the row of the first one."""
    share_id = add_share(each_catalog)
    put_transcript(each_catalog, share_id, transcript_of("first"), now=at(1))

    put_transcript(each_catalog, share_id, transcript_of("second", model="base"), now=at(2))

    assert each_catalog.transcripts.get(share_id) == transcript_of("second", model="base")
    with each_catalog.database.engine.connect() as connection:
        rows = connection.execute(text("SELECT created_at, updated_at FROM transcripts")).all()
    assert len(rows) == 1
    assert rows[0].created_at < rows[0].updated_at


def test_the_gateway_reads_text_language_and_segments(each_catalog: OpenCatalog) -> None:
    """The gateway's columns have the whole text, the language, and the segments as a list of objects."""
    share_id = add_share(each_catalog)

    put_transcript(each_catalog, share_id, transcript_of(" Hello", " cake 🍰"), now=at(1))

    with each_catalog.database.engine.connect() as connection:
        row = connection.execute(text("SELECT full_text, language, segments FROM transcripts")).one()
    segments = row.segments if isinstance(row.segments, list) else json.loads(row.segments)
    assert (row.full_text, row.language) == ("Hello cake 🍰", "en")
    assert segments[1] == {
        "start": 1.0,
        "end": 2.0,
        "text": " cake 🍰",
        "avg_logprob": -0.25,
        "no_speech_prob": 0.01,
        "compression_ratio": 0.0,
    }


def test_each_segments_language_comes_back(each_catalog: OpenCatalog) -> None:
    """Also for the gateway, in the segment's object; what is no language there is none."""
    share_id = add_share(each_catalog)
    german, english = transcript_of("Hallo", "Hello").segments
    mixed = replace(transcript_of(), segments=(replace(german, language="de"), english))

    put_transcript(each_catalog, share_id, mixed, now=at(1))

    assert each_catalog.transcripts.get(share_id) == mixed
    other = [{"start": 0.0, "end": 1.0, "text": "Hallo", "language": language} for language in (7, "", "fr")]
    execute(each_catalog, "UPDATE transcripts SET segments = :segments", segments=json.dumps(other))
    read = each_catalog.transcripts.get(share_id)
    assert read is not None
    assert [segment.language for segment in read.segments] == [None, None, "fr"]


def test_words_and_recipe_come_back(each_catalog: OpenCatalog) -> None:
    """Word times, the recipe and the sound's digest are kept, and characters that cannot be stored are replaced."""
    share_id = add_share(each_catalog)
    words = (Word(0.0, 0.5, " Hello", 0.9), Word(0.5, 1.0, " ca\x00ke", math.nan))
    segment = Segment(0.0, 1.0, " Hello cake", -0.25, 0.01, compression_ratio=1.2, words=words)
    recipe = Recipe("faster-whisper", "1.2.1", "tiny.en", "ab" * 32, {"beam_size": 5, "vad_filter": True, "task": None})
    made = replace(transcript_of(), segments=(segment,), recipe=recipe, engine=recipe.engine, model=recipe.model)

    put_transcript(each_catalog, share_id, replace(made, audio_sha256="cd" * 32), now=at(1))

    found = each_catalog.transcripts.get(share_id)
    assert found is not None
    assert (found.recipe, found.audio_sha256) == (recipe, "cd" * 32)
    assert found.segments[0].words == (Word(0.0, 0.5, " Hello", 0.9), Word(0.5, 1.0, " ca\ufffdke", 0.0))
    assert found.segments[0].compression_ratio == 1.2


def test_values_that_json_cannot_express_become_the_worst(each_catalog: OpenCatalog) -> None:
    """NaN or infinity as a segment's confidence is stored as no confidence, and NUL in its text as a replacement."""
    share_id = add_share(each_catalog)
    odd = Segment(0.0, 1.0, "a\x00b", avg_logprob=-math.inf, no_speech_prob=math.nan)

    put_transcript(each_catalog, share_id, replace(transcript_of(), segments=(odd,)), now=at(1))

    found = each_catalog.transcripts.get(share_id)
    assert found is not None
    assert found.segments == (Segment(0.0, 1.0, "a\ufffdb", avg_logprob=-100.0, no_speech_prob=1.0),)


def test_a_transcript_from_before_this_pipeline_can_be_read(each_catalog: OpenCatalog) -> None:
    """A row of the gateway's own has an unknown engine, and its segments are read where they have times and text."""
    share_id = add_share(each_catalog)
    segments = [{"id": 0, "start": 0, "end": 2.5, "text": "Old words"}]
    execute(
        each_catalog,
        "INSERT INTO transcripts (id, share_id, full_text, segments) VALUES (:id, :share, 'Old words', :segments)",
        id=str(uuid4()),
        share=share_id,
        segments=json.dumps(segments),
    )

    found = each_catalog.transcripts.get(share_id)

    assert found is not None
    assert (found.engine, found.model, found.language, found.duration_seconds) == ("unknown", "unknown", "unknown", 2.5)
    assert found.text == "Old words"


def test_segments_of_another_form_are_read_as_one_text(each_catalog: OpenCatalog) -> None:
    """Where the gateway's segments are not a list of times and texts, its whole text is one segment."""
    for segments in ('{"words": []}', '[{"t": 1}]', None):
        share_id = add_share(each_catalog)
        execute(
            each_catalog,
            "INSERT INTO transcripts (id, share_id, full_text, segments) VALUES (:id, :share, 'Old words', :segments)",
            id=str(uuid4()),
            share=share_id,
            segments=segments,
        )

        found = each_catalog.transcripts.get(share_id)

        assert found is not None
        assert [segment.text for segment in found.segments] == ["Old words"]
