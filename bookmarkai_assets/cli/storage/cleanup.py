"""`bookmarkai storage cleanup`: remove local copies that are proven in S3 or no longer needed."""

from typing import Annotated

import typer

from bookmarkai_assets.cli.hold import command_hold
from bookmarkai_assets.cli.output import human_bytes, out, print_first, print_json
from bookmarkai_assets.operations.storage.clean_up import clean_up
from bookmarkai_assets.operations.storage.clean_up_report import CleanUpReport


def cleanup(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Remove old local files: those whose copy in S3 is proven now, and those that are transcribed and past retention.

    Abandoned staging files and multipart uploads are removed too. Every deletion leaves a tombstone with its evidence.
    Nothing is removed if a listing fails, or is empty where the catalog expects media. The exit code is 1 if something
    could not be checked or removed.

    Example: bookmarkai storage cleanup --dry-run
    """
    with command_hold("cleanup") as hold:
        report = clean_up(hold, is_dry_run=dry_run)
    if as_json:
        print_json(report.as_dict())
    else:
        _print(report)
    if report.failed:
        raise typer.Exit(1)


def _print(report: CleanUpReport) -> None:
    verb = "would remove" if report.is_dry_run else "removed"
    print_first([f"{verb}  {item.removed:<16} {item.name}" for item in report.removed])
    print_first(
        [f"kept     {(item.kept or '').replace('_', ' ')}: {item.share_id} {item.name}" for item in report.to_look_at]
    )
    print_first([f"failed   {item.name}: {item.detail}" for item in report.failed])
    out.print(f"{verb} {len(report.removed)} ({human_bytes(report.removed_bytes)})", soft_wrap=True)
    for reason, count in sorted(report.kept.items()):
        out.print(
            f"kept {count} ({human_bytes(report.kept_bytes[reason])}): {reason.replace('_', ' ')}", soft_wrap=True
        )
