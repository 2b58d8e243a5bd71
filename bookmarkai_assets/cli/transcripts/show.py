"""`bookmarkai transcripts show`: one transcript for a person to read, or everything on record about it as JSON."""

import sys
from typing import Annotated

import typer

from bookmarkai_assets.cli.output import clean, escape_json, print_table
from bookmarkai_assets.cli.share_argument import ShareArgument, share_named
from bookmarkai_assets.core.search.moments_in_videos import as_clock
from bookmarkai_assets.core.transcripts.doubts import in_words
from bookmarkai_assets.core.transcripts.formats import TranscriptFormat, plain_text, render
from bookmarkai_assets.core.transcripts.json_document import SharedTranscript, task_of
from bookmarkai_assets.core.transcripts.languages import is_only_in, languages_in_words
from bookmarkai_assets.core.transcripts.subtitles import has_times
from bookmarkai_assets.core.transcripts.subtitles_text import clean_speech
from bookmarkai_assets.core.transcripts.transcript import UNKNOWN, Task, Transcript
from bookmarkai_assets.operations.transcripts.reads import shared_transcript
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog


def show(
    share: ShareArgument,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as `export --format json` writes it")] = False,
) -> None:
    """Show a share's transcript: the video, the language, what made it, and what was said when.

    Example: bookmarkai transcripts show 6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11
    """
    settings = load_settings()
    with open_catalog(settings) as catalog:
        shared = shared_transcript(catalog, share_named(catalog, settings, share).share_id)
    if as_json:
        sys.stdout.write(escape_json(render(shared, TranscriptFormat.JSON)))
        return
    print_table(["", ""], [(name, clean(fact, 2000)) for name, fact in _facts(shared) if fact is not None])
    sys.stdout.write("\n" + _format_text(shared.transcript))


def _facts(shared: SharedTranscript) -> list[tuple[str, object]]:
    transcript = shared.transcript
    recipe = transcript.recipe
    return [
        ("share", shared.share_id),
        ("url", shared.url),
        ("title", shared.title),
        ("language", _language(transcript)),
        ("made by", _maker(transcript)),
        ("recipe", recipe.fingerprint if recipe else None),
        ("weights", f"sha256 {recipe.weights_sha256}" if recipe and recipe.weights_sha256 else None),
        ("audio", f"sha256 {transcript.audio_sha256}" if transcript.audio_sha256 else None),
        ("length", _seconds(transcript.duration_seconds)),
        ("took", _seconds(transcript.transcribe_seconds)),
        ("words", f"{transcript.word_count:,}"),
        ("doubts", in_words(transcript.doubts) or None),
    ]


def _language(transcript: Transcript) -> str | None:
    if transcript.language == UNKNOWN:
        return None
    certainty = f" ({transcript.language_probability:.0%})" if transcript.engine != UNKNOWN else ""
    translated = ", translated to English" if task_of(transcript) is Task.TRANSLATE else ""
    is_one_language = is_only_in(transcript, transcript.language)
    shown = f"{transcript.language}{certainty}" if is_one_language else languages_in_words(transcript)
    return f"{shown}{translated}"


def _maker(transcript: Transcript) -> str:
    if transcript.engine == UNKNOWN:
        return "not made here"
    version = f" {transcript.recipe.engine_version}" if transcript.recipe else ""
    return f"{transcript.engine}{version}, model {transcript.model}"


def _seconds(seconds: float) -> str | None:
    return f"{seconds:,.1f} s" if seconds else None


def _format_text(transcript: Transcript) -> str:
    """Return the text for a terminal, without anything that could control the terminal."""
    if not transcript.text.strip():
        return "No speech.\n"
    if not has_times(transcript):
        return plain_text(transcript)
    return "".join(
        f"{as_clock(segment.start)}  {text}\n"
        for segment in transcript.segments
        if (text := clean_speech(segment.text))
    )
