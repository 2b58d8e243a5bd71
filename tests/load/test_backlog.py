"""A mixed backlog through the real operations: good shares are done, and bad ones end correctly."""

from pathlib import Path

import pytest

from tests.load.backlog import EVERY, work_off_backlog
from tests.support.hostile_site import HostileSite
from tests.support.processes import HAS_PROC

SHARES = 40
"""`make soak` takes two hundred."""


@pytest.mark.skipif(not HAS_PROC, reason="looks at processes through /proc")
def test_every_share_of_a_mixed_backlog_ends_correctly(tmp_path: Path, site: HostileSite) -> None:
    """With every fifth share hostile or broken none is lost, no good one fails, and nothing leaves its directory."""
    outcomes = work_off_backlog(tmp_path, site, shares=SHARES)
    assert outcomes["done"] == SHARES - SHARES // EVERY
    assert sum(outcomes.values()) == SHARES
