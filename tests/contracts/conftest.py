"""Fixtures that several contract suites share."""

from pathlib import Path

import pytest

from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.core.media.placement import Backend
from tests.fakes.stores import FakeMediaStore
from tests.support.s3_bench import make_store
from tests.support.store_cases import StoreCase


@pytest.fixture(params=[*(f"fake-{backend}" for backend in Backend), "local", "s3", "s3-through-proxy"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> StoreCase:
    """Return each store in turn."""
    files = tmp_path / "files"
    match request.param:
        case str(name) if name.startswith("fake-"):
            backend = Backend(name.removeprefix("fake-"))
            return StoreCase(FakeMediaStore(backend), "temp/videos/", files, lambda: FakeMediaStore(backend))
        case "local":
            root = tmp_path / "media"
            return StoreCase(LocalStore(root), "temp/videos/", files, lambda: LocalStore(root))
        case _:
            is_direct = request.param == "s3"
            seaweed = request.getfixturevalue("seaweed")
            proxy = request.getfixturevalue("s3_fault_proxy")
            return StoreCase(
                request.getfixturevalue("s3_store" if is_direct else "s3_store_behind_proxy"),
                request.getfixturevalue("object_prefix"),
                files,
                lambda: make_store(seaweed, None if is_direct else proxy.url),
                is_listed_in_order=False,
            )
