"""`bookmarkai config`: the effective settings."""

from typing import Annotated

import typer

from bookmarkai_assets.cli.output import print_json, print_table
from bookmarkai_assets.settings.masking import shown_value
from bookmarkai_assets.settings.settings import Settings, load_settings


def config(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with a value for each variable")] = False
) -> None:
    """Show the effective settings, with secrets masked. If they are not usable, fail and name every bad variable.

    Example: STORAGE_MODE=hybrid S3_SPLIT_PERCENTAGE=10 bookmarkai config
    """
    settings = load_settings()
    shown = settings.shown()
    shown["CATALOG_URL"] = shown_value("CATALOG_URL", settings.resolved_catalog_url(), is_secret=True)
    if as_json:
        print_json(shown)
        return
    print_table(
        ["variable", "value", "meaning"],
        [(name, value if value is not None else "-", _meaning(name)) for name, value in shown.items()],
    )


def _meaning(variable: str) -> str:
    return Settings.model_fields[variable.lower()].description or ""
