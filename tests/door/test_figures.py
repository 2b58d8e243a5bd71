"""The figures of transfers and of the rollout, and the two health checks."""

import json

import pytest
from starlette.testclient import TestClient

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.door.tokens import Scope
from tests.door.conftest import OpenDoor, key_of
from tests.plugins.command_line import BookmarkAI
from tests.support.catalog import execute

METRICS = "/api/v1/shares/metrics/ytdlp"


@pytest.mark.parametrize("window", ["5m", "1h", "24h", "7d"])
def test_the_metrics_are_those_of_the_command(door: TestClient, bookmarkai: BookmarkAI, window: str) -> None:
    """The route of BookmarkAI's guide has `bookmarkai metrics --json` as `data`, in the gateway's envelope."""
    answer = door.get(METRICS, params={"window": window})

    printed = bookmarkai("metrics", "--window", window, "--json").json
    data = answer.json()["data"]
    assert answer.json()["success"] is True
    assert answer.json()["meta"]["requestId"] == answer.headers["X-Request-ID"]
    assert data.keys() == printed.keys()
    assert data["window"]["name"] == window
    assert {**data, "window": None, "cost_usd": None} == {**printed, "window": None, "cost_usd": None}


def test_an_unknown_window_is_refused(door: TestClient) -> None:
    """A window that there is not is 422."""
    assert door.get(METRICS, params={"window": "2h"}).status_code == 422


def test_the_rollout_is_that_of_the_command(door: TestClient, bookmarkai: BookmarkAI) -> None:
    """The route has what `bookmarkai rollout status --json` prints, but for the moments of asking."""
    answer = door.get("/api/v1/rollout").json()

    printed = bookmarkai("rollout", "status", "--json").json
    answer["gate"].pop("window")
    printed["gate"].pop("window")
    assert answer == json.loads(json.dumps(printed))


def test_figures_of_all_users_take_no_more_than_reading(open_door: OpenDoor) -> None:
    """A token that may only read gets the figures, which name no share."""
    key = key_of("prometheus", Scope.READ)
    door = open_door(door_tokens=key.line)

    assert [door.get(path, headers=key.headers).status_code for path in (METRICS, "/api/v1/rollout")] == [200, 200]


def test_health_takes_no_token_and_no_name(open_door: OpenDoor) -> None:
    """A probe has no token and may call the machine what it likes."""
    door = open_door(door_tokens=key_of("ops", Scope.OPERATE).line)

    answers = [door.get(path, headers={"Host": "10.1.2.3:8080"}) for path in ("/healthz", "/readyz")]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"status": "ok"})] * 2


def test_a_door_without_its_catalog_is_alive_and_not_ready(door: TestClient, sqlite_catalog: OpenCatalog) -> None:
    """If the catalog cannot be read, readyz is 503 and names neither file nor table; healthz still answers."""
    execute(sqlite_catalog, "ALTER TABLE shares RENAME TO elsewhere")

    ready, healthy = door.get("/readyz"), door.get("/healthz")

    assert (ready.status_code, healthy.status_code) == (503, 200)
    assert ready.json()["type"] == "urn:bookmarkai:problem:catalog-unavailable"
    assert ready.headers["Retry-After"] == "5"
    assert "sqlite" not in ready.text
    assert "table" not in ready.text
