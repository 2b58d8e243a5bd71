"""The pages over a catalog of the test's own."""

from pathlib import Path

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from tests.support.door_pages import House, make_house


@pytest.fixture
def house(sqlite_catalog: OpenCatalog, tmp_path: Path) -> House:
    """Return a house without shares, whose door stands open."""
    return make_house(sqlite_catalog, tmp_path)
