"""`bookmarkai doctor`: the whole installation examined, with what to do about what is wrong."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from bookmarkai_assets.cli.doctor.checks import checks_of
from bookmarkai_assets.cli.output import clean, out, print_json, print_table
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.health import CheckStatus
from bookmarkai_assets.operations.health.doctor import Check, Result, examine
from bookmarkai_assets.settings.settings import Settings, load_settings

_STYLES = {
    CheckStatus.PASS: "green",
    CheckStatus.WARN: "yellow",
    CheckStatus.FAIL: "bold red",
    CheckStatus.SKIP: "dim",
}
_STATUS_WIDTH = max(len(status) for status in CheckStatus)
_MAX_CHARACTERS = 2000
"""Of one finding."""

_MAX_COMMAND_CHARACTERS = 200_000
"""Of one command: one that sets all of a bucket's lifecycle rules, of which S3 takes 1000, is not cut."""


def doctor(
    *,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this check, or all whose names begin so: speech, s3 (repeatable)")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Examine the whole installation, and say what to do: programs, speech, catalog, Dagster, storage, egress guard.

    pass: it works; warn: it works, look at it; fail: it does not work; skip: not configured, or not to be told. Exit
    code 0 if nothing failed, 1 otherwise. Nothing is downloaded, posted or left behind: storage is tried with small
    probes that are deleted, the guard against listeners of this machine.

    Example: bookmarkai doctor
    """
    checks = _chosen(checks_of(_settings()), only or [])
    if as_json:
        results = examine(checks)
        print_json(_as_dict(results))
    elif out.is_terminal:
        results = _print_as_they_come(checks)
    else:
        results = examine(checks)
        print_table(("status", "check", "found", "remedy", "command"), [_row(result) for result in results])
    if not as_json:
        out.print(_verdict(results), soft_wrap=True)
    if not _is_ok(results):
        raise typer.Exit(1)


def _settings() -> Settings | ConfigurationError:
    try:
        return load_settings()
    except ConfigurationError as error:
        return error


def _chosen(checks: Sequence[Check], only: Sequence[str]) -> Sequence[Check]:
    """Give the checks that are wanted, whole: what one of their findings depends on is told as well."""
    names = [name for check in checks for name in check.names]
    for wanted in only:
        if not any(_is_called(name, wanted) for name in names):
            raise typer.BadParameter(f"expected one of {', '.join(names)}; found {wanted[:80]!r}", param_hint="--only")
    return [
        check
        for check in checks
        if not only or any(_is_called(name, wanted) for name in check.names for wanted in only)
    ]


def _is_called(name: str, wanted: str) -> bool:
    return f"{name} ".startswith(f"{wanted} ")


def _print_as_they_come(checks: Sequence[Check]) -> list[Result]:
    width = max(len(name) for check in checks for name in check.names)
    with out.status("examining…"):
        return examine(checks, on_result=lambda result: _print(result, width))


def _print(result: Result, width: int) -> None:
    finding = result.finding
    told = clean(finding.found, _MAX_CHARACTERS)
    if finding.remedy is not None:
        told.append("\n→ ", style="bold").append_text(clean(finding.remedy, _MAX_CHARACTERS))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=_STATUS_WIDTH)
    grid.add_column(width=width)
    grid.add_column(overflow="fold")
    grid.add_row(Text(finding.status, style=_STYLES[finding.status]), Text(finding.name), told)
    out.print(grid)
    if finding.command is not None:
        # From the first column and in one piece, so that it can be copied as it stands.
        out.print(clean(finding.command, _MAX_COMMAND_CHARACTERS), soft_wrap=True)


def _row(result: Result) -> tuple[str, ...]:
    finding = result.finding
    return (finding.status.value, finding.name, finding.found, finding.remedy or "", finding.command or "")


def _is_ok(results: Sequence[Result]) -> bool:
    return all(result.finding.status is not CheckStatus.FAIL for result in results)


def _verdict(results: Sequence[Result]) -> str:
    counts = Counter(result.finding.status for result in results)
    told = ", ".join(f"{counts[status]} {status}" for status in CheckStatus if counts[status])
    return f"{'Nothing failed' if _is_ok(results) else 'SOMETHING FAILED'}: {told}."


def _as_dict(results: Sequence[Result]) -> dict[str, Any]:
    counts = Counter(result.finding.status for result in results)
    return {
        "ok": _is_ok(results),
        "counts": {status.value: counts[status] for status in CheckStatus},
        "checks": [
            {
                "check": result.finding.name,
                "status": result.finding.status.value,
                "found": result.finding.found,
                "remedy": result.finding.remedy,
                "command": result.finding.command,
                "seconds": round(result.seconds, 3),
            }
            for result in results
        ],
    }
