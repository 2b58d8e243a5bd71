"""`bookmarkai worker`, as far as it gets without a broker."""

from typing import Any

import pytest

from bookmarkai_assets.adapters import celery_worker
from bookmarkai_assets.operations.workers import presence
from tests.plugins.command_line import BookmarkAI

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
