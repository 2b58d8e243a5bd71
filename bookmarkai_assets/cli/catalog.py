"""`bookmarkai catalog`: the database behind the pipeline."""

import typer

from bookmarkai_assets.cli.output import out
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import upgrade_catalog_schema

app = typer.Typer(help="Upgrade the database behind the pipeline.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep this a group although it has only one command."""


@app.command()
def upgrade() -> None:
    """Upgrade the catalog's tables to this version's schema. BookmarkAI's own tables are left as they are.

    Example: bookmarkai catalog upgrade
    """
    upgrade_catalog_schema(load_settings())
    out.print("The catalog's schema is up to date.")
