"""`bookmarkai transcripts search`: the sentences in which something was said, and where in which video."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from bookmarkai_assets.cli.durations import parse_duration
from bookmarkai_assets.cli.output import MAX_CELL_CHARACTERS, clean, out, print_json, print_table
from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.search.moments_in_videos import url_at
from bookmarkai_assets.core.search.ports import MAX_HITS, Hit
from bookmarkai_assets.core.search.query import parse_query
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog

SHOWN_CHARACTERS = 200
"""Of a sentence, around its first match; a text without segments is one long one."""


def search(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORDS", help='Words that all occur, "words in a row", begin*, -word that must not occur'
        ),
    ],
    *,
    platform: Annotated[Platform | None, typer.Option("--platform", help="Only videos of this platform")] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="7d|DATE", help="Only what was shared since, such as 7d or 2026-01-31"),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MAX_HITS, help="How many sentences at most")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with seconds and where the matches are")] = False,
) -> None:
    """Find what was said: the sentences that have all the words, those of the newest videos first.

    Upper and lower case are one, and so are letters with and without accents. Put the whole question in single
    quotation marks, so that the shell leaves its own alone.

    Example: bookmarkai transcripts search '"sugar free" cake* -salt' --since 30d
    """
    earliest = None if since is None else _moment(since, now=datetime.now(UTC))
    query = parse_query(" ".join(words))
    unindexed = 0
    with open_catalog(load_settings()) as catalog:
        hits = catalog.search.search(query, platform=platform, since=earliest, limit=limit)
        if not hits:
            unindexed = catalog.search.count_unindexed()
    if as_json:
        print_json([_document(hit) for hit in hits])
        return
    if not hits:
        out.print("No sentence was found, as far as transcripts are indexed.")
        if unindexed:
            out.print(f"Not indexed: {unindexed:,}. Run `bookmarkai transcripts index`.")
        return
    print_table(
        ["id", "time", "title", "said", "url"],
        [(hit.share_id, _clock(hit.start_seconds), clean(hit.title, 60), _said(hit), _link(hit)) for hit in hits],
    )
    if len(hits) == limit and out.is_terminal:
        out.print(f"The newest {limit:,}; there may be more: --limit.")


def _moment(text: str, *, now: datetime) -> datetime:
    """Read a length of time before now, or a date; the date begins at midnight UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            return now - parse_duration(text, "--since")
        except (typer.BadParameter, OverflowError):
            raise typer.BadParameter(
                f"expected a length of time such as 12h or 7d, or a date such as 2026-01-31, found {text[:40]!r}",
                param_hint="--since",
            ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _document(hit: Hit) -> dict[str, object]:
    return {
        "rank": hit.rank,
        "share_id": hit.share_id,
        "title": hit.title,
        "platform": hit.platform,
        "url": hit.url,
        "url_at": _link(hit),
        "shared_at": hit.shared_at.isoformat() if hit.shared_at else None,
        "start_seconds": hit.start_seconds,
        "end_seconds": hit.end_seconds,
        "text": hit.text,
        "matches": [{"start": start, "end": end, "text": hit.text[start:end]} for start, end in hit.spans],
    }


def _link(hit: Hit) -> str:
    return url_at(hit.url, hit.start_seconds)


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes_of_hour = divmod(minutes, 60)
    return f"{hours}:{minutes_of_hour:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def _said(hit: Hit) -> Text:
    """Show the sentence with its matches in bold; of a long one what is around the first."""
    begin, end = _shown(hit.text, hit.spans)
    # One character for each, so the places of the matches hold.
    said = clean(hit.text[begin:end], MAX_CELL_CHARACTERS)
    for first, last in hit.spans:
        said.stylize("bold yellow", max(0, first - begin), max(0, last - begin))
    before, after = Text("…" if begin else ""), Text("…" if end < len(hit.text) else "")
    return before.append(said).append(after)


def _shown(text: str, spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Say which part of a text is shown, from white space to white space where there is some."""
    if len(text) <= SHOWN_CHARACTERS:
        begin = len(text) - len(text.lstrip())
        return begin, max(begin, len(text.rstrip()))
    first, last = spans[0] if spans else (0, 0)
    begin = max(0, min(first - SHOWN_CHARACTERS // 4, len(text) - SHOWN_CHARACTERS))
    end = min(len(text), max(begin + SHOWN_CHARACTERS, last))
    if begin:
        begin = text.find(" ", begin, first) + 1 or begin
    if end < len(text):
        end = max(text.rfind(" ", last, end), 0) or end
    return begin, end
