"""`bookmarkai shares list` and `show`: how far shares are, and everything about one."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer

from bookmarkai_assets.cli.output import clean, print_json, print_json_list, print_table, share_id_of
from bookmarkai_assets.core.links.platforms import Platform, unify_platform
from bookmarkai_assets.core.media.ports import Tombstone
from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.core.transcripts.doubts import Doubt
from bookmarkai_assets.operations.shares.reports import ShareReport, share_report, share_summaries
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


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
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first")] = 50,
    as_json: AsJson = False,
) -> None:
    """List shares, newest first.

    Example: bookmarkai shares list --outcome blocked --platform tiktok
    """
    with open_catalog(load_settings()) as catalog:
        found = catalog.shares.list(
            statuses=status or (),
            outcomes=outcome or (),
            platforms=[unify_platform(one) for one in platform or ()],
            limit=limit,
        )
        summaries = share_summaries(catalog, found)
        if as_json:
            print_json_list(summary.as_dict() for summary in summaries)
            return
        print_table(
            ["id", "status", "outcome", "url"],
            ((s.share.share_id, s.share.status, s.outcome, s.share.url) for s in summaries),
        )


def show(share_id: Annotated[str, typer.Argument(metavar="ID")], *, as_json: AsJson = False) -> None:
    """Show everything about one share: its outcome, where its media are and why, its transcript and transfers.

    Example: bookmarkai shares show 6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11 --json
    """
    wanted = share_id_of(share_id, "ID")
    with open_catalog(load_settings()) as catalog:
        report = share_report(catalog, wanted, now=datetime.now(UTC))
    if as_json:
        print_json(report.as_dict())
        return
    print_table(["", ""], _lines(report))


_Lines = list[tuple[str, object]]


def _lines(report: ShareReport) -> _Lines:
    """Return the JSON form as lines of a name and a value. Each item of a list becomes a line in words."""
    in_words: dict[str, _Lines] = {
        "transcript.doubts": [
            (f"doubt {i}", clean(_doubt(doubt), 2000))
            for i, doubt in enumerate(report.transcript.doubts if report.transcript else (), 1)
        ],
        "transcript.segments": [],
        "transfers": [(f"transfer {i}", _transfer(event)) for i, event in enumerate(report.transfers, 1)],
        "transfers_under_way": [(f"under way {i}", transfer.words) for i, transfer in enumerate(report.under_way, 1)],
        "deletions": [
            (f"deletion {i}", clean(_deletion(deletion), 2000)) for i, deletion in enumerate(report.deletions, 1)
        ],
    }
    return list(_iterate_lines(report.as_dict(), in_words))


def _iterate_lines(
    entries: Mapping[str, object], in_words: Mapping[str, _Lines], prefix: str = ""
) -> Iterator[tuple[str, object]]:
    for key, value in entries.items():
        name = prefix + key
        if name in in_words:
            yield from in_words[name]
        elif isinstance(value, Mapping):
            yield from _iterate_lines(value, in_words, f"{name}.")
        elif value is not None:
            yield name, clean(value, 2000)


def _doubt(doubt: Doubt) -> str:
    return f"{doubt.severity}: {doubt.kind}: {doubt.words}"


def _deletion(deletion: Tombstone) -> str:
    end = "" if deletion.is_done else " (not finished)"
    return f"{deletion.kind} {deletion.url}: {deletion.reason} at {deletion.at.isoformat()}{end}"


def _transfer(event: StorageEvent) -> str:
    end = f" failed: {event.error_class}" if event.error_class else ""
    seconds = round(event.seconds, 3)
    return f"{event.operation} {event.kind} {event.backend} {event.size_bytes} bytes {seconds} s{end}"
