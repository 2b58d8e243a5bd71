"""`bookmarkai storage cleanup`: remove local copies that are proven in S3 or no longer needed."""

from typing import Annotated

import typer

from bookmarkai_assets.cli.hold import command_hold
from bookmarkai_assets.cli.output import clean, human_bytes, out, print_json
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
    for considered in report.removed:
        out.print(clean(f"{verb}  {considered.removed:<16} {considered.name}", 500), soft_wrap=True)
    for considered in report.to_look_at:
        line = f"kept     {(considered.kept or '').replace('_', ' ')}: {considered.share_id} {considered.name}"
        out.print(clean(line, 500), soft_wrap=True)
    for considered in report.failed:
        out.print(clean(f"failed   {considered.name}: {considered.detail}", 500), soft_wrap=True)
    out.print(f"{verb} {len(report.removed)} ({human_bytes(report.removed_bytes)})", soft_wrap=True)
    for reason, count in sorted(report.kept.items()):
        out.print(
            f"kept {count} ({human_bytes(report.kept_bytes[reason])}): {reason.replace('_', ' ')}", soft_wrap=True
        )
