"""`bookmarkai storage verify`: the no-loss report."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from bookmarkai_assets.cli.output import clean, human_bytes, out, print_json
from bookmarkai_assets.operations.verifying import SYMBOLS, Finding, VerificationReport, verify_storage
from bookmarkai_assets.settings import load_settings
from bookmarkai_assets.wiring import make_rules, make_stores, open_catalog

_MEANINGS = {
    Finding.SAME: "as recorded",
    Finding.MISSING: "on record, not there",
    Finding.DIFFERENT: "other bytes than recorded",
    Finding.ORPHANED: "there, not on record",
    Finding.UNVERIFIED: "could not be checked",
    Finding.EXPIRED: "expired by rule",
    Finding.IN_BOTH_PLACES: "a second copy, as a move leaves it",
}


def verify(
    *,
    deep: Annotated[bool, typer.Option("--deep", help="Read every byte and compare its SHA-256")] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Media looked at side by side")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Compare the catalog with disk and bucket. Exit code 0 only when all was checked and nothing is amiss.

    One line for each finding but "as recorded", in the manner of `rclone check --combined`: + only the catalog has it,
    - only the store has it, * it differs, ! it could not be checked, x it has expired, & a copy in a second place.

    Example: bookmarkai storage verify --deep
    """
    settings = load_settings()
    with open_catalog(settings) as catalog:
        report = verify_storage(
            catalog, make_stores(settings), make_rules(settings), is_deep=deep, now=datetime.now(UTC), workers=workers
        )
    if as_json:
        print_json(report.as_dict())
    else:
        _print(report)
    if not report.is_good:
        raise typer.Exit(1)


def _print(report: VerificationReport) -> None:
    for line in report.worst_first:
        share = f"share {line.share_id}: " if line.share_id else ""
        out.print(clean(f"{SYMBOLS[line.finding]} {line.url}  ({share}{line.detail})", 1000), soft_wrap=True)
    for finding in Finding:
        if report.counts[finding]:
            out.print(
                f"{SYMBOLS[finding]} {report.counts[finding]:>7}  {human_bytes(report.size_bytes[finding]):>9}  "
                f"{finding.value.replace('_', ' ')}: {_MEANINGS[finding]}",
                markup=False,
            )
    how = f"{human_bytes(report.bytes_read)} read" if report.is_deep else "files by size, objects by size and SHA-256"
    out.print(f"{report.verdict.capitalize() if report.is_good else report.verdict.upper()} ({how})")
