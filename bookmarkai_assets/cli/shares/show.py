"""`bookmarkai shares show`: everything about one share."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer

from bookmarkai_assets.cli.output import clean, print_json, print_table
from bookmarkai_assets.cli.share_argument import ShareArgument, share_named
from bookmarkai_assets.core.media.ports import Tombstone
from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.transcripts.doubts import Doubt
from bookmarkai_assets.operations.shares.reports import ShareReport, share_report
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.dagster_ui import make_links_from_outside


def show(share: ShareArgument, *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False) -> None:
    """Show everything about one share: its outcome, where its media are and why, its transcript and transfers.

    A share is named by its id, or by its link. `page` is its page in Dagster's UI.

    Example: bookmarkai shares show 6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11 --json
    """
    settings = load_settings()
    with open_catalog(settings) as catalog:
        wanted = share_named(catalog, settings, share)
        report = share_report(catalog, wanted.share_id, now=datetime.now(UTC))
    page = {"page": report.page_in(make_links_from_outside(settings))}
    if as_json:
        print_json(report.as_dict() | page)
        return
    print_table(["", ""], [*_lines(report), *page.items()])


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
