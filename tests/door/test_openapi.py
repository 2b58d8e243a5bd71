"""The OpenAPI of the door, and whether the door is as it says: schemathesis asks whatever it allows, and more."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from bookmarkai_assets.core.door.tokens import Scope
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.door.conftest import key_of
from tests.door.live_door import live_door
from tests.support.deadlines import HANG_SECONDS

KEY = key_of("schemathesis", Scope.OPERATE)
EXAMPLES = 5
"""How many requests the fuzzing makes up for each operation, beside those of the other phases."""


@pytest.fixture
def document(door: TestClient) -> Any:
    """Return the OpenAPI document."""
    return door.get("/api/v1/openapi.json").json()


def test_the_door_is_as_its_openapi_says(
    tmp_path: Path, sqlite_template: Path, seaweed: SeaweedServer, object_prefix: str
) -> None:
    """No request that schemathesis makes up, in all of its phases and by all of its checks, shows a fault."""
    catalog = shutil.copy(sqlite_template, tmp_path / "catalog.db")
    settings = {
        "CATALOG_URL": f"sqlite:///{catalog}",
        "DOOR_TOKENS": KEY.line,
        "DOOR_REQUESTS_PER_MINUTE": "1000000",
        "YTDLP_DOWNLOAD_DIR": str(tmp_path / "media"),
        "S3_MEDIA_BUCKET": seaweed.bucket,
        "S3_ENDPOINT": seaweed.endpoint,
        "S3_ACCESS_KEY": seaweed.access_key,
        "S3_SECRET_KEY": seaweed.secret_key,
        "AWS_REGION": seaweed.region,
        "S3_USE_PATH_STYLE": "true",
        "S3_UPLOAD_PREFIX": f"uploads-{object_prefix}",
    }
    config = Path(__file__).with_name("schemathesis.toml")
    with live_door(tmp_path, **settings) as door:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"),
                *(f"{door.url}/api/v1/openapi.json", "--header", f"Authorization: Bearer {KEY.token}"),
                *("--max-examples", str(EXAMPLES), "--seed", "1", "--suppress-health-check", "all"),
                *("--continue-on-failure", "--no-color"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=4 * HANG_SECONDS,
        )
        log = door.log.read_text()

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in log
    assert all(phase in done.stdout for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"))


def test_every_error_is_described_as_a_problem(document: Any) -> None:
    """Each error that a route documents is a problem, and FastAPI's own form of errors is nowhere."""
    errors = [
        (path, status, answer)
        for path, operations in document["paths"].items()
        for operation in operations.values()
        for status, answer in operation["responses"].items()
        if status >= "400"
    ]

    assert len(errors) > 30
    for path, status, answer in errors:
        assert list(answer["content"]) == ["application/problem+json"], (path, status)
    assert "HTTPValidationError" not in json.dumps(document)
    assert document["components"]["schemas"]["Problem"]["examples"]


def test_every_body_has_an_example(document: Any) -> None:
    """What goes in has an example, and so has each form that comes out as more than a few numbers."""
    schemas = document["components"]["schemas"]
    shown = (
        "NewShare",
        "NewShares",
        "Share",
        "SharedOne",
        "SharePage",
        "Hit",
        "NewUpload",
        "StartedUpload",
        "UploadState",
        "WantedParts",
    )

    assert [name for name in shown if not schemas[name].get("examples")] == []


def test_only_health_takes_no_token(document: Any) -> None:
    """Every operation but the two health checks says that it takes a token."""
    open_ones = {
        path
        for path, operations in document["paths"].items()
        for operation in operations.values()
        if not operation.get("security")
    }

    assert open_ones == {"/healthz", "/readyz"}
