"""Plain text and JSON: the paragraphs, and every field of the schema."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from bookmarkai_assets.core.errors import ExportError
from bookmarkai_assets.core.transcripts.doubts import Doubt, DoubtKind, Severity
from bookmarkai_assets.core.transcripts.formats import TranscriptFormat, plain_text, render
from bookmarkai_assets.core.transcripts.json_document import SharedTranscript
from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Transcript, Word
from tests.support.transcripts import RECIPE, segment, transcript

SHARE = "6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11"
LINK = "https://www.tiktok.com/@user/video/7300000000000000001"


def shared(spoken: Transcript) -> SharedTranscript:
    """Return a transcript as that of a share."""
    return SharedTranscript(SHARE, LINK, "Kuchen 🍰", 12.5, spoken)


def document(spoken: Transcript) -> Any:
    """Return the JSON document as a reader parses it."""
    return json.loads(render(shared(spoken), TranscriptFormat.JSON), parse_constant=pytest.fail)


def from_the_gateway(*segments: Any) -> Transcript:
    """Return a transcript as the gateway's rows are read."""
    row = replace(transcript(*segments, language=UNKNOWN, recipe=None), engine=UNKNOWN, model=UNKNOWN)
    return replace(row, language_probability=0.0, transcribe_seconds=0.0, audio_sha256=None)


def test_the_document_has_everything_recorded() -> None:
    """Version 1 of the schema, field by field."""
    words = [Word(0.5, 0.9, " Bake", 0.99), Word(0.9, 1.4, " it.", 0.8)]
    doubt = Doubt(DoubtKind.LOW_CONFIDENCE, Severity.WARN, -1.2, -1.0, "the engine was not sure")
    spoken = replace(transcript(segment(0.5, 1.4, " Bake it.", words)), doubts=(doubt,), speech_seconds=0.9)
    assert document(spoken) == {
        "version": 1,
        "share_id": SHARE,
        "video": {"url": LINK, "title": "Kuchen 🍰", "duration_seconds": 12.5},
        "language": "en",
        "language_probability": 0.98,
        "languages": [{"language": "en", "share": 1.0}],
        "task": "transcribe",
        "text": "Bake it.",
        "segments": [
            {
                "start": 0.5,
                "end": 1.4,
                "text": " Bake it.",
                "language": "en",
                "avg_logprob": -0.25,
                "no_speech_prob": 0.01,
                "compression_ratio": 1.2,
                "words": [
                    {"start": 0.5, "end": 0.9, "word": " Bake", "probability": 0.99},
                    {"start": 0.9, "end": 1.4, "word": " it.", "probability": 0.8},
                ],
            }
        ],
        "provenance": {
            "engine": "faster-whisper",
            "engine_version": "1.2.1",
            "model": "tiny.en",
            "weights_sha256": "ab" * 32,
            "parameters": {"beam_size": 5, "task": "transcribe"},
            "recipe": RECIPE.fingerprint,
            "audio_sha256": "cd" * 32,
            "audio_seconds": 1.4,
            "transcribe_seconds": 0.5,
        },
        "quality": {
            "speech_seconds": 0.9,
            "doubts": [
                {
                    "kind": "low_confidence",
                    "severity": "warn",
                    "figure": -1.2,
                    "limit": -1.0,
                    "words": "the engine was not sure",
                }
            ],
        },
    }


def test_what_is_not_recorded_is_null() -> None:
    """The gateway's transcript has no figures, no recipe, no language and, without times, none invented."""
    found = document(from_the_gateway(segment(0.0, 0.0, "Hello")))
    assert found["text"] == "Hello"
    assert found["segments"] == [
        {
            "start": None,
            "end": None,
            "text": "Hello",
            "language": None,
            "avg_logprob": None,
            "no_speech_prob": None,
            "compression_ratio": None,
            "words": [],
        }
    ]
    nulls = ("language", "language_probability", "task", "provenance", "quality")
    assert {name: found[name] for name in nulls} == dict.fromkeys(nulls)
    assert found["languages"] == []


