"""`bookmarkai catalog`: the database behind the pipeline."""

from typing import Annotated

import typer

from bookmarkai_assets.cli.output import fail, out, print_json, print_table, tell
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import read_schema_state, upgrade_catalog_schema, wait_for_catalog

app = typer.Typer(help="Upgrade the database behind the pipeline.", no_args_is_help=True)


@app.command()
def upgrade(
    *,
    wait: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds to wait for a database server that is not up yet")
    ] = 0,
) -> None:
    """Upgrade the catalog's tables to this version's schema. BookmarkAI's own tables are left as they are.

    Workers go on meanwhile. The command may be started twice or be killed: a second one waits for the first, or does
    what it has left.

    Example: bookmarkai catalog upgrade --wait 60
    """
    settings = load_settings()
    if wait:
        wait_for_catalog(
            settings,
            seconds=wait,
            on_wait=lambda found: tell(f"Waiting up to {wait:g} s for the database: {found}"),
        )
    done = upgrade_catalog_schema(settings)
    if done.found == done.reached:
        out.print(f"The catalog's schema is up to date already: revision {done.reached}.")
    elif done.found is None:
        out.print(f"The catalog's schema is up to date: made at revision {done.reached}.")
    else:
        out.print(f"The catalog's schema is up to date: upgraded from revision {done.found} to {done.reached}.")


@app.command()
def status(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: found, expected, oldest_code, may_work, remedy")
    ] = False,
) -> None:
    """Show which schema revision the catalog has, which one this version expects, and whether it may work on it.

    A newer schema names the oldest code that may work on it, by its revision. The exit code is 1 if this version may
    not. Nothing is changed.

    Example: bookmarkai catalog status --json
    """
    state = read_schema_state(load_settings())
    if as_json:
        print_json(
            {
                "found": state.found,
                "expected": state.expected,
                "oldest_code": state.oldest_code,
                "may_work": state.is_usable,
                "remedy": state.remedy,
            }
        )
    else:
        print_table(
            ["found", "expected", "oldest code", "may work"],
            [(state.found, state.expected, state.oldest_code, "yes" if state.is_usable else "no")],
        )
        if state.remedy:
            fail(f"expected a schema that this version may work on; {state.remedy}")
    if not state.is_usable:
        raise typer.Exit(1)
