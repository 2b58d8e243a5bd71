"""The stops of docs/tour.md: each opens a page of Dagster's UI and waits for what the tour says of it.

The tests of the UI go through them over the running pipeline, so that the tour fails when a page changes its meaning.
`python -m tools.take_screenshots` takes the tour's pictures on the way.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from playwright.sync_api import Page, expect

from bookmarkai_assets.core.outcomes import FAILURES, Outcome
from bookmarkai_assets.demo.samples import Sample
from tests.plugins.live_pipeline import LivePipeline


@dataclass(frozen=True)
class Tour:
    """The page that shows the UI, the running pipeline, a share that is done, what is said in it, and one that is gone.

    The figures of today have been measured.
    """

    page: Page
    pipeline: LivePipeline
    done: str
    sample: Sample
    gone: str

    @property
    def url(self) -> str:
        """The UI's address."""
        return self.pipeline.dagster.url


def lineage(tour: Tour) -> None:
    """From the gateway's shares to the transcripts, and what measures and cleans them."""
    tour.page.goto(tour.pipeline.media_group_url)
    for asset in ("shares", "raw_video", "stored_media", "transcript"):
        expect(tour.page.get_by_text(asset, exact=True).first).to_be_visible()
    expect(tour.page.get_by_text("filled").first).to_be_visible()


def partition(tour: Tour) -> None:
    """A transcript's partition begins with its title, and has the text with its times."""
    tour.page.goto(f"{tour.url}/assets/transcript?view=partitions&partition={tour.done}")
    expect(tour.page.get_by_role("cell", name="title", exact=True)).to_be_visible()
    first_word = tour.sample.text.split()[0]
    expect(tour.page.get_by_text(re.compile(rf"0:00:00\W+{first_word}", re.IGNORECASE)).first).to_be_visible()


def red_partition(tour: Tour) -> None:
    """View logs says at which step a share failed, why, and what comes next."""
    tour.page.goto(f"{tour.url}/assets/transcript?view=partitions&partition={tour.gone}")
    tour.page.get_by_role("button", name="View logs").click()
    error = tour.page.get_by_role("dialog").get_by_text("failed at raw_video: gone: ")
    expect(
        error.filter(has_text=FAILURES[Outcome.GONE].next_step).filter(has_text="Attempt 1").last
    ).to_be_in_viewport()


def checks(tour: Tour) -> None:
    """A share that failed turns no check red."""
    tour.page.goto(f"{tour.url}/assets/transcript?view=checks")
    expect(tour.page.get_by_text("Succeeded", exact=True).first).to_be_visible()
    expect(tour.page.get_by_text("Execution failed")).to_have_count(0)


def runs(tour: Tour) -> None:
    """A run's tags say what it is about, and how it ended."""
    tour.page.goto(f"{tour.url}/runs")
    expect(tour.page.get_by_text("outcomes: gone").first).to_be_visible()
    expect(tour.page.get_by_text("shares: 1 share").first).to_be_visible()


def figures(tour: Tour) -> None:
    """The figures of a day begin with charts that show without a click."""
    day = datetime.now(UTC).date().isoformat()
    tour.page.goto(f"{tour.url}/assets/rollout_metrics?view=partitions&partition={day}")
    chart = tour.page.get_by_role("img", name="S3's share of new media, in percent, and the target")
    expect(chart).to_be_visible()
    tour.page.wait_for_function("[...document.images].some(one => one.complete && one.naturalWidth && one.alt)")


STOPS: Mapping[str, Callable[[Tour], None]] = {
    "lineage": lineage,
    "partition": partition,
    "red-partition": red_partition,
    "checks": checks,
    "runs": runs,
    "figures": figures,
}
"""In the tour's order, by the names of its pictures."""
