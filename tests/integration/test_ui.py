"""What an analyst sees and clicks: Dagster's own UI over the running pipeline, in a real browser."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from bookmarkai_assets.core.outcomes import FAILURES, Outcome
from bookmarkai_assets.demo.dagster_dev import free_port
from tests.plugins.live_pipeline import Backlog, LivePipeline
from tests.plugins.pipeline import ASSETS
from tests.support.browser import CHROMIUM, open_page, skip_welcome
from tests.support.deadlines import HANG_SECONDS, PIPELINE_SECONDS
from tools.tour import STOPS, Tour

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"needs {CHROMIUM}, from Debian's package chromium: apt-get install chromium"
)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """Return a browser's page."""
    with open_page() as page:
        yield page


def test_an_analyst_backfills_two_partitions(live_pipeline: LivePipeline, backlog: Backlog, page: Page) -> None:
    """From the lineage of the three assets, a few clicks materialize two chosen partitions again and show the end."""
    graphql = live_pipeline.graphql
    shares = list(backlog.good)[:2]
    assert live_pipeline.statuses(*shares) == ["done", "done"]
    # The catalog has a share's end some moments before Dagster has the materialization.
    cells = [(asset, share) for asset in ASSETS for share in shares]
    live_pipeline.wait_until(
        lambda: all(graphql.materializations(*cell) for cell in cells), what="Dagster tells of what is done"
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
    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(2, timeout=PIPELINE_SECONDS * 1000)
    expect(page.get_by_text("100% completed")).to_have_count(len(ASSETS))
    for (asset, share), count in before.items():
        assert len(graphql.materializations(asset, share)) == count + 1


def test_an_analyst_learns_why_a_partition_failed_and_selects_the_debt(live_pipeline: LivePipeline, page: Page) -> None:
    """One click on a red partition of the last asset says why, and the debt's selection fills the dialog.

    So does the partition's history where the share failed. No check is red.
    """
    (share,) = live_pipeline.share(live_pipeline.link("/videos/no-such-video.mp4"))
    assert live_pipeline.wait_until_ended(share) == ["error"]
    # The catalog has a share's end some moments before its run has ended.
    live_pipeline.wait_until(
        lambda: share in live_pipeline.graphql.partitions("transcript")["failed"], what="its partition is red"
    )
    page.goto(live_pipeline.dagster.url)
    skip_welcome(page)

    page.goto(f"{live_pipeline.dagster.url}/assets/raw_video?view=partitions&partition={share}")
    page.get_by_role("button", name="View all historical events").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("cell", name=share).get_by_role("button").click()
    for shown in ("outcome", "gone", "next_step", FAILURES[Outcome.GONE].next_step):
        expect(dialog.get_by_text(shown, exact=True).first).to_be_visible()

    debt = live_pipeline.command("shares", "debt", "--json")["failures"]
    (line,) = (line for line in debt if line["outcome"] == "gone")
    assert share in line["partitions"]
    page.goto(f"{live_pipeline.media_group_url}?{urlencode({'default_range': line['partitions']})}")
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog").filter(has_text="Launch runs to materialize 3 assets")
    count = "1 partition" if line["count"] == 1 else f"{line['count']} partitions"
    expect(dialog.get_by_text(count, exact=True)).to_be_visible()
    expect(dialog.get_by_text(f"{share[:6]}", exact=False).first).to_be_visible()


def test_the_tour_is_true(live_pipeline: LivePipeline, backlog: Backlog, page: Page) -> None:
    """Each stop of docs/tour.md shows what the tour says of it."""
    graphql = live_pipeline.graphql
    done, sample = next(iter(backlog.good.items()))
    (gone,) = live_pipeline.share(live_pipeline.link("/videos/no-such-video.mp4"))
    day = datetime.now(UTC).date().isoformat()
    graphql.launch_backfill(["rollout_metrics"], [day])
    live_pipeline.wait_until(
        lambda: graphql.materializations("transcript", done), what="Dagster tells of the transcript"
    )
    live_pipeline.wait_until(lambda: graphql.materializations("rollout_metrics", day), what="the figures of today")
    live_pipeline.wait_until(lambda: gone in graphql.partitions("transcript")["failed"], what="its partition is red")
    page.goto(live_pipeline.dagster.url)
    skip_welcome(page)
    for visit in STOPS.values():
        visit(Tour(page, live_pipeline, done, sample, gone))


@contextmanager
def served_behind(prefix: str, live_pipeline: LivePipeline) -> Iterator[str]:
    """Serve the pipeline's UI once more, behind a path prefix, and yield its address."""
    port = free_port()
    command = [sys.executable, "-m", "dagster_webserver", "-m", "bookmarkai_assets.definitions"]
    with subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(port), "--path-prefix", prefix],
        env=live_pipeline.environment,
        cwd=live_pipeline.state,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            url = f"http://127.0.0.1:{port}{prefix}"
            live_pipeline.wait_until(lambda: is_answering(f"{url}/server_info"), what="the UI behind a prefix answers")
            yield url
        finally:
            server.terminate()


def is_answering(url: str) -> bool:
    """Whether a server answers."""
    try:
        with urlopen(url, timeout=HANG_SECONDS) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def test_a_set_of_shares_opens_as_a_backfill_of_just_these_behind_a_path_prefix(
    live_pipeline: LivePipeline, backlog: Backlog, page: Page
) -> None:
    """Its partitions are no neighbours. A single share's link shows its partition, where any can be deleted."""
    with served_behind("/dagster/ui", live_pipeline) as url:
        done = ("shares", "list", "--outcome", "done", "--partitions", "--json")
        shown = live_pipeline.command(*done, DAGSTER_UI_URL=url)
        assert ", " in shown["partitions"]
        assert backlog.broken not in re.findall(r"[-0-9a-f]{36}", shown["partitions"])
        [link] = shown["backfills"]
        page.goto(url)
        skip_welcome(page, path="/dagster/ui/graphql")
        page.goto(link["url"])
        page.get_by_role("button", name="Materialize all").click()
        dialog = page.get_by_role("dialog").filter(has_text="Launch runs to materialize 3 assets")
        expect(dialog.get_by_text(f"{shown['selected']} partitions", exact=True)).to_be_visible()

        broken = live_pipeline.command("shares", "show", backlog.broken, "--json", DAGSTER_UI_URL=url)
        page.goto(broken["page"])
        expect(page.get_by_text("failed, and did not materialize this asset")).to_be_visible()
        page.get_by_role("button", name="arrow_drop_down", exact=True).click()
        expect(page.get_by_text("Delete partitions")).to_be_visible()
