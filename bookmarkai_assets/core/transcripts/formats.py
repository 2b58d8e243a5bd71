"""The forms in which a transcript is given away, and how each is made of it."""

import json
from collections.abc import Iterator
from enum import StrEnum

from bookmarkai_assets.core.errors import ExportError
from bookmarkai_assets.core.transcripts.json_document import SharedTranscript, transcript_document, written_language
from bookmarkai_assets.core.transcripts.subtitles import cues_of, has_times
from bookmarkai_assets.core.transcripts.subtitles_formats import to_srt, to_webvtt
from bookmarkai_assets.core.transcripts.subtitles_text import clean_speech
from bookmarkai_assets.core.transcripts.transcript import Transcript


class TranscriptFormat(StrEnum):
    """What a transcript can be exported as. The value is also the extension of a file's name."""

    SRT = "srt"
    VTT = "vtt"
    TXT = "txt"
    JSON = "json"


PARAGRAPH_PAUSE_SECONDS = 2.0
"""A silence between two segments that begins a paragraph: longer than a speaker's breath, as a change of subject is."""


def render(shared: SharedTranscript, form: TranscriptFormat) -> str:
    """Give the whole file, ended by a line break unless it is empty.

    Raises:
        ExportError: Subtitles were asked for and it is not on record when anything was said.
    """
    transcript = shared.transcript
    are_times_known = has_times(transcript)
    match form:
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
            return to_webvtt(cues_of(transcript), language=written_language(transcript))


def plain_text(transcript: Transcript) -> str:
    """Give the text without times: a line for each paragraph, a blank line between two. Of no speech, nothing."""
    return "\n".join(paragraph + "\n" for paragraph in _paragraphs(transcript))


def _paragraphs(transcript: Transcript) -> Iterator[str]:
    paragraph: list[str] = []
    said_until = 0.0
    for segment in transcript.segments:
        text = clean_speech(segment.text)
        if not text:
            continue
        if paragraph and segment.start - said_until >= PARAGRAPH_PAUSE_SECONDS:
            yield " ".join(paragraph)
            paragraph = []
        paragraph.append(text)
        said_until = segment.end
    if paragraph:
        yield " ".join(paragraph)
