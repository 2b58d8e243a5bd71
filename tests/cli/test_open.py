"""`bookmarkai open`: a share's page in Dagster's UI, printed, and opened where there is a browser to open it in."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from tests.plugins.command_line import BookmarkAI
from tests.support.catalog import USER, begin, fail, staged_media, store, stored_media
from tests.support.deadlines import HANG_SECONDS

LINK = "https://www.tiktok.com/@baker/video/7300000000000000001"
PAGE = "http://127.0.0.1:3000/assets/{}?view=partitions&partition={}"


@pytest.fixture
def catalog(bookmarkai: BookmarkAI, sqlite_url: str) -> Iterator[OpenCatalog]:
    """Return the catalog that the command opens."""
    assert bookmarkai is not None, "it has cleared the environment"
    with open_catalog(sqlite_url) as opened:
        yield opened


def add(catalog: OpenCatalog) -> str:
    """Add the share of `LINK`, and return its id."""
    return catalog.shares.add(url=LINK, user_id=USER, platform="tiktok", now=datetime.now(UTC)).share.share_id


def test_the_page_is_that_of_the_asset_at_which_the_share_is(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """A share is named by id or link. Until the sensor takes it up, its page is empty, which is said."""
    share_id = add(catalog)
    new = bookmarkai("open", LINK)
    assert (new.code, new.out) == (0, PAGE.format("raw_video", share_id) + "\n")
    assert new.err == "The page is empty until the sensor new_shares takes the share up.\n"

    begin(catalog, share_id, "m1", "run")
    catalog.media.record_staged(staged_media("m1", share_id), owner="run", now=datetime.now(UTC))
    fetched = bookmarkai("open", share_id)
    assert (fetched.out, fetched.err) == (PAGE.format("stored_media", share_id) + "\n", "")
    fail(catalog, share_id, "run")
    assert bookmarkai("open", share_id).out == fetched.out

    store(catalog, stored_media("m1", share_id))
    assert bookmarkai("open", share_id, "--print").out == PAGE.format("transcript", share_id) + "\n"


def test_a_share_that_is_not_there_has_no_page(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """An unknown link is a failure, and words are wrong use, with the command that finds shares by words."""
    add(catalog)
    unknown, words = bookmarkai("open", f"{LINK}9"), bookmarkai("open", "cake")
    assert (unknown.code, unknown.out) == (1, "")
    assert (words.code, words.out) == (2, "")
    assert "shares find" in words.err


@pytest.mark.parametrize(
    ("command", "is_opened"), [("{} %s &", True), ("{} %s", False)], ids=["on a desktop", "in a terminal"]
)
def test_a_browser_with_a_window_gets_the_page(
    catalog: OpenCatalog, sqlite_url: str, tmp_path: Path, command: str, *, is_opened: bool
) -> None:
    """One that would draw in the terminal does not: Dagster's UI shows nothing there."""
    share_id = add(catalog)
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o700)
    environment = {**os.environ, "CATALOG_URL": sqlite_url, "BROWSER": command.format(browser), "FORCE_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "bookmarkai_assets.cli", "open", LINK],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_SECONDS,
    )
    assert done.stdout == PAGE.format("raw_video", share_id) + "\n"
    deadline = time.monotonic() + HANG_SECONDS
    while is_opened and not opened.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert opened.exists() == is_opened
    assert not is_opened or opened.read_text() == PAGE.format("raw_video", share_id)
