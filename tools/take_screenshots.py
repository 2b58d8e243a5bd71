"""Take the pictures of Dagster's UI in `docs/images` from a pipeline started for this. Run this when the UI changes.

From the checkout: `python -m tools.take_screenshots`. Needs Debian's `chromium` and what the integration tests need.
"""

import subprocess
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from bookmarkai_assets.demo.dagster_dev import DagsterDev, free_port
from bookmarkai_assets.demo.samples import BROKEN_SAMPLE, SHORT_SAMPLES
from bookmarkai_assets.demo.site import BEHIND_A_PAGE
from tests.plugins.live_pipeline import LivePipeline, running_live_pipeline
from tests.support.browser import open_page, skip_welcome
from tests.support.graphql import GraphQL

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WIDTH = 1400
RUN_MILLISECONDS = 60_000
SETTLING_MILLISECONDS = 2000  # the graph still moves after it has appeared


def main() -> None:
    """Write all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as state, running_live_pipeline(Path(state)) as pipeline:
        site = pipeline.site.url
        shown, *_ = good = pipeline.share(
            f"{site}/watch/{BEHIND_A_PAGE.path.stem}",
            *(f"{site}/videos/{sample.file}" for sample in SHORT_SAMPLES if sample != BEHIND_A_PAGE),
        )
        pipeline.wait_until_ended(*good)
        look_for_stale_transcripts(pipeline.graphql)
        with open_page(width=WIDTH, height=560) as page:
            page.goto(pipeline.dagster.url)
            skip_welcome(page)
            take_lineage(page, pipeline)
        with tempfile.TemporaryDirectory() as copy:
            take_stale(pipeline, Path(copy))
        # One share that fails, to show how that looks in the list.
        pipeline.wait_until_ended(*pipeline.share(f"{site}/videos/{BROKEN_SAMPLE.file}"))
        with open_page(width=WIDTH, height=860) as page:
            page.goto(pipeline.dagster.url)
            skip_welcome(page)
            take_partitions(page, pipeline, shown)


def look_for_stale_transcripts(graphql: GraphQL) -> None:
    """Launch the job that Dagster launches every day."""
    graphql.ask(
        "mutation ($job: ExecutionParams!) { launchRun(executionParams: $job) { __typename } }",
        job={
            "selector": {
                "repositoryLocationName": "bookmarkai_assets.definitions",
                "repositoryName": "__repository__",
                "jobName": "look_for_stale_transcripts",
            },
            "mode": "default",
            "runConfigData": "{}",
        },
    )


def take_stale(pipeline: LivePipeline, state: Path) -> None:
    """Take the check that names stale transcripts, in a copy of the pipeline with another beam size."""
    home = state / "home"
    # In another process, because closing a file drops this process's locks on it, those of the open catalog as well.
    subprocess.run(["cp", "-r", pipeline.state / "home", home], check=True)  # noqa: S603, S607 - our own directories
    environment = {**pipeline.environment, "WHISPER_BEAM_SIZE": "1", "SENSOR_WATCH_SECONDS": "1"}
    with DagsterDev(home, environment, port=free_port(), log=state / "stale.log") as dagster:
        look_for_stale_transcripts(GraphQL(dagster.url))
        with open_page(width=WIDTH, height=860) as page:
            page.goto(dagster.url)
            skip_welcome(page)
            page.goto(f"{dagster.url}/assets/transcript?view=checks&checkDetail=made_as_set")
            expect(page.get_by_text("transcripts are stale")).to_be_visible(timeout=RUN_MILLISECONDS)
            page.wait_for_timeout(SETTLING_MILLISECONDS)
            page.screenshot(path=IMAGES / "stale.png")


def take_lineage(page: Page, pipeline: LivePipeline) -> None:
    """Take the three assets of the group and their lineage."""
    page.goto(pipeline.media_group_url)
    expect(page.get_by_text("100% filled")).to_have_count(3)
    expect(page.get_by_text("7 / 7 Passed")).to_be_visible(timeout=RUN_MILLISECONDS)
    page.wait_for_timeout(SETTLING_MILLISECONDS)
    page.screenshot(path=IMAGES / "lineage.png")


def take_partitions(page: Page, pipeline: LivePipeline, share_id: str) -> None:
    """Take the transcripts' partitions, with the metadata of one."""
    page.goto(f"{pipeline.dagster.url}/assets/transcript?view=partitions&partition={share_id}")
    expect(page.get_by_text("transcription_seconds")).to_be_visible()
    page.wait_for_timeout(SETTLING_MILLISECONDS)
    page.screenshot(path=IMAGES / "partitions.png")


if __name__ == "__main__":
    main()
