"""`bookmarkai platforms`: which sites are paused or limited, which formats lack sound, and trying a paused site."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from bookmarkai_assets.cli.output import clean, err, out, print_json, print_table
from bookmarkai_assets.core.sites.stores import is_store
from bookmarkai_assets.operations.sites.report import site_reports
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.rules import make_rules

app = typer.Typer(
    help="List which platforms, other sites and stores are paused or limited, or try a paused one at once.",
    no_args_is_help=True,
)


@app.command("list")
def list_platforms(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False) -> None:
    """List the sites that are paused, limited, waited for, fetched from now, or whose formats came without sound.

    Stores that fail for every share are among them: `s3 store`, `local store`.

    Example: bookmarkai platforms list
    """
    settings = load_settings()
    with open_catalog(settings) as catalog:
        reports = site_reports(catalog, make_rules(settings), now=datetime.now(UTC))
    if as_json:
        print_json([report.as_dict() for report in reports])
        return
    if not reports:
        out.print("No site is paused, limited, fetched from or waited for.")
        return
    print_table(
        ["site", "state", "in progress", "waiting", "limit", "why", "no sound in"],
        [
            (
                r.site.name,
                r.state,
                r.in_progress,
                r.waiting,
                r.limit or "",
                clean(r.site.reason or "", 300),
                r.avoided or "",
            )
            for r in reports
        ],
    )


@app.command()
def resume(site: Annotated[str, typer.Argument(metavar="SITE", help="A site as `platforms list` names it")]) -> None:
    """Forget a site's refusals, or a store's failures. What waits for it goes on at once. It may be paused again.

    Example: bookmarkai platforms resume tiktok
    """
    with open_catalog(load_settings()) as catalog:
        is_changed = catalog.sites.resume(site)
    if not is_changed:
        err.print(clean(f"{site} has turned nothing away; nothing to resume. See `bookmarkai platforms list`", 400))
        raise typer.Exit(1)
    out.print(clean(f"{site} is {'used' if is_store(site) else 'fetched from'} again.", 300))
