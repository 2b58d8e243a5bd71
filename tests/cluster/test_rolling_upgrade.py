"""A new release beside old workers: the cluster is upgraded process by process while shares come in."""

from collections.abc import Iterator

import pytest

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.demo.cluster.rabbitmq import is_installed
from tests.cluster.live_cluster import LiveCluster, running_cluster
from tests.cluster.release import THIS, next_release
from tests.cluster.rolling import SETTINGS, roll

pytestmark = [
    pytest.mark.soak,  # some minutes more than CI has for the cluster
    pytest.mark.skipif(not is_installed(), reason="needs Debian's RabbitMQ: apt-get install rabbitmq-server"),
]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCluster]:
    """Return a running cluster of this release with two workers."""
    try:
        with running_cluster(tmp_path_factory.mktemp("cluster"), workers=2, **SETTINGS, **THIS.variables) as running:
            yield running
    except ConfigurationError as missing:
        pytest.skip(str(missing))


def test_no_share_fails_or_is_done_twice_during_a_rolling_upgrade(
    live: LiveCluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each is done once and at its first attempt, by old and new workers, and one worker is always there."""
    rolling = roll(live, THIS, next_release(tmp_path_factory.mktemp("next")))

    assert rolling.faults == []
    assert rolling.seconds_without_worker == 0
    assert min(rolling.runs_of_old_workers, rolling.runs_of_new_workers) > 0
    print(rolling.summary())  # noqa: T201 - a figure
