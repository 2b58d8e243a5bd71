"""`bookmarkai storage check`: what it prints, its JSON, and its exit code."""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bookmarkai_assets.cli.storage.check import check
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.settings.masking import MASK
from bookmarkai_assets.settings.settings import Settings
from tests.support.fault_proxy import FaultProxy, Refusal
from tests.support.http_stub import unanswered_url
from tests.support.lacking_s3 import CHECKSUMS, CONDITIONS, ENCRYPTION, ignoring, refusing

PROBE = ["put", "head", "read range", "multipart", "presign", "download", "conflict", "delete", "gone"]
TRIALS = ["conditions", "checksums", "sse-s3"]
SILENT_STEPS = {"multipart", "presign"}


@dataclass(frozen=True)
class Ended:
    """How a check ended."""

    code: int
    out: str
    error: BaseException | None

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document."""
        return json.loads(self.out)


StorageCheck = Callable[..., Ended]


@pytest.fixture
def storage_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorageCheck:
    """Return a function that runs the command with these settings and no others."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("YTDLP_DOWNLOAD_DIR", str(tmp_path / "media"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(check)

    def command(*arguments: str, **settings: str) -> Ended:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        result = CliRunner().invoke(app, arguments)
        return Ended(result.exit_code, result.output, result.exception)

    return command


def statuses(steps: list[dict[str, Any]]) -> dict[str, str]:
    """Return each step's status."""
    return {step["step"]: step["status"] for step in steps}


def test_without_a_bucket_the_directory_alone_is_checked(storage_check: StorageCheck, tmp_path: Path) -> None:
    """The default configuration passes, JSON has each step with its time and result, and no file is left."""
    done = storage_check("--json")
    assert done.code == 0
    assert done.json["ok"] is True
    assert list(done.json["backends"]) == ["local"]
    steps = done.json["backends"]["local"]
    assert [step["step"] for step in steps] == ["directory", "free space", "staging", "places", *PROBE]
    assert set(steps[0]) == {"step", "status", "seconds", "found", "remedy"}
    assert {name for name, status in statuses(steps).items() if status == "skipped"} == SILENT_STEPS
    assert done.json["configuration"]["YTDLP_DOWNLOAD_DIR"] == str(tmp_path / "media")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_media_where_the_system_empties_are_a_warning(
    storage_check: StorageCheck, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Media, Dagster's home and the catalog in a temporary directory are named; storage is ready all the same."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    done = storage_check(
        YTDLP_DOWNLOAD_DIR=str(tmp_path / "scratch" / "media"),
        DAGSTER_HOME=str(tmp_path / "scratch" / "dagster"),
        CATALOG_URL=f"sqlite:///{tmp_path}/scratch/catalog.db",
    )
    assert done.code == 0
    [line] = [line for line in done.out.splitlines() if line.split()[1:2] == ["places"]]
    assert line.startswith("warning")
    for name in ("YTDLP_DOWNLOAD_DIR", "DAGSTER_HOME", "CATALOG_URL"):
        assert f"{name} is {tmp_path}/scratch/" in line
    assert "Storage is ready" in done.out


def test_both_backends_are_checked_where_there_is_a_bucket(storage_check: StorageCheck, seaweed: SeaweedServer) -> None:
    """A person sees the configuration with masked secrets, every step and a verdict, and no link is printed."""
    done = storage_check(**seaweed.variables)
    assert done.code == 0
    lines = done.out.splitlines()
    assert f"{'S3_SECRET_KEY':<20}  {MASK}" in lines
    assert lines.index("local") < lines.index("s3")
    assert "Storage is ready" in lines[-1]
    assert seaweed.secret_key not in done.out
    assert seaweed.access_key not in done.out
    assert "X-Amz-Signature" not in done.out
    for name in ("credentials", "lifecycle", "clock", *PROBE, *TRIALS):
        assert any(name in line.split("  ", 2)[-1] for line in lines), name


def test_a_bucket_that_passes_says_so_in_json(storage_check: StorageCheck, seaweed: SeaweedServer) -> None:
    """Over a real server every step of the probe is ok, and what the bucket lacks is a warning with its remedy."""
    done = storage_check("--json", "--backend", "s3", **seaweed.variables)
    assert done.code == 0
    assert list(done.json["backends"]) == ["s3"]
    found = statuses(done.json["backends"]["s3"])
    assert {found[name] for name in ("credentials", "bucket", "region", "clock", *PROBE, *TRIALS)} == {"ok"}
    assert set(found.values()) == {"ok", "warning"}
    assert done.json["configuration"]["S3_ACCESS_KEY"] == MASK
    assert all(step["seconds"] >= 0 for step in done.json["backends"]["s3"])


def test_a_remedy_has_words_and_then_a_command(storage_check: StorageCheck, seaweed: SeaweedServer) -> None:
    """In JSON a remedy is one text, with the words and the command each on a line; a command may also be alone."""
    done = storage_check("--json", "--backend", "s3", **seaweed.variables)
    remedies = {step["step"]: step["remedy"] for step in done.json["backends"]["s3"]}
    words, command = remedies["lifecycle"].splitlines()
    assert "set all of the bucket's rules" in words
    assert command.startswith("aws s3api put-bucket-lifecycle-configuration --bucket")
    assert remedies["encryption"].startswith("aws s3api put-bucket-encryption --bucket")
    assert remedies["bucket"] is None


def test_a_wrong_secret_fails_and_names_the_setting(storage_check: StorageCheck, seaweed: SeaweedServer) -> None:
    """A wrong secret is exit code 1; a person reads what to correct, and why the rest was not tried."""
    done = storage_check("--backend", "s3", **seaweed.variables | {"S3_SECRET_KEY": "wrong"})
    assert done.code == 1
    assert "correct S3_SECRET_KEY" in done.out
    assert "because 'credentials' failed" in done.out
    assert "STORAGE IS NOT READY" in done.out


