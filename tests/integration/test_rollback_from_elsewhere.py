"""A rollback is entered in one process and takes effect in another, which has been placing media all along."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.media.placement import Backend, StorageMode
from bookmarkai_assets.core.media.ports import MediaStore
from bookmarkai_assets.settings.settings import Settings, load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.plugins.vault import Vault
from tests.support.deadlines import HANG_SECONDS

SHARES = 6


class Paused:
    """A store that stops before one of its puts until it may continue."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store
        self._puts_left = 3
        self.is_waiting, self.go_on = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, *arguments: Any, **options: Any) -> Any:
        """Put, but wait first if it is time to."""
        self._puts_left -= 1
        if not self._puts_left:
            self.is_waiting.set()
            assert self.go_on.wait(HANG_SECONDS)
        return self._store.put(*arguments, **options)


@pytest.fixture(params=[("sqlite_url", StorageMode.S3), ("rows_only_postgres_url", StorageMode.HYBRID)])
def placing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vault]:
    """Return an installation that sends everything new to S3, by its settings alone."""
    fixture, mode = request.param
    settings = load_settings(env_file=None, ytdlp_download_dir=tmp_path / "media", lease_seconds=60)
    with open_catalog(request.getfixturevalue(fixture)) as catalog:
        vault = Vault(tmp_path, catalog, make_rules(settings))
        vault.use(mode, 100)
        yield vault


def bookmarkai(vault: Vault, *arguments: str) -> None:
    """Run a command in a shell whose settings name only the catalog."""
    known = {name.upper() for name in Settings.model_fields}
    environment = {name: value for name, value in os.environ.items() if name not in known}
    environment["CATALOG_URL"] = vault.catalog.database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "bookmarkai_assets.cli", *arguments]
    done = subprocess.run(
        command, env=environment, cwd=vault.directory, capture_output=True, text=True, check=False, timeout=HANG_SECONDS
    )
    assert done.returncode == 0, done.stderr


def placed(vault: Vault, name: str) -> Media:
    """Share a video and have it placed."""
    result = vault.run(vault.share(name), "fetch", "place", claim_id=f"claim-{name}")["place"]
    assert isinstance(result, Media), result
    return vault.media(result)


def test_a_rollback_reaches_a_busy_worker(placing: Vault) -> None:
    """Media placed before it are finished, the others are local and name the rollback, and a resume undoes it."""
    s3: Any = Paused(placing.s3)
    placing.stores[Backend.S3] = s3
    media: list[Media] = []
    batch = threading.Thread(target=lambda: media.extend(placed(placing, f"share-{n}") for n in range(SHARES)))
    batch.start()
    try:
        assert s3.is_waiting.wait(HANG_SECONDS), "the second video of the batch is about to be put"
        bookmarkai(placing, "rollout", "rollback", "--reason", "the drill")
    finally:
        s3.go_on.set()
        batch.join(HANG_SECONDS)
    [rollback] = placing.catalog.rollout.history()

    assert media[0].backend is Backend.S3
    assert [m.backend for m in media[2:]] == [Backend.LOCAL] * (SHARES - 2)
    assert {m.placement and m.placement.decision_id for m in media[2:]} == {rollback.decision_id}
    assert placing.verify(is_deep=True).is_good

    bookmarkai(placing, "rollout", "resume", "--reason", "the drill is over")
    assert placed(placing, "after").backend is Backend.S3
    assert [placing.media(m).backend for m in media] == [m.backend for m in media]
