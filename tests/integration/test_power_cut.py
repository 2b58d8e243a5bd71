"""After a power cut: every process of the pipeline is killed at once, and then it is started again."""

import os
import signal
import time
from datetime import UTC, datetime

import pytest

from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from tests.plugins.live_pipeline import LivePipeline, running_live_pipeline
from tests.support.processes import descendants_of
from tests.support.stopped_server import resume, stop

pytestmark = pytest.mark.soak


def test_no_place_is_held_by_the_dead(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A share and a verification hold both places when the power fails. Within a minute both are free."""
    with running_live_pipeline(tmp_path_factory.mktemp("power")) as pipeline:
        first = pipeline.link(f"/videos/{SHORT_SAMPLES[0].file}")
        assert pipeline.wait_until_ended(*pipeline.share(first)) == ["done"]
        (cut,) = pipeline.share(pipeline.odd_site.silent("/held.mp4"))
        pipeline.wait_until(lambda: "/held.mp4" in pipeline.odd_site.asked, what="the run asks for the video")
        stop(pipeline.seaweed)
        verification = pipeline.graphql.launch_job("verify_stored_media")
        pipeline.wait_until(lambda: verification in living(pipeline), what="the verification waits for the store")

        cut_power(pipeline)
        resume(pipeline.seaweed)
        pipeline.odd_site.file("/held.mp4", SHORT_SAMPLES[0].path.read_bytes())
        with pipeline.dagster:
            began = time.monotonic()
            second = pipeline.link(f"/videos/{SHORT_SAMPLES[1].file}")
            assert pipeline.wait_until_ended(cut, *pipeline.share(second)) == ["done", "done"]
            took = time.monotonic() - began
            assert pipeline.graphql.status_of(verification) == "FAILURE"
            print(f"both shares were done {took:.0f} s after the power came back")  # noqa: T201 - a figure of make soak


def living(pipeline: LivePipeline) -> set[str]:
    """Return the ids of the workers that are alive."""
    return {one.worker_id for one in pipeline.catalog.workers.living(now=datetime.now(UTC))}


def cut_power(pipeline: LivePipeline) -> None:
    """Kill Dagster and everything below it."""
    pid = pipeline.dagster.pid
    for one in [*descendants_of(pid), pid]:
        os.kill(one, signal.SIGKILL)
    pipeline.dagster.stop()
