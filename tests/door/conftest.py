"""Doors for tests: the application over a catalog of the test's own, and tokens to come in with."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from bookmarkai_assets.core.door.tokens import Caller, Scope, make_token
from bookmarkai_assets.door.app import make_app
from bookmarkai_assets.settings.settings import Settings, load_settings

HOST = "http://127.0.0.1"
USER = "11111111-1111-4111-8111-111111111111"
OTHER_USER = "22222222-2222-4222-8222-222222222222"

OpenDoor = Callable[..., TestClient]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests away."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def open_door(sqlite_url: str, tmp_path: Path) -> Iterator[OpenDoor]:
    """Return a function that opens a door with these settings, and returns a client that is in front of it."""
    with ExitStack() as stack:

        def open_one(**changes: Any) -> TestClient:
            settings = load_settings(
                env_file=None, **{"catalog_url": sqlite_url, "ytdlp_download_dir": tmp_path / "media", **changes}
            )
            client = TestClient(make_app(settings), base_url=HOST, raise_server_exceptions=False)
            return stack.enter_context(client)

        yield open_one


@pytest.fixture
def door(open_door: OpenDoor) -> TestClient:
    """Return a client before a door without tokens, as on a laptop."""
    return open_door()


@dataclass(frozen=True)
class Key:
    """A token: what its caller sends, and what is stored."""

    token: str
    line: str

    @property
    def headers(self) -> dict[str, str]:
        """The header of a request with it."""
        return {"Authorization": f"Bearer {self.token}"}


def key_of(name: str, *scopes: Scope, user_id: str | None = None, number: int = 1) -> Key:
    """Make a token. The same arguments make the same one."""
    token, stored = make_token(
        Caller(name, frozenset(scopes), user_id),
        secret=name.encode().ljust(31, b"\0") + bytes([number]),
        salt=bytes(16),
    )
    return Key(token, stored.line)
