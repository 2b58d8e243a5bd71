"""`bookmarkai shares list`: how far shares are."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, TypedDict

import typer

from bookmarkai_assets.cli.moments import SharedSince, SharedUntil, parse_moment
from bookmarkai_assets.cli.output import clean, out, print_json_list
from bookmarkai_assets.cli.partitions import AsPartitions, print_partitions
from bookmarkai_assets.cli.share_table import print_shares
from bookmarkai_assets.core.links.platforms import Platform, unify_platform
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.operations.shares.reports import share_summaries
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.dagster_ui import make_links_from_outside

SHOWN = 50


class _Asked(TypedDict):
    """What both the list and the count of shares can be restricted by."""

    statuses: Sequence[str]
    outcomes: Sequence[Outcome]
    since: datetime | None
    until: datetime | None


def list_shares(
    *,
    status: Annotated[list[ShareStatus] | None, typer.Option(help="Only shares with this status (repeatable)")] = None,
    outcome: Annotated[
        list[Outcome] | None, typer.Option(help="Only shares whose last attempt had this outcome (repeatable)")
    ] = None,
    platform: Annotated[
        list[Platform] | None,
        typer.Option(help="Only links of this platform, whatever the gateway calls it (repeatable)"),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="Only with this in the link, id, title, author or platform (repeatable)")
    ] = None,
    since: SharedSince = None,
    until: SharedUntil = None,
    after: Annotated[
        str | None, typer.Option(metavar="ID", help="Only what comes after this share in the list, as its next page")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"At most this many, newest first; {SHOWN}, or all with --partitions")
    ] = None,
    partitions: AsPartitions = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """List shares, newest first, or print all of them as partitions for a backfill.

    On a terminal, a list that was cut says how many there are, and with which `--after` it goes on.

    Example: bookmarkai shares list --outcome blocked --since 7d --partitions
    """
    settings = load_settings()
    now = datetime.now(UTC)
    ui = make_links_from_outside(settings)
    most = limit or (None if partitions else SHOWN)
    asked: _Asked = {
        "statuses": status or (),
        "outcomes": outcome or (),
        "since": parse_moment(since, "--since", now=now),
        "until": parse_moment(until, "--until", now=now),
    }
    with open_catalog(settings) as catalog:
        found = catalog.shares.list(
            **asked,
            platforms=[unify_platform(one) for one in platform or ()],
            words=text or (),
            after=after,
            limit=most,
        )
        if not partitions:
            summaries = share_summaries(catalog, found)
            if as_json:
                print_json_list(summary.as_dict() | {"page": summary.page_in(ui)} for summary in summaries)
            else:
                print_shares(summaries, ui)
                if out.is_terminal and len(found) == most:
                    # Links and words are compared row by row, so counting these would read every share.
                    total = None if platform or text else catalog.shares.count(**asked)
                    _print_cut(len(found), total, found[-1].share_id)
            return
    is_cut = limit is not None and len(found) == limit
    print_partitions(
        settings,
        [share.share_id for share in found],
        as_json=as_json,
        cut=f"The newest {limit:,}; there may be more: --limit." if is_cut else None,
    )


def _print_cut(shown: int, total: int | None, last_id: str) -> None:
    there_are = "there may be more" if total is None else f"there are {total:,} in all"
    out.print(clean(f"{shown:,} are shown, {there_are}. Go on with --after {last_id}, or set --limit.", 300))
