"""Take the pictures of Dagster's UI in `docs/images` from a pipeline started for this. Run this when the UI changes.

From the checkout: `python -m tools.take_screenshots`. Needs Debian's `chromium` and what the integration tests need.
"""

import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import FloatRect, expect

from bookmarkai_assets.demo.dagster_dev import DagsterDev, free_port
from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from bookmarkai_assets.demo.site import BEHIND_A_PAGE
from tests.plugins.live_pipeline import LivePipeline, running_live_pipeline
from tests.support.browser import open_page, skip_welcome
from tests.support.graphql import GraphQL
from tools.tour import STOPS, Tour

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WIDTH, HEIGHT = 1400, 860
CLIPPED: Mapping[str, FloatRect] = {"red-partition": {"x": 140, "y": 79, "width": 1120, "height": 360}}
"""What is shown of a page. Below the reason there is a stack trace, with paths of the machine that this runs on."""

RUN_MILLISECONDS = 60_000
SETTLING_MILLISECONDS = 2000  # the graph still moves after it has appeared


def main() -> None:
    """Write all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as state, running_live_pipeline(Path(state)) as pipeline:
        site = pipeline.site.url
        samples = [BEHIND_A_PAGE, *(sample for sample in SHORT_SAMPLES if sample != BEHIND_A_PAGE)]
        page_of_first = f"{site}/watch/{BEHIND_A_PAGE.path.stem}"
        good = pipeline.share(page_of_first, *(f"{site}/videos/{sample.file}" for sample in samples[1:]))
        pipeline.wait_until_ended(*good)
        pipeline.graphql.launch_job("look_for_stale_transcripts")
        with tempfile.TemporaryDirectory() as copy:
            take_stale(pipeline, Path(copy))
        (gone,) = pipeline.share(f"{site}/videos/no-such-video.mp4")
        day = datetime.now(UTC).date().isoformat()
        graphql = pipeline.graphql
        pipeline.wait_until(lambda: gone in graphql.partitions("transcript")["failed"], what="its partition is red")
        graphql.launch_backfill(["rollout_metrics"], [day])
        pipeline.wait_until(lambda: graphql.materializations("rollout_metrics", day), what="the figures of today")
        with open_page(width=WIDTH, height=HEIGHT) as page:
            page.goto(pipeline.dagster.url)
            skip_welcome(page)
            tour = Tour(page, pipeline, good[0], samples[0], gone)
            for name, visit in STOPS.items():
                visit(tour)
                page.wait_for_timeout(SETTLING_MILLISECONDS)
                page.screenshot(path=IMAGES / f"{name}.png", clip=CLIPPED.get(name))


def take_stale(pipeline: LivePipeline, state: Path) -> None:
    """Take the check that names stale transcripts, in a copy of the pipeline with another beam size."""
    home = state / "home"
    # In another process, because closing a file drops this process's locks on it, those of the open catalog as well.
    subprocess.run(["cp", "-r", pipeline.state / "home", home], check=True)  # noqa: S603, S607 - our own directories
    environment = {**pipeline.environment, "WHISPER_BEAM_SIZE": "1", "SENSOR_WATCH_SECONDS": "1"}
    with DagsterDev(home, environment, port=free_port(), log=state / "stale.log") as dagster:
        GraphQL(dagster.url).launch_job("look_for_stale_transcripts")
        with open_page(width=WIDTH, height=HEIGHT) as page:
            page.goto(dagster.url)
            skip_welcome(page)
            page.goto(f"{dagster.url}/assets/transcript?view=checks&checkDetail=made_as_set")
            expect(page.get_by_text("transcripts are stale")).to_be_visible(timeout=RUN_MILLISECONDS)
            page.wait_for_timeout(SETTLING_MILLISECONDS)
            page.screenshot(path=IMAGES / "stale.png")


if __name__ == "__main__":
    main()