def test_one_from_before_recipes_were_kept_has_its_engine() -> None:
    """What is known of its provenance is there, and the rest is null."""
    provenance = document(transcript(segment(0, 1, "Hi"), recipe=None))["provenance"]
    assert (provenance["engine"], provenance["model"], provenance["audio_sha256"]) == (
        "faster-whisper",
        "tiny.en",
        "cd" * 32,
    )
    assert (provenance["recipe"], provenance["parameters"], provenance["weights_sha256"]) == (None, None, None)


def test_the_document_is_json_for_every_reader() -> None:
    """Strict readers and UTF-8 accept it: no NaN, no infinity, no lone surrogates."""
    odd = segment(0.0, math.inf, "\ud83c\udf70 half \ud800.", [Word(math.nan, 1.0, "\udc00", math.nan)])
    text = render(shared(replace(transcript(odd), language_probability=math.nan)), TranscriptFormat.JSON)
    found = json.loads(text.encode(), parse_constant=pytest.fail)
    assert found["language_probability"] is None
    assert found["segments"][0]["text"] == "🍰 half \N{REPLACEMENT CHARACTER}."
    assert found["segments"][0]["words"] == [
        {"start": None, "end": 1.0, "word": "\N{REPLACEMENT CHARACTER}", "probability": None}
    ]


@pytest.mark.parametrize("form", [TranscriptFormat.SRT, TranscriptFormat.VTT])
def test_without_times_there_are_no_subtitles(form: TranscriptFormat) -> None:
    """The message names the share and the formats that are possible."""
    with pytest.raises(ExportError, match=f"with times, found that of share {SHARE} without any.* txt or json"):
        render(shared(from_the_gateway(segment(0.0, 0.0, "Hello"))), form)


def test_the_gateways_own_segments_make_subtitles() -> None:
    """Times are all that is needed, and an unknown language is not named."""
    assert render(shared(from_the_gateway(segment(1.0, 2.5, "Hello all"))), TranscriptFormat.VTT) == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nHello all\n\n"
    )


def test_a_translation_is_in_english() -> None:
    """The document has the spoken language, and the subtitles have the language that is written."""
    recipe = replace(RECIPE, parameters={"task": "translate"})
    spoken = transcript(segment(0.0, 2.0, "Good morning"), language="de", recipe=recipe)
    assert (document(spoken)["language"], document(spoken)["task"]) == ("de", "translate")
    assert "Language: en\n" in render(shared(spoken), TranscriptFormat.VTT)


def test_each_segment_has_its_language() -> None:
    """The document says how much of the speech is in each; the subtitles name them all, and a cue is in one of them."""
    english = replace(segment(0.0, 3.0, " This is the"), language="en")
    german = replace(segment(3.0, 4.0, " wunderbar."), language="de")
    mixed = transcript(english, german, language="en")
    found = document(mixed)
    assert [one["language"] for one in found["segments"]] == ["en", "de"]
    assert found["languages"] == [{"language": "en", "share": 0.75}, {"language": "de", "share": 0.25}]
    assert found["language"] == "en"
    subtitles = render(shared(mixed), TranscriptFormat.VTT)
    assert subtitles.startswith("WEBVTT\n\nNOTE\nLanguage: en, de\n\n")
    assert "This is the\n\n" in subtitles
    same = render(shared(transcript(replace(english, language="de"), german, language="de")), TranscriptFormat.VTT)
    assert "This is the wunderbar.\n\n" in same


def test_a_silence_begins_a_paragraph() -> None:
    """Two seconds without speech begin a paragraph, and nothing in the text controls a terminal."""
    spoken = transcript(
        segment(0.0, 2.0, " First.\x1b[2J"),
        segment(3.9, 4.5, " Second."),
        segment(5.0, 6.0, " \n "),
        segment(6.5, 7.0, " Third\nline."),
    )
    assert plain_text(spoken) == "First.[2J Second.\n\nThird line.\n"


def test_silence_is_an_empty_file() -> None:
    """Plain text of silence is empty too, and the JSON says that nothing was said."""
    assert render(shared(transcript()), TranscriptFormat.TXT) == ""
    assert render(shared(transcript()), TranscriptFormat.SRT) == ""
    assert document(transcript())["segments"] == []
