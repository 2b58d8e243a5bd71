"""`bookmarkai storage verify`: the no-loss report."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from bookmarkai_assets.cli.output import clean, err, human_bytes, out, print_json_report
from bookmarkai_assets.cli.partitions import AsPartitions, print_partitions
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.operations.storage.verification_progress import VerificationProgress
from bookmarkai_assets.operations.storage.verifying import (
    SETTLED,
    SYMBOLS,
    Finding,
    VerificationLine,
    VerificationReport,
    record_verification,
    verify_storage,
)
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.rules import make_rules
from bookmarkai_assets.wiring.storage import make_stores

_MAX_CHARACTERS = 2000
"""The longest line that is printed."""

_MEANINGS = {
    Finding.SAME: "as recorded",
    Finding.MISSING: "on record, not there",
    Finding.DIFFERENT: "other bytes than recorded",
    Finding.ORPHANED: "there, not on record",
    Finding.UNVERIFIED: "could not be checked",
    Finding.EXPIRED: "expired by rule",
    Finding.IN_BOTH_PLACES: "a second copy, as a move leaves it",
    Finding.NOT_TAKEN_IN: "uploaded, and no share was made of it",
}


def verify(
    *,
    deep: Annotated[bool, typer.Option("--deep", help="Read every byte and compare its SHA-256")] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Media checked at a time")] = 8,
    limit: Annotated[int, typer.Option(min=0, help="At most this many findings in words, the worst first")] = 50,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also list what is as it should be")] = False,
    partitions: AsPartitions = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Compare the catalog with disk and bucket. The exit code is 0 only if all was checked and nothing is wrong.

    Prints the verdict and the counts, and then a line for each finding that needs attention, in the style of `rclone
    check --combined`: + only the catalog has it, - only the store has it, * it differs, ! it could not be checked. With
    --verbose also: = as recorded, & a copy in a second location, x expired. --json has every finding. A backend that
    does not answer is named, and the others are still verified. The result is kept for the rollout's gate.

    Example: bookmarkai storage verify --deep
    """
    settings = load_settings()
    now = datetime.now(UTC)
    with open_catalog(settings) as catalog:
        with _bar(is_shown=deep and not as_json) as on_progress:
            report = verify_storage(
                catalog,
                make_stores(settings),
                make_rules(settings),
                is_deep=deep,
                now=now,
                workers=workers,
                is_full=verbose,
                on_progress=on_progress,
            )
        # Printed first, so that the result of hours is not lost if the catalog cannot be written.
        if partitions:
            print_partitions(settings, _shares_with_findings(report), as_json=as_json)
        elif as_json:
            print_json_report(report.summary_as_dict(), "findings", (line.as_dict() for line in report.lines))
        else:
            _print(report, is_verbose=verbose, limit=limit)
        record_verification(catalog, report, is_deep=deep, now=now)
    if not report.is_good:
        raise typer.Exit(1)


@contextmanager
def _bar(*, is_shown: bool) -> Iterator[Callable[[VerificationProgress], object]]:
    """Show the progress of a deep verification on a terminal, and remove it at the end."""
    bar = Progress(
        TextColumn("reading"),
        BarColumn(),
        TextColumn("{task.fields[objects]} of {task.fields[count]}"),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not (is_shown and err.is_terminal),
    )
    with bar:
        task = bar.add_task("reading", total=None, objects=0, count=0)
        yield lambda now: bar.update(
            task, completed=now.done_bytes, total=now.total_bytes, objects=now.objects, count=now.objects_total
        )


def _print(report: VerificationReport, *, is_verbose: bool, limit: int) -> None:
    how = f"{human_bytes(report.bytes_read)} read" if report.is_deep else "files by size, objects by size and SHA-256"
    verdict = report.verdict.capitalize() if report.is_good else report.verdict.upper()
    out.print(f"{verdict} ({how})", soft_wrap=True)
    for finding in Finding:
        if report.counts[finding]:
            out.print(
                f"{SYMBOLS[finding]} {report.counts[finding]:>7}  {human_bytes(report.size_bytes[finding]):>9}  "
                f"{finding.value.replace('_', ' ')}: {_MEANINGS[finding]}",
                markup=False,
                soft_wrap=True,
            )
    for backend, why in report.unanswered.items():
        words = f"! {backend}: not verified, neither what is recorded there nor what else is there: {why}"
        out.print(clean(words, _MAX_CHARACTERS), soft_wrap=True)
    shown = (line for line in report.lines if is_verbose or _needs_attention(line, report))
    for line in islice(shown, limit):
        out.print(clean(_words(line), _MAX_CHARACTERS), soft_wrap=True)
    left = sum(1 for _ in shown)
    if left:
        out.print(f"… and {left:,} more: --limit shows more of them, --json has all", soft_wrap=True)


def _shares_with_findings(report: VerificationReport) -> list[str]:
    return list(dict.fromkeys(line.share_id for line in report.lines if line.share_id and line.finding not in SETTLED))


def _needs_attention(line: VerificationLine, report: VerificationReport) -> bool:
    # A backend that does not answer has one line above, instead of one for each of its files.
    is_covered_above = line.finding is Finding.UNVERIFIED and Backend.of_url(line.url) in report.unanswered
    return line.finding not in SETTLED and not is_covered_above


def _words(line: VerificationLine) -> str:
    of = f"share {line.share_id}" if line.share_id else ""
    remedy = f"; {line.remedy}" if line.remedy else ""
    known = ": ".join(part for part in (of, line.detail) if part)
    return f"{SYMBOLS[line.finding]} {line.url}  ({known}{remedy})"
