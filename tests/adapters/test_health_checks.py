"""What the health checks find in states that a good machine cannot be brought into."""

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.common.processes import workers
from bookmarkai_assets.adapters.dagster_home import LOW_SPACE_BYTES, check_directory, check_switches
from bookmarkai_assets.adapters.downloader.guard_trial import DownloadTrial, GuardTrial, try_download, try_guard
from bookmarkai_assets.adapters.downloader.health import check_guard, check_guarded_download, check_media_reading
from bookmarkai_assets.adapters.webhook.health import check_webhook
from bookmarkai_assets.core.health import CheckStatus
from bookmarkai_assets.core.links.urls import HostPort
from bookmarkai_assets.demo.samples import BROKEN_SAMPLE, SHORT_SAMPLES
from tests.support.webhook_server import WebhookServer

GOOD_GUARD = GuardTrial(tried=54, unrefused=(), arrived=0, passes_public=True, is_open_to_anybody=False)
REFUSED = DownloadTrial(arrived=0, outcome="refused", reason="the port is not opened", control=1, guarded=3)


def test_the_guard_refuses_every_spelling_of_private() -> None:
    """Only the public address, which is tried last, is reached, and that proves that the canary counts."""
    trial = try_guard()
    assert (trial.arrived, trial.unrefused, trial.passes_public) == (0, (), True)
    assert trial.tried >= 50


@pytest.mark.parametrize(
    ("host", "spellings"),
    [
        ("10.0.0.1", {"10.0.0.1:80", "10.0.0.1:80 (CONNECT)"}),
        ("169.254.169.254", {"169.254.169.254:80", "169.254.169.254:80 (CONNECT)"}),
    ],
)
def test_a_leaking_guard_fails(host: str, spellings: set[str]) -> None:
    """A guard that lets a private address through is caught by the connections that arrive, for every spelling."""
    opened = frozenset({HostPort(host, 80)})
    trial = try_guard(allowed_hosts=opened)
    assert trial.arrived == 2
    assert set(trial.unrefused) == spellings
    result = check_guard(opened=frozenset(), trial=lambda: trial)
    assert result.status is CheckStatus.FAIL
    assert host in result.found
    assert "stop downloading" in (result.remedy or "")


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        (GuardTrial(54, (), 0, passes_public=True, is_open_to_anybody=True), "without the download's token"),
        (GuardTrial(54, (), 0, passes_public=False, is_open_to_anybody=False), "a public address"),
        (GuardTrial(54, (), 1, passes_public=True, is_open_to_anybody=False), "1 connections"),
    ],
)
def test_other_faults_of_the_guard_fail_too(trial: GuardTrial, words: str) -> None:
    """A guard that serves strangers, serves nobody, or lets a connection through after a refusal fails."""
    result = check_guard(opened=frozenset(), trial=lambda: trial)
    assert result.status is CheckStatus.FAIL
    assert words in result.found


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        (DownloadTrial(1, "not_a_video", "", 1, 3), "went past the guard"),
        (DownloadTrial(0, "refused", "", 0, 3), "0 connections"),
        (DownloadTrial(0, "unreachable", "no answer", 1, 3), "unreachable (no answer)"),
        (DownloadTrial(0, "refused", "", 1, 2), "2 requests"),
        ("its program ended with code 1", "code 1"),
    ],
)
def test_a_download_past_the_guard_fails(trial: DownloadTrial | str, words: str) -> None:
    """A download that never asked the guard proves nothing, and fails even when nothing arrived."""
    result = check_guarded_download(trial=lambda: trial)
    assert result.status is CheckStatus.FAIL
    assert words in result.found


def test_an_environment_that_leads_past_the_guard_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """If NO_PROXY reached a download's process, its clients would connect directly and be counted."""
    monkeypatch.setitem(workers._ENVIRONMENT, "NO_PROXY", "*")
    monkeypatch.setitem(workers._ENVIRONMENT, "no_proxy", "*")
    trial = try_download()
    assert (trial.arrived, trial.guarded) == (3, 0)
    assert check_guarded_download(trial=lambda: trial).status is CheckStatus.FAIL


