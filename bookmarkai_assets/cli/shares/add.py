"""`bookmarkai shares add`: record shared links, and say why one is refused."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bookmarkai_assets.cli.output import clean, err, out, print_json, share_id_of
from bookmarkai_assets.core.links.urls import MAX_URL_CHARACTERS, RefusedLink
from bookmarkai_assets.core.shares.share import LOCAL_USER
from bookmarkai_assets.core.text_files import NotTextError, read_lines
from bookmarkai_assets.operations.shares.intake import SharedLink, share_links
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog


def add(
    urls: Annotated[list[str] | None, typer.Argument(metavar="URL…", help="Links to videos")] = None,
    *,
    user: Annotated[str, typer.Option(help="The user who shares the links, a UUID")] = LOCAL_USER,
    from_file: Annotated[
        Path | None, typer.Option(help="A file with one link per line, or - for standard input; # starts a comment")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Record shares, for the new_shares sensor to pick up. A refused link does not stop the others.

    A link that the user has shared before stays one share. If its video has expired, it is fetched again.

    Example: bookmarkai shares add https://youtu.be/jNQXAC9IVRw
    """
    wanted = [*(urls or []), *(_links_in(from_file) if from_file else [])]
    if not wanted:
        raise typer.BadParameter("expected at least one URL, or --from-file with some; found none")
    settings = load_settings()
    user_id = share_id_of(user, "--user")
    with open_catalog(settings) as catalog:
        results = share_links(
            catalog,
            wanted,
            user_id=user_id,
            allowed_hosts=settings.egress_allowed_hosts,
            now=datetime.now(UTC),
        )
    if as_json:
        print_json([_as_dict(url, result) for url, result in zip(wanted, results, strict=True)])
    else:
        for url, result in zip(wanted, results, strict=True):
            _print_added(url, result)
    if any(isinstance(result, RefusedLink) for result in results):
        raise typer.Exit(1)


def _links_in(path: Path) -> list[str]:
    try:
        data = typer.get_binary_stream("stdin").read() if str(path) == "-" else path.read_bytes()
        # Bytes of another encoding become replacement characters, which the admission refuses with a reason.
        lines = read_lines(data, errors="replace")
    except OSError as error:
        raise typer.BadParameter(f"expected a readable file of links: {error}", param_hint="--from-file") from None
    except NotTextError as error:
        raise typer.BadParameter(
            f"{error}: {'standard input' if str(path) == '-' else path} is no list of links, one on each line",
            param_hint="--from-file",
        ) from None
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _as_dict(url: str, result: SharedLink | RefusedLink) -> dict[str, Any]:
    if isinstance(result, RefusedLink):
        return {"url": url[:2048], "added": False, "refused": result.reason}
    share = result.share
    return {
        "url": url,
        "added": True,
        "new": result.is_new,
        "reopened": result.is_reopened,
        "id": share.share_id,
        "status": result.status,
    }


def _print_added(url: str, result: SharedLink | RefusedLink) -> None:
    if isinstance(result, RefusedLink):
        err.print(
            clean("refused  ").append_text(clean(url, 100)).append(f"\n         {clean(result.reason)}"), soft_wrap=True
        )
    else:
        word = "added" if result.is_new else "again" if result.is_reopened else "known"
        out.print(
            clean(f"{word}  {result.share.share_id}  ").append_text(clean(url, MAX_URL_CHARACTERS)), soft_wrap=True
        )
