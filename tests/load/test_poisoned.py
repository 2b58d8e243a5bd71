"""Shares that fail, hang, fill the disk or crash their process end by themselves, and alone."""

from pathlib import Path

import pytest

from tests.load.poisoned import POISONS, work_off_poisoned
from tests.support.hostile_site import HostileSite
from tests.support.processes import HAS_PROC

ATTEMPTS = 3
"""The default of RETRY_MAX_ATTEMPTS."""


@pytest.mark.skipif(not HAS_PROC, reason="looks at processes through /proc")
def test_poisoned_shares_are_parked_and_their_neighbours_done(tmp_path: Path, site: HostileSite) -> None:
    """Each is parked after its attempts, or at once where another cannot help, and all others are done."""
    backlog = work_off_poisoned(tmp_path, site, shares=12, poisons=POISONS, timeout_seconds=1.5, patience_seconds=0.3)
    assert backlog.poisoned == {
        "fails": ("error", "corrupt", ATTEMPTS),
        "hangs": ("error", "timed_out", ATTEMPTS),
        "fills": ("error", "too_big", 1),
        "crashes": ("error", "download_failed", ATTEMPTS),
    }
    assert len(backlog.neighbours) == 12