def test_a_command_to_copy_is_on_a_line_of_its_own(storage_check: StorageCheck, seaweed: SeaweedServer) -> None:
    """The lifecycle rule's command begins its line, is whole, and names the endpoint."""
    done = storage_check("--backend", "s3", **seaweed.variables, COLUMNS="80")
    [command] = [line for line in done.out.splitlines() if line.startswith("aws s3api put-bucket-lifecycle")]
    options = shlex.split(command)
    assert seaweed.endpoint in options
    assert json.loads(options[-1])["Rules"]


def test_a_missing_bucket_fails_and_names_the_setting(storage_check: StorageCheck, seaweed: SeaweedServer) -> None:
    """A missing bucket is exit code 1 in JSON as well, and nothing is put."""
    done = storage_check("--backend", "s3", "--json", **seaweed.variables | {"S3_MEDIA_BUCKET": "no-such-bucket"})
    assert done.code == 1
    assert done.json["ok"] is False
    found = {step["step"]: step for step in done.json["backends"]["s3"]}
    assert found["bucket"]["status"] == "failed"
    assert "S3_MEDIA_BUCKET" in found["bucket"]["found"]
    assert {found[name]["status"] for name in (*PROBE, *TRIALS)} == {"skipped"}


def test_a_server_that_ignores_if_none_match_is_not_ready(
    storage_check: StorageCheck, seaweed: SeaweedServer, s3_fault_proxy: FaultProxy
) -> None:
    """Puts still refuse other bytes, because they check first; the storage check fails and names what is ignored."""
    s3_fault_proxy.lacking = ignoring(seaweed, CONDITIONS)
    try:
        done = storage_check("--backend", "s3", **seaweed.variables | {"S3_ENDPOINT": s3_fault_proxy.url})
    finally:
        s3_fault_proxy.pass_through()
    assert done.code == 1
    assert "ignores If-None-Match on PutObject" in done.out
    assert "STORAGE IS NOT READY" in done.out
    assert [line.split()[:2] for line in done.out.splitlines() if line.startswith("failed")] == [
        ["failed", "conditions"]
    ]


@pytest.mark.parametrize(
    ("headers", "trial", "name"),
    [
        (CHECKSUMS, "checksums", "x-amz-checksum-crc64nvme"),
        (ENCRYPTION, "sse-s3", "x-amz-server-side-encryption"),
        (CONDITIONS, "conditions", "If-None-Match"),
    ],
)
@pytest.mark.parametrize("status", [400, 501])
def test_a_server_that_refuses_puts_is_shown_with_what_it_lacks(
    storage_check: StorageCheck,
    seaweed: SeaweedServer,
    s3_fault_proxy: FaultProxy,
    headers: frozenset[str],
    trial: str,
    name: str,
    status: int,
) -> None:
    """If a server does not say what it refuses, the put's message is vague, and the trial names the header."""
    s3_fault_proxy.lacking = refusing(seaweed, headers, Refusal(status))
    try:
        done = storage_check("--backend", "s3", "--json", **seaweed.variables | {"S3_ENDPOINT": s3_fault_proxy.url})
    finally:
        s3_fault_proxy.pass_through()
    steps = {step["step"]: step for step in done.json["backends"]["s3"]}
    assert steps["put"]["status"] == "failed"
    assert name.partition("-crc")[0] in steps["put"]["found"]
    assert "AWS_REGION" not in steps["put"]["found"]
    assert [other for other in TRIALS if steps[other]["status"] != "ok"] == [trial]
    assert steps[trial]["status"] == "failed"
    assert f"refuses {name}" in steps[trial]["found"]


def test_an_unreachable_endpoint_fails_soon(storage_check: StorageCheck, seaweed: SeaweedServer) -> None:
    """The one failure names the endpoint, and the directory is checked all the same."""
    with unanswered_url() as url:
        done = storage_check("--json", **seaweed.variables | {"S3_ENDPOINT": url})
    assert done.code == 1
    failed = [step for step in done.json["backends"]["s3"] if step["status"] == "failed"]
    assert [step["step"] for step in failed] == ["endpoint"]
    assert "S3_ENDPOINT" in failed[0]["remedy"]
    assert {step["status"] for step in done.json["backends"]["s3"][1:]} == {"skipped"}
    assert "failed" not in statuses(done.json["backends"]["local"]).values()


def test_an_unusable_directory_fails(storage_check: StorageCheck, tmp_path: Path) -> None:
    """A file where the directory should be is named, and nothing is put."""
    (tmp_path / "media").touch()
    done = storage_check("--json")
    assert done.code == 1
    found = statuses(done.json["backends"]["local"])
    assert found["directory"] == "failed"
    assert found["put"] == found["delete"] == "skipped"
    assert (tmp_path / "media").read_bytes() == b""


def test_a_backend_that_is_not_configured_cannot_be_checked(storage_check: StorageCheck) -> None:
    """Asking for S3 without a bucket names the missing setting."""
    done = storage_check("--backend", "s3")
    assert isinstance(done.error, ConfigurationError)
    assert "S3_MEDIA_BUCKET" in str(done.error)


def test_settings_come_from_the_environment_alone(storage_check: StorageCheck) -> None:
    """A bad setting stops the check before anything is tried."""
    done = storage_check(STORAGE_MODE="s3")
    assert isinstance(done.error, ConfigurationError)
    assert "S3_MEDIA_BUCKET" in str(done.error)
    assert list(Path.cwd().iterdir()) == []
