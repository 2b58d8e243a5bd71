"""A headless Chromium for Dagster's UI, for tests that click as a person would and for the pictures in the docs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import Page, expect, sync_playwright

from tests.support.deadlines import HANG_SECONDS

CHROMIUM = Path("/usr/bin/chromium")
"""Where Debian's package `chromium` puts it."""

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def open_page(*, width: int = 1400, height: int = 900) -> Iterator[Page]:
    """Yield an empty page of a browser of its own, `width` by `height` pixels, with long timeouts for its locators."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS), timeout=HANG_SECONDS * 1000)
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(HANG_SECONDS * 1000)
            expect.set_options(timeout=HANG_SECONDS * 1000)
            yield page
        finally:
            browser.close()


def skip_welcome(page: Page, *, path: str = "/graphql") -> None:
    """Press Skip in the dialog that a Dagster home shows to its first visitor, and that covers everything.

    It does nothing for a later visitor, who does not get the dialog. `path` is where the UI's GraphQL is.
    """
    graphql = urljoin(page.url, path)
    if not page.request.post(graphql, data={"query": "{ shouldShowNux }"}).json()["data"]["shouldShowNux"]:
        return
    page.get_by_role("button", name="Skip").click()
    page.get_by_role("dialog").wait_for(state="hidden")
