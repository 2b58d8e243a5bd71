"""Fixtures for downloads: small real clips, and a site that misbehaves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clips import make_clip
from tests.support.hostile_site import HostileSite, hostile_site


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return three seconds of picture and sound in MP4, with the index first, as sites serve it."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return make_clip(path, seconds=3, picture_codec="libx264", container_options={"movflags": "faststart"})


@pytest.fixture(scope="session")
def silent_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return half a second of picture without sound, in WebM."""
    path = tmp_path_factory.mktemp("clips") / "silent.webm"
    return make_clip(path, seconds=0.5, picture_codec="libvpx", has_sound=False)


@pytest.fixture(scope="session")
def site() -> Iterator[HostileSite]:
    """Return a site on loopback that answers as tests set it."""
    with hostile_site() as running:
        yield running
