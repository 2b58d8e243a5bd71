"""`bookmarkai transcripts search`: find the sentences in which something was said, and where in which video."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from bookmarkai_assets.cli.moments import SharedSince, parse_moment
from bookmarkai_assets.cli.output import MAX_CELL_CHARACTERS, clean, out, print_json, print_table
from bookmarkai_assets.cli.partitions import AsPartitions, print_partitions
from bookmarkai_assets.core.errors import SearchQueryError
from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.search.moments_in_videos import url_at
from bookmarkai_assets.core.search.ports import MAX_HITS, Hit
from bookmarkai_assets.core.search.query import parse_query
from bookmarkai_assets.core.shares.dagster_ui import TRANSCRIPT
from bookmarkai_assets.operations.transcripts.hits import hit_as_dict
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog

SHOWN = 20

SHOWN_CHARACTERS = 200
"""How much of a sentence is shown, around its first match. A text without segments is one long sentence."""


def search(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORDS", help='Words that must all occur, "words in a row", begin*, -word that must not occur'
        ),
    ],
    *,
    platform: Annotated[Platform | None, typer.Option("--platform", help="Only videos of this platform")] = None,
    since: SharedSince = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            min=1,
            max=MAX_HITS,
            help=f"At most this many sentences; {SHOWN}, or {MAX_HITS:,} with --partitions",
        ),
    ] = None,
    partitions: AsPartitions = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with seconds and the positions of the matches")
    ] = False,
) -> None:
    """Find the sentences in which all the words were said, those of the newest videos first.

    Case and accents do not matter. Put the whole query in single quotation marks, so that the shell leaves double ones
    alone.

    Example: bookmarkai transcripts search '"sugar free" cake* -salt' --since 30d
    """
    earliest = parse_moment(since, "--since", now=datetime.now(UTC))
    most = limit or (MAX_HITS if partitions else SHOWN)
    try:
        query = parse_query(" ".join(words))
    except SearchQueryError as error:
        raise typer.BadParameter(str(error), param_hint="WORDS") from None
    unindexed = 0
    settings = load_settings()
    with open_catalog(settings) as catalog:
        hits = catalog.search.search(query, platform=platform, since=earliest, limit=most)
        if not hits:
            unindexed = catalog.search.count_unindexed()
    if partitions:
        print_partitions(
            settings,
            {hit.share_id for hit in hits},
            assets=[TRANSCRIPT],
            as_json=as_json,
            cut=f"Of the newest {most:,} sentences; there may be more." if len(hits) == most else None,
        )
        return
    if as_json:
        print_json([hit_as_dict(hit) for hit in hits])
        return
    if not hits:
        out.print("No sentence was found, as far as transcripts are indexed.")
        if unindexed:
            out.print(f"Not indexed: {unindexed:,}. Run `bookmarkai transcripts index`.")
        return
    print_table(
        ["id", "time", "title", "said", "url"],
        [
            (hit.share_id, _clock(hit.start_seconds), clean(hit.title, 60), _mark_matches(hit), _link(hit))
            for hit in hits
        ],
    )
    if len(hits) == most and out.is_terminal:
        out.print(f"The newest {most:,}; there may be more: --limit.")


def _link(hit: Hit) -> str:
    return url_at(hit.url, hit.start_seconds)


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes_of_hour = divmod(minutes, 60)
    return f"{hours}:{minutes_of_hour:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def _mark_matches(hit: Hit) -> Text:
    """Return the sentence with its matches in bold. Of a long one, return the part around the first match."""
    begin, end = _visible_range(hit.text, hit.matches)
    # clean() keeps one character for each, so the positions of the matches stay right.
    sentence = clean(hit.text[begin:end], MAX_CELL_CHARACTERS)
    for first, last in hit.matches:
        sentence.stylize("bold yellow", max(0, first - begin), max(0, last - begin))
    before, after = Text("…" if begin else ""), Text("…" if end < len(hit.text) else "")
    return before.append(sentence).append(after)


def _visible_range(text: str, matches: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the start and end of the part of a text to show, cut at white space if there is some."""
    if len(text) <= SHOWN_CHARACTERS:
        begin = len(text) - len(text.lstrip())
        return begin, max(begin, len(text.rstrip()))
    first, last = matches[0] if matches else (0, 0)
    begin = max(0, min(first - SHOWN_CHARACTERS // 4, len(text) - SHOWN_CHARACTERS))
    end = min(len(text), max(begin + SHOWN_CHARACTERS, last))
    if begin:
        begin = text.find(" ", begin, first) + 1 or begin
    if end < len(text):
        end = max(text.rfind(" ", last, end), 0) or end
    return begin, end
