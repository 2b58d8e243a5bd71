"""`bookmarkai shares`: add links, see how far they are, try failed ones again."""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bookmarkai_assets.cli.output import clean, err, out, print_json, print_table, share_id_of
from bookmarkai_assets.core.ports import AddedShare
from bookmarkai_assets.core.shares import ShareStatus
from bookmarkai_assets.core.urls import MAX_URL_CHARACTERS, RefusedLink
from bookmarkai_assets.operations.intake import add_shares, reopen_expired
from bookmarkai_assets.operations.reports import share_report, share_summary
from bookmarkai_assets.operations.retrying import retry_shares
from bookmarkai_assets.settings import load_settings
from bookmarkai_assets.wiring import make_rules, make_stores, open_catalog

LOCAL_USER = "00000000-0000-0000-0000-000000000000"
"""The user of shares that are added by hand."""

app = typer.Typer(help="Add links, see how far they are, try failed ones again.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


@app.command()
def add(
    urls: Annotated[list[str] | None, typer.Argument(metavar="URL…", help="Links to videos")] = None,
    *,
    user: Annotated[str, typer.Option(help="The user who shares them, a UUID")] = LOCAL_USER,
    from_file: Annotated[
        Path | None, typer.Option(help="A file with one link per line (- for standard input); # begins a comment")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record shares; the new_shares sensor picks them up. A link that is refused does not stop the others.

    A link that is known stays one share; if its video has expired, it is fetched anew.

    Example: bookmarkai shares add https://youtu.be/jNQXAC9IVRw
    """
    wanted = [*(urls or []), *(_links_in(from_file) if from_file else [])]
    if not wanted:
        raise typer.BadParameter("expected at least one URL, or --from-file with some; found none")
    settings = load_settings()
    user_id = share_id_of(user, "--user")
    with open_catalog(settings) as catalog:
        results = add_shares(
            catalog.shares,
            wanted,
            user_id=user_id,
            allowed_hosts=settings.egress_allowed_hosts,
            now=datetime.now(UTC),
        )
        known = [r.share.share_id for r in results if isinstance(r, AddedShare) and not r.is_new]
        reopened = set(reopen_expired(catalog, known, now=datetime.now(UTC)))
    if as_json:
        print_json([_added(url, result, reopened) for url, result in zip(wanted, results, strict=True)])
    else:
        for url, result in zip(wanted, results, strict=True):
            _print_added(url, result, reopened)
    if any(isinstance(result, RefusedLink) for result in results):
        raise typer.Exit(1)


@app.command("list")
def list_shares(
    *,
    status: Annotated[list[ShareStatus] | None, typer.Option(help="Only shares with this status (repeatable)")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first")] = 50,
    as_json: AsJson = False,
) -> None:
    """List shares, newest first.

    Example: bookmarkai shares list --status error --json
    """
    with open_catalog(load_settings()) as catalog:
        found = catalog.shares.list(statuses=status or (), limit=limit)
        summaries = [share_summary(catalog, share) for share in found]
    if as_json:
        print_json(summaries)
        return
    print_table(
        ["id", "status", "outcome", "url"],
        [(s["id"], s["status"], s["outcome"], s["url"]) for s in summaries],
    )


@app.command()
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


@app.command()
def retry(
    share_ids: Annotated[list[str] | None, typer.Argument(metavar="ID…")] = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="All shares that are parked as error")] = False,
    as_json: AsJson = False,
) -> None:
    """Make failed shares due at once, with all their attempts again; done ones too whose video has expired or is lost.

    A video is lost when it is on record as stored and, as every backend says now, in none of them: it is then fetched
    anew. A backend that does not answer leaves the share alone.

    Example: bookmarkai shares retry --failed
    """
    if bool(share_ids) == failed:
        raise typer.BadParameter("expected either share ids or --failed")
    named = [share_id_of(share_id, "ID") for share_id in share_ids or []]
    settings = load_settings()
    with open_catalog(settings) as catalog:
        wanted = list(catalog.work.failed_share_ids()) if failed else named
        done = retry_shares(catalog, make_stores(settings), make_rules(settings), wanted, now=datetime.now(UTC))
    if as_json:
        print_json({"retried": done.changed, "unchanged": list(done.unchanged), "reasons": done.unchanged})
    else:
        for share_id in done.changed:
            why = ": its video is in no backend and is fetched anew" if share_id in done.lost else ""
            out.print(f"{share_id}  will be tried again{why}", soft_wrap=True)
        for share_id, reason in done.unchanged.items():
            err.print(clean(f"{share_id}  left alone: {reason}", 1000), soft_wrap=True)
        if not wanted:
            out.print("No share is parked as error.")
    if done.unchanged:
        raise typer.Exit(1)


def _links_in(path: Path) -> list[str]:
    try:
        # Undecodable bytes become replacement characters, which the admission refuses with a reason.
        text = typer.get_text_stream("stdin").read() if str(path) == "-" else path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise typer.BadParameter(f"expected a readable file of links: {error}", param_hint="--from-file") from None
    # Only line feeds divide links: splitlines() would also cut at characters that the admission has to see.
    return [line.strip("\r") for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]


def _added(url: str, result: AddedShare | RefusedLink, reopened: Collection[str]) -> dict[str, Any]:
    if isinstance(result, RefusedLink):
        return {"url": url[:2048], "added": False, "refused": result.reason}
    share = result.share
    is_reopened = share.share_id in reopened
    return {
        "url": url,
        "added": True,
        "new": result.is_new,
        "reopened": is_reopened,
        "id": share.share_id,
        "status": ShareStatus.PENDING.value if is_reopened else share.status,
    }


def _print_added(url: str, result: AddedShare | RefusedLink, reopened: Collection[str]) -> None:
    if isinstance(result, RefusedLink):
        err.print(
            clean("refused  ").append_text(clean(url, 100)).append(f"\n         {clean(result.reason)}"), soft_wrap=True
        )
    else:
        word = "added" if result.is_new else "again" if result.share.share_id in reopened else "known"
        out.print(
            clean(f"{word}  {result.share.share_id}  ").append_text(clean(url, MAX_URL_CHARACTERS)), soft_wrap=True
        )


def _lines(report: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    lines: list[tuple[str, Any]] = []
    for name, value in report.items():
        if isinstance(value, dict):
            lines += _lines(value, f"{prefix}{name}.")
        elif name == "transfers":
            lines += [(f"transfer {i}", _transfer(event)) for i, event in enumerate(value, 1)]
        elif name == "deletions":
            lines += [(f"deletion {i}", clean(_deletion(deletion), 2000)) for i, deletion in enumerate(value, 1)]
        elif name == "segments":
            continue
        elif value is not None:
            lines.append((prefix + name, clean(value, 2000)))
    return lines


def _deletion(deletion: dict[str, Any]) -> str:
    end = "" if deletion["is_done"] else " (not finished)"
    return f"{deletion['kind']} {deletion['url']}: {deletion['reason']} at {deletion['at']}{end}"


def _transfer(event: dict[str, Any]) -> str:
    end = f" failed: {event['error_class']}" if event["error_class"] else ""
    return (
        f"{event['operation']} {event['kind']} {event['backend']} {event['size_bytes']} bytes {event['seconds']} s{end}"
    )
