"""`bookmarkai shares find`: shares by what a person knows of them."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from bookmarkai_assets.cli.moments import SharedSince, SharedUntil, parse_moment
from bookmarkai_assets.cli.output import clean, out, print_json, print_table
from bookmarkai_assets.cli.partitions import AsPartitions, print_partitions
from bookmarkai_assets.cli.share_table import MAX_TITLE_CHARACTERS, linked_id
from bookmarkai_assets.core.links.platforms import Platform, unify_platform
from bookmarkai_assets.core.shares.dagster_ui import DagsterUI
from bookmarkai_assets.operations.shares.finding import FoundShare, find_shares
from bookmarkai_assets.operations.shares.reports import ShareSummary, share_summaries
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.dagster_ui import make_links_from_outside

SHOWN = 20
SENTENCE_CHARACTERS = 100


def find(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORDS", help='A link, an id, or words that must all be there, "as they stand" in quotes'
        ),
    ],
    *,
    platform: Annotated[list[Platform] | None, typer.Option(help="Only links of this platform (repeatable)")] = None,
    since: SharedSince = None,
    until: SharedUntil = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"At most this many; {SHOWN}, or all with --partitions")
    ] = None,
    partitions: AsPartitions = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Find shares by link, id, title, author or platform, and by what is said in the video.

    Case and accents do not matter. Parts of words are found too, except in what is said. The newest come first, and
    those in which the words are only said come last. `bookmarkai open ID` opens a share in Dagster's UI.

    Example: bookmarkai shares find chocolate cake
    """
    settings = load_settings()
    now = datetime.now(UTC)
    wanted = [word for word in words if word.strip()]
    if not wanted:
        raise typer.BadParameter("expected a link, an id or words, found only white space", param_hint="WORDS")
    with open_catalog(settings) as catalog:
        found = find_shares(
            catalog,
            wanted,
            allowed_hosts=settings.egress_allowed_hosts,
            platforms=[unify_platform(one) for one in platform or ()],
            since=parse_moment(since, "--since", now=now),
            until=parse_moment(until, "--until", now=now),
            limit=limit or (None if partitions else SHOWN),
        )
        summaries = [] if partitions else list(share_summaries(catalog, [one.share for one in found.shares]))
    more = f"The first {len(found.shares):,}; there may be more: --limit." if found.is_cut else None
    if partitions:
        print_partitions(settings, [one.share.share_id for one in found.shares], as_json=as_json, cut=more)
        return
    ui = make_links_from_outside(settings)
    pairs = list(zip(found.shares, summaries, strict=True))
    if as_json:
        print_json([_as_dict(one, summary, ui) for one, summary in pairs])
        return
    if not pairs:
        out.print("No share was found. What is said is found as far as transcripts are indexed.")
        return
    page = [] if out.is_terminal else ["page"]
    print_table(
        ["id", "status", "title", "author", "found in", *page],
        [(*_cells(one, summary, ui), *([summary.page_in(ui)] if page else [])) for one, summary in pairs],
    )
    if more and out.is_terminal:
        out.print(more)


def _cells(one: FoundShare, summary: ShareSummary, ui: DagsterUI) -> tuple[object, ...]:
    share = one.share
    return (
        linked_id(share.share_id, summary.page_in(ui)),
        share.status,
        # A share that was not fetched yet has no title, but a link.
        clean(share.title or share.url, MAX_TITLE_CHARACTERS),
        clean(share.author, MAX_TITLE_CHARACTERS),
        _place(one),
    )


def _place(one: FoundShare) -> Text:
    places = clean(", ".join(one.found_in))
    if one.sentence is None:
        return places
    return places.append(": ").append_text(clean(" ".join(one.sentence.text.split()), SENTENCE_CHARACTERS))


def _as_dict(one: FoundShare, summary: ShareSummary, ui: DagsterUI) -> dict[str, object]:
    sentence = one.sentence
    return {
        **summary.as_dict(),
        "found_in": list(one.found_in),
        "said": sentence.text if sentence else None,
        "said_at_seconds": sentence.start_seconds if sentence else None,
        "page": summary.page_in(ui),
    }
