"""What commands that work on media share: their hold, the media of a share, and the line for unfinished work."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console

from bookmarkai_assets.cli.output import clean
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.operations.media.catalog_reads import media_of_share
from bookmarkai_assets.operations.media.results import MediaResult
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.rules import make_rules
from bookmarkai_assets.wiring.storage import make_stores


@contextmanager
def command_hold(command: str, *, group: str = "storage") -> Iterator[Hold]:
    """Open the catalog, and yield the command's hold.

    The owner of its leases is named `{group} {command} {random}`, so that a message about a lease says who has it.
    """
    settings = load_settings()
    with open_catalog(settings) as catalog:
        yield Hold(
            catalog=catalog,
            rules=make_rules(settings),
            stores=make_stores(settings),
            owner=f"{group} {command} {uuid.uuid4().hex[:8]}",
            clock=lambda: datetime.now(UTC),
        )


def wanted_media(hold: Hold, share_id: str, parameter: str) -> Media:
    """Return the media of a share. Raises `typer.BadParameter`, which names `parameter`, if it has none."""
    media = media_of_share(hold.catalog, hold.rules, share_id)
    if media is None:
        raise typer.BadParameter(f"expected a share with media, found none for {share_id}", param_hint=parameter)
    return media


def print_unfinished(console: Console, result: MediaResult[Any]) -> None:
    """Print a line about a media whose work is not done. Without a terminal it is one line, however long."""
    line = clean(f"{result.outcome}  {result.share_id}  {result.detail or ''}", 500)
    console.print(line, soft_wrap=not console.is_terminal)
