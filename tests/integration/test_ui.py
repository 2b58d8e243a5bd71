"""What an analyst sees and clicks: Dagster's own UI over the running pipeline, in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from tests.plugins.live_pipeline import LivePipeline
from tests.support.browser import CHROMIUM, open_page, skip_welcome

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"needs {CHROMIUM}, from Debian's package chromium: apt-get install chromium"
)

ASSETS = ["raw_video", "stored_media", "transcript"]
BACKFILL_MILLISECONDS = 150_000
"""One look of Dagster's daemon at its backfills starts the runs, a later one sees them done."""


@pytest.fixture
def page() -> Iterator[Page]:
    """Give a browser's page."""
    with open_page() as page:
        yield page


def test_an_analyst_backfills_two_partitions(live_pipeline: LivePipeline, page: Page) -> None:
    """From the lineage of the three assets, a few clicks materialize two chosen partitions anew and tell the end."""
    graphql = live_pipeline.graphql
    links = [live_pipeline.link(f"/videos/{sample.file}") for sample in SHORT_SAMPLES[:2]]
    shares = live_pipeline.share(*links)
    assert live_pipeline.wait_until_ended(*shares) == ["done", "done"]
    # The catalog has a share's end some moments before Dagster has the materialization.
    cells = [(asset, share) for asset in ASSETS for share in shares]
    live_pipeline.wait_until(
        lambda: all(graphql.materializations(*cell) for cell in cells), seconds=30, what="Dagster tells of what is done"
    )
    before = {cell: len(graphql.materializations(*cell)) for cell in cells}

    page.goto(live_pipeline.dagster.url)
    skip_welcome(page)
    page.goto(live_pipeline.media_group_url)
    for asset in ASSETS:
        node = page.locator(f"a[href='/assets/{asset}?view=partitions']", has_text="filled")
        expect(node).to_be_visible()
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog").filter(has_text="Launch runs to materialize 3 assets")
    dialog.get_by_text("Select a partition or create one").click()
    for share in shares:
        page.get_by_title(share, exact=True).click()
    page.keyboard.press("Escape")
    expect(dialog.get_by_text("2 partitions")).to_be_visible()
    dialog.get_by_role("button", name="Launch backfill").click()
    page.get_by_text("View", exact=True).click()

    expect(page).to_have_url(re.compile("/runs/b/"))
    # Once as the head of a column, once as the backfill's status.
    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(2, timeout=BACKFILL_MILLISECONDS)
    expect(page.get_by_text("100% completed")).to_have_count(len(ASSETS))
    for (asset, share), count in before.items():
        assert len(graphql.materializations(asset, share)) == count + 1
