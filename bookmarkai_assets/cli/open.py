"""`bookmarkai open`: a share's page in Dagster's UI."""

import webbrowser
from datetime import UTC, datetime
from typing import Annotated

import typer

from bookmarkai_assets.cli.output import clean, err, out
from bookmarkai_assets.cli.share_argument import ShareArgument, share_named
from bookmarkai_assets.operations.shares.reports import share_report
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.dagster_ui import make_links_from_outside


def open_share(
    share: ShareArgument,
    *,
    is_only_printed: Annotated[
        bool, typer.Option("--print", help="Print the page's address, and open nothing")
    ] = False,
) -> None:
    """Open a share's partition in Dagster's UI: its transcript, or the asset that it has come to or failed at.

    The address is printed, and opened in a browser if this is a terminal of a machine with a desktop.
    DAGSTER_UI_URL says where the UI is.

    Example: bookmarkai open https://youtu.be/jNQXAC9IVRw
    """
    settings = load_settings()
    with open_catalog(settings) as catalog:
        report = share_report(catalog, share_named(catalog, settings, share).share_id, now=datetime.now(UTC))
    page = report.page_in(make_links_from_outside(settings))
    out.print(clean(page, len(page)), soft_wrap=True)
    if not report.is_taken_up:
        err.print("The page is empty until the sensor new_shares takes the share up.")
    if out.is_terminal and not is_only_printed:
        _open(page)


def _open(page: str) -> None:
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    # Without a desktop Python finds browsers that draw in the terminal, in which Dagster's UI shows nothing.
    if not isinstance(browser, webbrowser.GenericBrowser) or isinstance(browser, webbrowser.BackgroundBrowser):
        browser.open(page)
