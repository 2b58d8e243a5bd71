"""The formats in which a transcript is exported, and how each is made."""

import json
from collections.abc import Iterator
from enum import StrEnum

from bookmarkai_assets.core.errors import ExportError
from bookmarkai_assets.core.transcripts.json_document import SharedTranscript, transcript_document, written_languages
from bookmarkai_assets.core.transcripts.subtitles import cues_of, has_times
from bookmarkai_assets.core.transcripts.subtitles_formats import to_srt, to_webvtt
from bookmarkai_assets.core.transcripts.subtitles_text import clean_speech
from bookmarkai_assets.core.transcripts.transcript import Transcript


class TranscriptFormat(StrEnum):
    """The format of an exported transcript. The value is also the file name extension."""

    SRT = "srt"
    VTT = "vtt"
    TXT = "txt"
    JSON = "json"


PARAGRAPH_PAUSE_SECONDS = 2.0
"""A silence between two segments that begins a paragraph: longer than a breath, as at a change of subject."""


def render(shared: SharedTranscript, transcript_format: TranscriptFormat) -> str:
    """Return the whole file, which ends with a line break unless it is empty.

    Raises:
        ExportError: `transcript_format` is a subtitle format, and the transcript has no times.
    """
    transcript = shared.transcript
    are_times_known = has_times(transcript)
    match transcript_format:
        case TranscriptFormat.JSON:
            document = transcript_document(shared, are_times_known=are_times_known)
            return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
        case TranscriptFormat.TXT:
            return plain_text(transcript)
        case TranscriptFormat.SRT | TranscriptFormat.VTT if not are_times_known:
            raise ExportError(
                f"expected a transcript with times, found that of share {shared.share_id} without any, as one may be "
                "that was not made here: export it as txt or json"
            )
        case TranscriptFormat.SRT:
            return to_srt(cues_of(transcript))
        case TranscriptFormat.VTT:
            return to_webvtt(cues_of(transcript), languages=written_languages(transcript))


def plain_text(transcript: Transcript) -> str:
    """Return the text without times: a line for each paragraph, with a blank line between two. Empty without speech."""
    return "\n".join(paragraph + "\n" for paragraph in _paragraphs(transcript))


def _paragraphs(transcript: Transcript) -> Iterator[str]:
    paragraph: list[str] = []
    last_end = 0.0
    for segment in transcript.segments:
        text = clean_speech(segment.text)
        if not text:
            continue
        if paragraph and segment.start - last_end >= PARAGRAPH_PAUSE_SECONDS:
            yield " ".join(paragraph)
            paragraph = []
        paragraph.append(text)
        last_end = segment.end
    if paragraph:
        yield " ".join(paragraph)
