"""`bookmarkai worker`, as far as it gets without a broker."""

import socket
from typing import Any

import pytest

from bookmarkai_assets.adapters import celery_worker
from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.operations.workers import presence
from tests.plugins.command_line import BookmarkAI
from tests.support.catalog import execute

BROKER, BACKEND = "pyamqp://me:broker-password@127.0.0.1:5672//", "db+sqlite://"


@pytest.mark.parametrize("missing", ["CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"])
def test_a_worker_needs_broker_and_backend(
    bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """The message names the variable that is missing."""
    monkeypatch.setenv("CELERY_BROKER_URL", BROKER)
    monkeypatch.setenv("CELERY_RESULT_BACKEND", BACKEND)
    monkeypatch.delenv(missing)
    ended = bookmarkai("worker")
    assert ended.code == 1
    assert f"expected {missing}" in ended.err
    assert "broker-password" not in ended.err


def test_a_worker_is_set_up_from_the_settings(bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name goes to the runs that it takes, its limits and queues to Celery."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(celery_worker, "run_worker", lambda **options: asked.append(options))
    monkeypatch.setattr(presence, "_worker_of_this_process", presence._Worker())
    monkeypatch.setenv("CELERY_BROKER_URL", BROKER)
    monkeypatch.setenv("CELERY_RESULT_BACKEND", BACKEND)
    monkeypatch.setenv("WORKER_MAX_RUNS", "7")
    ended = bookmarkai("worker", "--name", "gpu-1", "--queue", "speech", "--queue", "dagster")
    assert ended.code == 0
    assert presence.worker_name() == "gpu-1"
    [options] = asked
    assert options.items() >= {"name": "gpu-1", "queues": ["speech", "dagster"], "max_runs": 7}.items()
    assert options["broker_url"] == BROKER


def test_a_worker_whose_code_is_too_old_does_not_begin(
    bookmarkai: BookmarkAI, sqlite_catalog: OpenCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take runs from workers that can do them. The message names the release that is needed."""
    monkeypatch.setattr(celery_worker, "run_worker", lambda **_: pytest.fail("it began"))
    monkeypatch.setenv("CELERY_BROKER_URL", BROKER)
    monkeypatch.setenv("CELERY_RESULT_BACKEND", BACKEND)
    execute(sqlite_catalog, "UPDATE bookmarkai_schema_version SET version_num = '9999', oldest_code = '9998'")
    ended = bookmarkai("worker")
    assert ended.code == 1
    assert "needs code of revision 9998 or later" in ended.err


def test_a_worker_waits_for_a_catalog_that_is_away(bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is down is no reason not to begin: it may be there when the first run comes."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(celery_worker, "run_worker", lambda **options: asked.append(options))
    monkeypatch.setattr(presence, "_worker_of_this_process", presence._Worker())
    monkeypatch.setenv("CELERY_BROKER_URL", BROKER)
    monkeypatch.setenv("CELERY_RESULT_BACKEND", BACKEND)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setenv("CATALOG_URL", f"postgresql://user@127.0.0.1:{bound.getsockname()[1]}/catalog")
        assert bookmarkai("worker").code == 0
    assert len(asked) == 1
