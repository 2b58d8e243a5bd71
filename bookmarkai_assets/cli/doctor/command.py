"""`bookmarkai doctor`: check the whole installation, and say what to do about what is wrong."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from bookmarkai_assets.cli.doctor.checks import make_checks
from bookmarkai_assets.cli.output import STATUS_STYLES, clean, out, print_json, print_table
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.health import CheckStatus, TimedResult
from bookmarkai_assets.operations.health.doctor import Check, run_checks
from bookmarkai_assets.settings.settings import Settings, load_settings

_STATUS_WIDTH = max(len(status) for status in CheckStatus)
_MAX_CHARACTERS = 2000
"""At most this much is shown of what a check found, and of its remedy."""

_MAX_COMMAND_CHARACTERS = 200_000
"""Enough for a command that sets all of a bucket's lifecycle rules, of which S3 takes 1000: it must not be cut."""


def doctor(
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only this check, or all whose names begin with this, such as speech or s3 (repeatable)"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Check the whole installation, and say what to do: programs, speech, catalog, Dagster, storage, egress guard.

    pass: it works; warn: it works, but needs attention; fail: it does not work; skip: it is not configured, or could
    not be tried. The exit code is 0 if nothing failed, 1 otherwise. Nothing is downloaded, posted or left behind.
    Storage is tried with small probes that are deleted, the guard with listeners on this machine.

    Example: bookmarkai doctor
    """
    checks = _choose(make_checks(_load()), only or [])
    if as_json:
        results = run_checks(checks)
        print_json(_as_dict(results))
    elif out.is_terminal:
        results = _print_as_they_come(checks)
    else:
        results = run_checks(checks)
        print_table(("status", "check", "found", "remedy", "command"), [_make_row(result) for result in results])
    if not as_json:
        out.print(_write_verdict(results), soft_wrap=True)
    if not _is_ok(results):
        raise typer.Exit(1)


def _load() -> Settings | ConfigurationError:
    try:
        return load_settings()
    except ConfigurationError as error:
        return error


def _choose(checks: Sequence[Check], only: Sequence[str]) -> Sequence[Check]:
    """Return the wanted checks. One with several results is run as a whole, since they depend on each other."""
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


def _print_as_they_come(checks: Sequence[Check]) -> list[TimedResult]:
    width = max(len(name) for check in checks for name in check.names)
    with out.status("examining…"):
        return run_checks(checks, on_result=lambda result: _print(result, width))


def _print(timed: TimedResult, width: int) -> None:
    result = timed.result
    words = clean(result.found, _MAX_CHARACTERS)
    if result.remedy is not None:
        words.append("\n→ ", style="bold").append_text(clean(result.remedy, _MAX_CHARACTERS))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=_STATUS_WIDTH)
    grid.add_column(width=width)
    grid.add_column(overflow="fold")
    grid.add_row(Text(result.status, style=STATUS_STYLES[result.status]), Text(timed.name), words)
    out.print(grid)
    if result.command is not None:
        # From the first column and in one piece, so that it can be copied as it stands.
        out.print(clean(result.command, _MAX_COMMAND_CHARACTERS), soft_wrap=True)


def _make_row(timed: TimedResult) -> tuple[str, ...]:
    result = timed.result
    return (result.status.value, timed.name, result.found, result.remedy or "", result.command or "")


def _is_ok(results: Sequence[TimedResult]) -> bool:
    return all(timed.result.status is not CheckStatus.FAIL for timed in results)


def _count(results: Sequence[TimedResult]) -> Counter[CheckStatus]:
    return Counter(timed.result.status for timed in results)


def _write_verdict(results: Sequence[TimedResult]) -> str:
    counts = _count(results)
    listed = ", ".join(f"{counts[status]} {status}" for status in CheckStatus if counts[status])
    return f"{'Nothing failed' if _is_ok(results) else 'SOMETHING FAILED'}: {listed}."


def _as_dict(results: Sequence[TimedResult]) -> dict[str, Any]:
    counts = _count(results)
    return {
        "ok": _is_ok(results),
        "counts": {status.value: counts[status] for status in CheckStatus},
        "checks": [
            {
                "check": timed.name,
                "status": timed.result.status.value,
                "found": timed.result.found,
                "remedy": timed.result.remedy,
                "command": timed.result.command,
                "seconds": round(timed.seconds, 3),
            }
            for timed in results
        ],
    }
