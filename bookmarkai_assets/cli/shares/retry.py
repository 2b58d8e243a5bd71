"""`bookmarkai shares retry`: make failed shares due at once, by id, by outcome, or all that are parked."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from bookmarkai_assets.cli.durations import parse_duration
from bookmarkai_assets.cli.output import clean, err, out, print_json, share_id_of
from bookmarkai_assets.cli.partitions import AsPartitions, print_partitions
from bookmarkai_assets.core.links.platforms import Platform, unify_platform
from bookmarkai_assets.core.outcomes import ENDS_WELL, Outcome
from bookmarkai_assets.operations.failures.retrying import RetriedFailures, retry_failures, retry_shares
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.rules import make_rules
from bookmarkai_assets.wiring.storage import make_stores

_NO_FAILURES = ENDS_WELL | {Outcome.POSTPONED}


def retry(
    share_ids: Annotated[list[str] | None, typer.Argument(metavar="ID…")] = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Retry all shares that are parked as error")] = False,
    outcome: Annotated[
        list[Outcome] | None,
        typer.Option(help="Retry all shares with this outcome, parked or waiting for their next attempt (repeatable)"),
    ] = None,
    platform: Annotated[
        list[Platform] | None, typer.Option(help="With --outcome: only links of this platform (repeatable)")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(help="With --outcome: only what failed at least this long ago, such as 2h or 7d")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --outcome: count the shares, and change nothing")
    ] = False,
    partitions: AsPartitions = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Make failed shares due at once, with all their attempts again; also done ones whose video has expired or is lost.

    --outcome accepts terminal outcomes too. Name one once its cause is gone. Shares that a run is working on are left
    alone. `bookmarkai shares debt` shows what there is to retry.

    A video is lost if it is recorded as stored and every backend answers now that it does not have it. It is then
    fetched again. If a backend does not answer, the share is left alone.

    Example: bookmarkai shares retry --outcome blocked --older-than 2h --dry-run
    """
    if [bool(share_ids), failed, bool(outcome)].count(True) != 1:
        raise typer.BadParameter("expected either share ids, --failed or --outcome")
    if outcome:
        if partitions:
            raise typer.BadParameter(
                "expected it without --outcome; `bookmarkai shares list --outcome … --partitions` prints those shares",
                param_hint="--partitions",
            )
        _retry_failures(outcome, platform or [], older_than, is_dry_run=dry_run, as_json=as_json)
        return
    if platform or older_than or dry_run:
        raise typer.BadParameter("expected --platform, --older-than and --dry-run only together with --outcome")
    _retry_shares(
        [share_id_of(share_id, "ID") for share_id in share_ids or []], as_partitions=partitions, as_json=as_json
    )


def _retry_failures(
    outcomes: Sequence[Outcome],
    platforms: Sequence[Platform],
    older_than: str | None,
    *,
    is_dry_run: bool,
    as_json: bool,
) -> None:
    for outcome in outcomes:
        if outcome in _NO_FAILURES:
            raise typer.BadParameter(
                f"expected an outcome that is a failure, found {outcome}; `bookmarkai shares debt` has those there are",
                param_hint="--outcome",
            )
    age = parse_duration(older_than, "--older-than") if older_than else timedelta(0)
    with open_catalog(load_settings()) as catalog:
        done = retry_failures(
            catalog,
            outcomes=outcomes,
            platforms=[unify_platform(platform) for platform in platforms],
            older_than=age,
            now=datetime.now(UTC),
            is_dry_run=is_dry_run,
        )
    if as_json:
        print_json(
            {
                "dry_run": is_dry_run,
                "matched": sum(done.matched.values()),
                "retried": done.retried,
                "by_outcome": {str(outcome): count for outcome, count in done.matched.items()},
            }
        )
    else:
        _print(done, is_dry_run=is_dry_run)


def _print(done: RetriedFailures, *, is_dry_run: bool) -> None:
    if not done.matched:
        out.print("No share stands with such a failure.")
        return
    for outcome, count in done.matched.items():
        out.print(f"{outcome}  {_shares(count)}")
    if is_dry_run:
        out.print(f"{_shares(sum(done.matched.values()))} would be tried again; nothing was changed")
        return
    out.print(f"{_shares(done.retried)} will be tried again")
    if left := sum(done.matched.values()) - done.retried:
        out.print(f"{_shares(left)} taken up by a run meanwhile, and left to it")


def _shares(count: int) -> str:
    return "1 share" if count == 1 else f"{count:,} shares"


def _retry_shares(named: Sequence[str], *, as_partitions: bool, as_json: bool) -> None:
    """Retry the named shares, or all that are parked if none is named."""
    settings = load_settings()
    with open_catalog(settings) as catalog:
        wanted = named or list(catalog.work.failed_share_ids())
        done = retry_shares(catalog, make_stores(settings), make_rules(settings), wanted, now=datetime.now(UTC))
    if as_partitions:
        print_partitions(settings, done.changed, as_json=as_json)
    elif as_json:
        print_json({"retried": done.changed, "unchanged": list(done.unchanged), "reasons": done.unchanged})
    else:
        for share_id in done.changed:
            why = ": its video is in no backend and is fetched again" if share_id in done.lost else ""
            out.print(f"{share_id}  will be tried again{why}", soft_wrap=True)
        for share_id, reason in done.unchanged.items():
            err.print(clean(f"{share_id}  left alone: {reason}", 1000), soft_wrap=True)
        if not wanted:
            out.print("No share is parked as error.")
    if done.unchanged:
        raise typer.Exit(1)
