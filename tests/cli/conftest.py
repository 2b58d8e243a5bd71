"""Fixtures that the tests of several commands share."""

from collections.abc import Iterator

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from tests.plugins.command_line import BookmarkAI
from tests.support.rollout_past import HYBRID


@pytest.fixture
def hybrid_catalog(bookmarkai: BookmarkAI, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenCatalog]:
    """Return the command's catalog, with settings that say hybrid and have a bucket."""
    assert bookmarkai is not None, "it has cleared the environment"
    for name, value in HYBRID.items():
        monkeypatch.setenv(name, value)
    with open_catalog(sqlite_url) as opened:
        yield opened
