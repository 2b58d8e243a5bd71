"""`bookmarkai shares list` and `show`: how far shares are, and everything about one."""

from typing import Annotated, Any

import typer

from bookmarkai_assets.cli.output import clean, print_json, print_table, share_id_of
from bookmarkai_assets.core.links.platforms import Platform, unified
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.operations.shares.reports import share_report, share_summary
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


def list_shares(
    *,
    status: Annotated[list[ShareStatus] | None, typer.Option(help="Only shares with this status (repeatable)")] = None,
    outcome: Annotated[
        list[Outcome] | None, typer.Option(help="Only shares whose last attempt ended so (repeatable)")
    ] = None,
    platform: Annotated[
        list[Platform] | None,
        typer.Option(help="Only links of this platform, whatever the gateway calls it (repeatable)"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first")] = 50,
    as_json: AsJson = False,
) -> None:
    """List shares, newest first.

    Example: bookmarkai shares list --outcome blocked --platform tiktok
    """
    with open_catalog(load_settings()) as catalog:
        found = catalog.shares.list(
            statuses=status or (),
            outcomes=outcome or (),
            platforms=[unified(one) for one in platform or ()],
            limit=limit,
        )
        summaries = [share_summary(catalog, share) for share in found]
    if as_json:
        print_json(summaries)
        return
    print_table(
        ["id", "status", "outcome", "url"],
        [(s["id"], s["status"], s["outcome"], s["url"]) for s in summaries],
    )


def show(share_id: Annotated[str, typer.Argument(metavar="ID")], *, as_json: AsJson = False) -> None:
    """Show everything about one share: outcome, where its media is and why, transcript, transfers.

    Example: bookmarkai shares show 6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11 --json
    """
    wanted = share_id_of(share_id, "ID")
    with open_catalog(load_settings()) as catalog:
        report = share_report(catalog, wanted)
    if as_json:
        print_json(report)
        return
    print_table(["", ""], _lines(report))


def _lines(report: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    lines: list[tuple[str, Any]] = []
    for name, value in report.items():
        if isinstance(value, dict):
            lines += _lines(value, f"{prefix}{name}.")
        elif name == "transfers":
            lines += [(f"transfer {i}", _transfer(event)) for i, event in enumerate(value, 1)]
        elif name == "deletions":
            lines += [(f"deletion {i}", clean(_deletion(deletion), 2000)) for i, deletion in enumerate(value, 1)]
        elif name == "doubts":
            lines += [(f"doubt {i}", clean(_doubt(doubt), 2000)) for i, doubt in enumerate(value, 1)]
        elif name == "segments":
            continue
        elif value is not None:
            lines.append((prefix + name, clean(value, 2000)))
    return lines


def _doubt(doubt: dict[str, Any]) -> str:
    return f"{doubt['severity']}: {doubt['kind']}: {doubt['words']}"


def _deletion(deletion: dict[str, Any]) -> str:
    end = "" if deletion["is_done"] else " (not finished)"
    return f"{deletion['kind']} {deletion['url']}: {deletion['reason']} at {deletion['at']}{end}"


def _transfer(event: dict[str, Any]) -> str:
    end = f" failed: {event['error_class']}" if event["error_class"] else ""
    return (
        f"{event['operation']} {event['kind']} {event['backend']} {event['size_bytes']} bytes {event['seconds']} s{end}"
    )