def test_good_trials_pass() -> None:
    """A guard that refuses, and a download that it refuses, pass."""
    assert check_guard(opened=frozenset(), trial=lambda: GOOD_GUARD).status is CheckStatus.PASS
    assert check_guarded_download(trial=lambda: REFUSED).status is CheckStatus.PASS


def test_a_sample_that_cannot_be_read_fails() -> None:
    """A broken PyAV fails, and the good sample passes."""
    assert check_media_reading(SHORT_SAMPLES[0].path).status is CheckStatus.PASS
    broken = check_media_reading(BROKEN_SAMPLE.path)
    assert broken.status is CheckStatus.FAIL
    assert BROKEN_SAMPLE.file in broken.found


def test_a_full_disk_under_dagsters_home_warns(tmp_path: Path) -> None:
    """A gigabyte free is a warning, because run records and the catalog grow there."""
    (tmp_path / "dagster.yaml").touch()
    for free, status in ((LOW_SPACE_BYTES, CheckStatus.PASS), (LOW_SPACE_BYTES - 1, CheckStatus.WARN)):
        assert check_directory(tmp_path, free_bytes=lambda _, free=free: free).status is status  # type: ignore[misc]


def test_a_home_without_records_needs_neither_space_nor_writing(tmp_path: Path) -> None:
    """With Dagster's storage in PostgreSQL it only holds the configuration, and a container has it read-only."""
    (tmp_path / "dagster.yaml").write_text("storage: {postgres: {postgres_url: {env: DAGSTER_POSTGRES_URL}}}\n")
    result = check_directory(tmp_path, free_bytes=lambda _: 0)
    assert (result.status, "elsewhere" in result.found) == (CheckStatus.PASS, True)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a directory that root cannot write to either")
def test_a_home_that_cannot_be_written_fails() -> None:
    """The system's own words are in the failure: nobody can make a file in `/proc`, not even root."""
    result = check_directory(Path("/proc/self"))
    assert result.status is CheckStatus.FAIL
    assert "writable" in result.found


@pytest.mark.parametrize(
    ("states", "is_alive", "status", "named"),
    [
        ({"a": "RUNNING", "b": "DECLARED_IN_CODE"}, True, CheckStatus.PASS, ()),
        ({"a": "STOPPED", "b": "RUNNING"}, True, CheckStatus.WARN, ("a",)),
        ({"a": "STOPPED"}, False, CheckStatus.WARN, ("a",)),
        ({"a": "RUNNING", "other": "STOPPED"}, True, CheckStatus.WARN, ("b",)),
        ({"a": "RUNNING"}, False, CheckStatus.SKIP, ()),
    ],
)
def test_what_is_switched_off_is_named(
    states: dict[str, str], *, is_alive: bool, status: CheckStatus, named: Sequence[str]
) -> None:
    """A stopped sensor warns with or without the daemon; one not seen yet warns only with it; others' are ignored."""
    result = check_switches(states, ["a", "b"], is_alive=is_alive)
    assert result.status is status
    assert all(result.found.endswith(f": {name}") for name in named)


def test_plain_http_over_the_internet_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody on the way could read the alerts; on a private network that is the operator's choice."""
    with WebhookServer() as server:
        port = int(server.url().split(":")[2].partition("/")[0])
        near = check_webhook(f"http://127.0.0.1:{port}/t", is_signed=True)
        real = socket.create_connection
        monkeypatch.setattr(
            socket, "create_connection", lambda address, timeout: real(("127.0.0.1", address[1]), timeout)
        )
        far = check_webhook(f"http://hooks.example.com:{port}/t", is_signed=True)
    assert (near.status, far.status) == (CheckStatus.PASS, CheckStatus.WARN)
    assert "https" in (far.remedy or "")
