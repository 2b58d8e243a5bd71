"""The pages over a catalog of the test's own."""

from pathlib import Path

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.settings.settings import Settings
from tests.support.door_pages import House, make_house


@pytest.fixture
def house(sqlite_catalog: OpenCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Return a house without shares, whose door stands open."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return make_house(sqlite_catalog, tmp_path)
