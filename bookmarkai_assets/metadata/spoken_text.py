"""A transcript as markdown: a paragraph for each segment, with a mark of its time that starts the video there."""

from urllib.parse import quote

import dagster as dg

from bookmarkai_assets.core.search.moments_in_videos import as_clock, url_at
from bookmarkai_assets.core.text import clean_line, escape_markdown
from bookmarkai_assets.core.transcripts.transcript import Segment, Transcript

MAX_TEXT_BYTES = 8_000
"""The longest markdown of a transcript in metadata: some nine minutes of speech. The event log holds it for ever."""

_MAX_SEGMENT_CHARACTERS = 2_000
_OF_A_URL = "%/:=&?~#+!$,;'@*"
"""What a URL keeps; the rest, such as brackets, would end a link in markdown."""


def spoken_text(transcript: Transcript, canonical_url: str, share_id: str) -> dg.MetadataValue | None:
    """Return what is said, up to `MAX_TEXT_BYTES`, and then the command that prints all of it. None if nobody speaks.

    The marks are links where the video's platform has links to a moment.
    """
    if not transcript.segments:
        return None
    rest = f"… cut here; all of it: `bookmarkai transcripts show {share_id}`"
    paragraphs: list[str] = []
    left = MAX_TEXT_BYTES - len(rest.encode())
    for segment in transcript.segments:
        paragraph = f"{_mark(segment, canonical_url)} {_text(segment)}\n\n"
        left -= len(paragraph.encode())
        if left < 0:
            paragraphs.append(rest)
            break
        paragraphs.append(paragraph)
    return dg.MetadataValue.md("".join(paragraphs).strip())


def _mark(segment: Segment, canonical_url: str) -> str:
    url = url_at(canonical_url, segment.start)
    clock = as_clock(segment.start)
    return f"`{clock}`" if url == canonical_url else f"[{clock}]({quote(url, safe=_OF_A_URL)})"


def _text(segment: Segment) -> str:
    return escape_markdown(clean_line(segment.text, max_characters=_MAX_SEGMENT_CHARACTERS))
