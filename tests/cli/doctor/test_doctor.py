"""`bookmarkai doctor`: the results of each check on a good and a bad installation, as JSON, table and exit code."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog, downgrade_catalog, schema_state
from bookmarkai_assets.cli.doctor import checks
from bookmarkai_assets.cli.doctor.checks import CHECKS
from bookmarkai_assets.cli.doctor.doctor_check import OptionalCheck, SettingsCheck, UnconditionalCheck
from bookmarkai_assets.core.workers.worker import WorkerKind
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.plugins.command_line import BookmarkAI, Ended
from tests.support.catalog import add_share, execute
from tests.support.deadlines import HANG_SECONDS, quickest
from tests.support.http_stub import unanswered_url
from tests.support.project import PROJECT
from tests.support.rollout_past import decide
from tests.support.webhook_server import WebhookServer
from tests.support.workers import worker

LOCAL = ["local directory", "local free space", "local staging", "local places", "local transfers"]
S3 = ["endpoint", "credentials", "bucket", "region", "encryption", "lifecycle", "clock", "transfers"]
DAGSTER = ["dagster home", "dagster config", "dagster daemon", "dagster sensors", "dagster runs", "dagster partitions"]
ALL = [
    "settings",
    "python",
    "yt-dlp",
    "ffmpeg",
    "media reading",
    "egress guard",
    "guarded download",
    "walls",
    "cookies",
    "proxy",
    "impersonation",
    "speech model",
    "speech",
    "catalog",
    "rollout",
    "workers",
    *DAGSTER,
    *LOCAL,
    *(f"s3 {name}" for name in S3),
    "upload events",
    "webhook",
    "cloudwatch",
]
NEED_NO_SETTINGS = ALL[: ALL.index("cookies")]
UNDER_UNUSABLE_SETTINGS = [
    *ALL[: ALL.index("dagster config")],
    "storage",
    *ALL[ALL.index("upload events") :],
]
TOKEN = "t0ken-of-the-webhook"

Doctor = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a Dagster home with this project's configuration."""
    home = tmp_path / "dagster_home"
    home.mkdir()
    configuration = PROJECT / "dagster_home" / "dagster.yaml"
    (home / "dagster.yaml").write_text(configuration.read_text())
    return home


@pytest.fixture
def environment(bookmarkai: BookmarkAI, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BookmarkAI:
    """Return the command on a machine with no credentials or models except those that a test adds.

    Its checks have more time than users give them, because the machine of a test may be busy.
    """
    limited = UnconditionalCheck | SettingsCheck | OptionalCheck
    patient = [replace(check, limit_seconds=HANG_SECONDS) if isinstance(check, limited) else check for check in CHECKS]
    monkeypatch.setattr(checks, "CHECKS", patient)
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("YTDLP_DOWNLOAD_DIR", str(tmp_path / "media"))
    return bookmarkai


@pytest.fixture
def doctor(environment: BookmarkAI, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Return a function that runs the checks whose names begin so, and returns their results by name."""

    def run(only: str, **settings: str) -> dict[str, dict[str, Any]]:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        ended = environment("doctor", "--json", "--only", only)
        checks = {check["check"]: check for check in ended.json["checks"]}
        is_failed = any(check["status"] == "fail" for check in checks.values())
        assert (ended.code, ended.json["ok"]) == (int(is_failed), not is_failed)
        return checks

    return run


def statuses(checks: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return each check's status."""
    return {name: check["status"] for name, check in checks.items()}


# --- All checks together ---------------------------------------------------------------------------------------------


def test_a_healthy_machine_passes_in_seconds(
    environment: BookmarkAI,
    seaweed: SeaweedServer,
    s3_client: Any,
    object_prefix: str,
    tiny_en_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every check runs in its order, none fails, nothing is left in bucket or directory, and no secret is printed."""
    assert tiny_en_model.is_dir()
    for name, value in {**seaweed.variables, "S3_VIDEO_PREFIX": object_prefix.replace("-", "") + "v/"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WHISPER_MODEL", "tiny.en")
    runs: list[Ended] = []

    def run() -> float:
        began = time.monotonic()
        runs.append(environment("doctor", "--json"))
        return time.monotonic() - began

    assert quickest(run, seconds=30) < 30, "15 s where nothing else is going on"
    ended = runs[-1]
    assert ended.code == 0, ended.out
    assert set(ended.json) == {"ok", "counts", "checks"}
    assert ended.json["ok"] is True
    assert set(ended.json["counts"]) == {"pass", "warn", "fail", "skip"}
    assert [check["check"] for check in ended.json["checks"]] == ALL
    assert {frozenset(check) for check in ended.json["checks"]} == {
        frozenset({"check", "status", "found", "remedy", "command", "seconds"})
    }
    found = {check["check"]: check["status"] for check in ended.json["checks"]}
    for name in ("settings", "python", "ffmpeg", "media reading", "egress guard", "guarded download", "speech"):
        assert found[name] == "pass", name
    for name in ("catalog", "rollout", "dagster home", "dagster config", "local transfers", "s3 transfers"):
        assert found[name] == "pass", name
    listed = s3_client.list_objects_v2(Bucket=seaweed.bucket, Prefix=object_prefix.replace("-", ""))
    assert listed.get("KeyCount", 0) == 0
    assert [path for path in (tmp_path / "media").rglob("*") if path.is_file()] == []
    assert seaweed.secret_key not in ended.out
    assert seaweed.access_key not in ended.out


def test_unusable_settings_fail_and_the_rest_runs(environment: BookmarkAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """All bad variables are named, checks that need settings are skipped, the others run, and no secret is shown."""
    monkeypatch.setenv("STORAGE_MODE", "s3")
    monkeypatch.setenv("WHISPER_BEAM_SIZE", "0")
    monkeypatch.setenv("S3_SECRET_KEY", "hunter2hunter2")

    ended = environment("doctor", "--json")

    assert ended.code == 1
    checks = {check["check"]: check for check in ended.json["checks"]}
    for variable in ("S3_MEDIA_BUCKET", "WHISPER_BEAM_SIZE", "S3_ACCESS_KEY"):
        assert variable in checks["settings"]["found"]
    assert checks["settings"]["command"] == "bookmarkai config"
    assert [check["check"] for check in ended.json["checks"]] == UNDER_UNUSABLE_SETTINGS
    assert [name for name, status in statuses(checks).items() if status != "skip"] == NEED_NO_SETTINGS
    assert {checks[name]["found"] for name in UNDER_UNUSABLE_SETTINGS if name not in NEED_NO_SETTINGS} == {
        "not tried, because the settings are not usable"
    }
    assert {checks[name]["status"] for name in ("python", "media reading", "egress guard")} == {"pass"}
    assert {checks[name]["status"] for name in ("speech", "catalog", "storage", "webhook")} == {"skip"}
    assert "hunter2" not in ended.out


def test_the_state_of_cookies_is_shown(doctor: Doctor, tmp_path: Path) -> None:
    """Unset cookies are skipped, a missing file fails, and a login that ends soon warns; no value is shown."""
    assert statuses(doctor("cookies")) == {"cookies": "skip"}
    file = tmp_path / "tiktok.txt"
    missing = doctor("cookies", YTDLP_COOKIES=f"tiktok={file}")["cookies"]
    assert missing["status"] == "fail"
    assert "it cannot be read" in missing["found"]
    soon = int((datetime.now(UTC) + timedelta(days=3)).timestamp())
    file.write_text(f"# Netscape HTTP Cookie File\n.tiktok.com\tTRUE\t/\tTRUE\t{soon}\tsid_tt\ts3cret\n")
    file.chmod(0o600)
    ending = doctor("cookies")["cookies"]
    assert ending["status"] == "warn"
    assert "its login expires on" in ending["found"]
    assert "s3cret" not in str(ending)


def test_proxy_and_browser_are_checked(doctor: Doctor) -> None:
    """A proxy where nobody listens fails, without its password; one that listens and a known browser pass."""
    names = ("proxy", "impersonation")
    assert [statuses(doctor(name))[name] for name in names] == ["skip", "skip"]
    with unanswered_url() as url:
        proxy = doctor("proxy", YTDLP_PROXY=url.replace("://", "://me:s3cret@"))["proxy"]
    assert proxy["status"] == "fail"
    assert url.removeprefix("http://") in proxy["found"]
    assert "s3cret" not in str(proxy)
    with WebhookServer() as server:
        listening = server.url().rpartition("/")[0]
        assert statuses(doctor("proxy", YTDLP_PROXY=listening)) == {"proxy": "pass"}
    assert statuses(doctor("impersonation", YTDLP_IMPERSONATE="chrome")) == {"impersonation": "pass"}
    unknown = doctor("impersonation", YTDLP_IMPERSONATE="netscape")["impersonation"]
    assert unknown["status"] == "fail"
    assert "chrome" in unknown["found"]
    assert "name one of these" in unknown["remedy"]


def test_an_unknown_check_is_wrong_use(environment: BookmarkAI) -> None:
    """An unknown check is exit code 2, with the names of those that exist."""
    ended = environment("doctor", "--only", "spech")
    assert ended.code == 2
    assert "speech model" in " ".join(ended.err.split())


def test_in_a_pipe_each_check_is_a_line(environment: BookmarkAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe, each check is a line of whole cells separated by tabs, whatever the width, and the verdict is last."""
    monkeypatch.setenv("EGRESS_ALLOWED_HOSTS", "127.0.0.1:8080")
    ended = environment("doctor", "--only", "settings", "--only", "egress guard")
    heading, settings, guard, verdict = ended.out.splitlines()
    assert heading.split("\t") == ["status", "check", "found", "remedy", "command"]
    assert settings.split("\t")[:2] == ["pass", "settings"]
    assert guard.split("\t")[:2] == ["warn", "egress guard"]
    assert "unset EGRESS_ALLOWED_HOSTS" in guard.split("\t")[3]
    assert verdict == "Nothing failed: 1 pass, 1 warn."


def on_a_terminal(columns: int, *arguments: str, **environment: str) -> tuple[int, list[str]]:
    """Run the command on a terminal of so many columns, and return its exit code and its lines without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    variables = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "bookmarkai_assets.cli", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**variables, "TERM": "xterm", **environment},
    )
    os.close(theirs)
    printed = b""
    while True:
        try:
            data = os.read(ours, 65_536)
        except OSError:  # how Linux reports that the other side has closed
            break
        if not data:
            break
        printed += data
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed.decode())
    return process.wait(), [line.rpartition("\r")[2] for line in text.replace("\r\n", "\n").split("\n")]


def test_on_a_terminal_results_are_folded_and_commands_are_not(environment: BookmarkAI, sqlite_url: str) -> None:
    """At 80 columns no line is too long, each row begins with its status, and a command is whole on its own line."""
    assert environment is not None
    downgrade_catalog(sqlite_url, "0001")

    only = [part for name in ("settings", "media reading", "catalog", "local") for part in ("--only", name)]
    code, lines = on_a_terminal(80, "doctor", *only)

    assert code == 0
    assert "bookmarkai catalog upgrade" in lines
    assert max(len(line.rstrip()) for line in lines) <= 80
    rows = [line.split()[:2] for line in lines if line.startswith(("pass", "warn", "fail", "skip"))]
    assert [row[1] for row in rows] == ["settings", "media", "catalog", "rollout", "workers", *["local"] * len(LOCAL)]
    assert lines[-2].startswith("Nothing failed: ")


# --- Programs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "status", "words"),
    [("2026.7.3", "fail", "known vulnerabilities"), ("nightly", "fail", "a release"), (None, "warn", "days old")],
)
def test_an_old_ytdlp_is_shown_with_the_command_that_upgrades_it(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, status: str, words: str
) -> None:
    """A version below the floor of known vulnerabilities fails, and a merely old one warns."""
    old = date.today() - timedelta(days=90)  # noqa: DTZ011 - a version has no zone
    found = version or max(old, date(2026, 7, 4)).strftime("%Y.%m.%d")
    installed = tmp_path / "packages" / f"yt_dlp-{found}.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: yt-dlp\nVersion: {found}\n")
    monkeypatch.syspath_prepend(installed.parent)

    check = doctor("yt-dlp")["yt-dlp"]

    assert check["status"] == status
    assert words in check["found"]
    assert "-m pip install --upgrade 'yt-dlp[curl-cffi]'" in check["command"]


@pytest.mark.parametrize("body", [None, "#!/bin/sh\nexit 3\n", "no program\n"])
def test_an_ffmpeg_that_does_not_run_fails(doctor: Doctor, tmp_path: Path, body: str | None) -> None:
    """For an ffmpeg that is absent, broken or no program, the check names the file and how to get the bundled one."""
    program = tmp_path / "ffmpeg"
    if body is not None:
        program.write_text(body)
        program.chmod(0o755)
    check = doctor("ffmpeg", IMAGEIO_FFMPEG_EXE=str(program))["ffmpeg"]
    assert check["status"] == "fail"
    assert "imageio-ffmpeg" in check["command"]


# --- The egress guard ------------------------------------------------------------------------------------------------


def test_the_guard_lets_nothing_through_whatever_no_proxy_says(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tried in every spelling and by a real download, with NO_PROXY set, the guard lets nothing through."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")
    assert doctor("egress guard")["egress guard"]["status"] == "pass"
    process = doctor("guarded download")["guarded download"]
    assert process["status"] == "pass", process["found"]


def test_opened_hosts_are_a_warning(doctor: Doctor) -> None:
    """Each opened host is named, because what is opened for a test must not stay open."""
    check = doctor("egress guard", EGRESS_ALLOWED_HOSTS="127.0.0.1:8080,intranet:80")["egress guard"]
    assert check["status"] == "warn"
    assert "127.0.0.1:8080, intranet:80" in check["found"]


# --- Speech ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", [None, "en"])
def test_the_sample_is_transcribed(doctor: Doctor, tiny_en_model: Path, language: str | None) -> None:
    """The check names the model and its directory, and transcribes nearly every word without a network."""
    settings = {"WHISPER_LANGUAGE": language} if language else {}
    checks = doctor("speech", WHISPER_MODEL=str(tiny_en_model), **settings)
    assert statuses(checks) == {"speech model": "pass", "speech": "pass"}
    assert str(tiny_en_model) in checks["speech model"]["found"]
    assert "of the words heard" in checks["speech"]["found"]


def test_the_other_engine_transcribes_too(doctor: Doctor, tiny_en_checkpoint: Path) -> None:
    """With openai-whisper, its own checkpoint is named and transcribes the sample."""
    checks = doctor(
        "speech", WHISPER_ENGINE="openai-whisper", WHISPER_MODEL=str(tiny_en_checkpoint), WHISPER_BEAM_SIZE="1"
    )
    assert statuses(checks) == {"speech model": "pass", "speech": "pass"}
    assert str(tiny_en_checkpoint) in checks["speech model"]["found"]


def test_a_language_that_the_model_does_not_know_fails(doctor: Doctor, tiny_en_model: Path) -> None:
    """A language that the model does not know fails the check, as it would fail every transcription."""
    checks = doctor("speech", WHISPER_MODEL=str(tiny_en_model), WHISPER_LANGUAGE="de")
    assert statuses(checks) == {"speech model": "pass", "speech": "fail"}
    assert "English only" in checks["speech"]["found"]


def test_a_missing_model_is_not_downloaded(doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The warning says where the model was searched and has the command that downloads it; nothing is transcribed."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    checks = doctor("speech", WHISPER_MODEL="small")
    assert statuses(checks) == {"speech model": "warn", "speech": "skip"}
    assert checks["speech model"]["command"].endswith("models fetch small")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("model", ["tinny", "/no/such/directory", "{empty}"])
def test_an_impossible_model_fails(doctor: Doctor, tmp_path: Path, model: str) -> None:
    """A misspelt name, a missing directory and an incomplete directory each fail."""
    checks = doctor("speech", WHISPER_MODEL=model.format(empty=tmp_path))
    assert statuses(checks) == {"speech model": "fail", "speech": "skip"}
    assert "WHISPER_MODEL" in checks["speech model"]["found"]


# --- The catalog and the rollout -------------------------------------------------------------------------------------


def test_a_missing_catalog_is_not_created(doctor: Doctor, tmp_path: Path) -> None:
    """A missing catalog is a warning with the command that creates it, and the settings alone say where media go."""
    checks = doctor("catalog", CATALOG_URL=f"sqlite:///{tmp_path}/none.db")
    assert statuses(checks) == {"catalog": "warn", "rollout": "pass", "workers": "skip"}
    assert checks["catalog"]["command"] == "bookmarkai catalog upgrade"
    assert not (tmp_path / "none.db").exists()


def test_a_catalog_that_is_behind_is_not_upgraded(doctor: Doctor, sqlite_url: str) -> None:
    """The check changes nothing, but names the command that upgrades the catalog."""
    downgrade_catalog(sqlite_url, "0001")
    check = doctor("catalog")["catalog"]
    assert (check["status"], check["command"]) == ("warn", "bookmarkai catalog upgrade")
    assert schema_state(sqlite_url).found == "0001"


def test_a_catalog_of_a_later_release_fails(doctor: Doctor, sqlite_catalog: OpenCatalog) -> None:
    """Only a newer release of this program helps, so no command is named, and the rollout is not read."""
    execute(sqlite_catalog, "UPDATE bookmarkai_schema_version SET version_num = '9999', oldest_code = NULL")
    checks = doctor("catalog")
    assert statuses(checks) == {"catalog": "fail", "rollout": "skip", "workers": "skip"}
    assert "9999" in checks["catalog"]["found"]
    assert "install that release" in checks["catalog"]["remedy"]


def test_a_catalog_of_a_later_release_that_suits_this_one_passes(doctor: Doctor, sqlite_catalog: OpenCatalog) -> None:
    """While a cluster is upgraded its schema is ahead of this machine's release, which may go on."""
    execute(sqlite_catalog, "UPDATE bookmarkai_schema_version SET version_num = '9999', oldest_code = '0013'")
    checks = doctor("catalog")
    assert checks["catalog"]["status"] == "pass"
    assert "9999, of a later release" in checks["catalog"]["found"]
    assert statuses(checks)["rollout"] == "pass"


def test_a_file_that_is_no_catalog_fails(doctor: Doctor, tmp_path: Path) -> None:
    """A file that is no database is named."""
    (tmp_path / "none.db").write_text("no database, only words that go on for a while, to look like a file header")
    checks = doctor("catalog", CATALOG_URL=f"sqlite:///{tmp_path}/none.db")
    assert checks["catalog"]["status"] == "fail"
    assert "none.db" in checks["catalog"]["found"]


def test_a_server_that_does_not_answer_fails_without_its_password(doctor: Doctor) -> None:
    """The catalog's URL is shown with the password masked."""
    with unanswered_url() as url:
        place = url.removeprefix("http://")
        check = doctor("catalog", CATALOG_URL=f"postgresql+psycopg2://me:hunter2@{place}/share")["catalog"]
    assert check["status"] == "fail"
    assert "hunter2" not in check["found"]
    assert place in check["found"]


def test_an_empty_postgresql_fails(doctor: Doctor, empty_postgres_url: str) -> None:
    """An empty PostgreSQL database fails, because no other command upgrades it."""
    check = doctor("catalog", CATALOG_URL=empty_postgres_url)["catalog"]
    assert (check["status"], check["command"]) == ("fail", "bookmarkai catalog upgrade")


def test_the_rollout_is_described(doctor: Doctor, hybrid_catalog: OpenCatalog) -> None:
    """The check says where new media go, and by which setting or decision."""
    assert "S3_SPLIT_PERCENTAGE=20" in doctor("rollout", S3_SPLIT_PERCENTAGE="20")["rollout"]["found"]
    decide(hybrid_catalog, 25)
    assert "25% of new media go to S3" in doctor("rollout")["rollout"]["found"]
    decide(hybrid_catalog, 25, is_rolled_back=True)
    assert "rolled back" in doctor("rollout")["rollout"]["found"]
    assert "STORAGE_MODE=local" in doctor("rollout", STORAGE_MODE="local")["rollout"]["found"]


# --- Dagster ---------------------------------------------------------------------------------------------------------


def test_an_unused_home_stays_unused(doctor: Doctor, home: Path) -> None:
    """The configuration is tried elsewhere, and no daemon is expected yet."""
    checks = doctor("dagster")
    assert statuses(checks) == dict(zip(DAGSTER, ["pass", "pass", "skip", "skip", "skip", "skip"], strict=True))
    assert [path.name for path in home.iterdir()] == ["dagster.yaml"]


def test_a_missing_home_fails(doctor: Doctor, tmp_path: Path) -> None:
    """The command that makes the home is named, and the other checks of Dagster are skipped."""
    checks = doctor("dagster", DAGSTER_HOME=str(tmp_path / "my home"))
    assert statuses(checks) == dict(zip(DAGSTER, ["fail", "skip", "skip", "skip", "skip", "skip"], strict=True))
    assert checks["dagster home"]["command"] == f"mkdir -p '{tmp_path}/my home'"


def test_a_home_without_its_configuration_warns(doctor: Doctor, home: Path) -> None:
    """Without a configuration Dagster starts, but without limits, so it is a warning."""
    (home / "dagster.yaml").unlink()
    assert statuses(doctor("dagster"))["dagster home"] == "warn"


@pytest.mark.parametrize(
    "text", ["concurrency: [\n", "nonsense: {a: hunter2}\n", "run_queue:\n  dequeue_interval_seconds: hunter2\n"]
)
def test_a_configuration_that_dagster_rejects_fails(doctor: Doctor, home: Path, text: str) -> None:
    """The file is named, and a command that says more, but none of its values, because they may be secrets."""
    (home / "dagster.yaml").write_text(text)
    checks = doctor("dagster")
    assert statuses(checks) == dict(zip(DAGSTER, ["pass", "fail", "skip", "skip", "skip", "skip"], strict=True))
    check = checks["dagster config"]
    assert str(home / "dagster.yaml") in check["found"]
    assert "hunter2" not in check["found"]
    assert check["command"].endswith("dagster instance info")


@pytest.fixture
def instance(home: Path) -> Iterator[Any]:
    """Return Dagster's instance of the home, which is then no longer unused."""
    import dagster as dg  # noqa: PLC0415 - takes a second to import

    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


def heartbeats(instance: Any, *, seconds_ago: float, errors: list[str] | None = None) -> None:
    """Record a heartbeat of every part of a daemon, so many seconds ago."""
    from tests.support.dagster_internals import record_heartbeats  # noqa: PLC0415 - as above

    record_heartbeats(instance, timestamp=datetime.now(UTC).timestamp() - seconds_ago, errors=errors)


def test_a_daemon_is_known_by_its_heartbeats(doctor: Doctor, instance: Any) -> None:
    """No heartbeat, or none for hours, warns with the command that starts the daemon; a recent one passes."""
    none = doctor("dagster")["dagster daemon"]
    assert (none["status"], none["command"]) == ("warn", "dagster dev -m bookmarkai_assets.definitions")

    heartbeats(instance, seconds_ago=7200)
    old = doctor("dagster")
    assert old["dagster daemon"]["status"] == "warn"
    assert "2 hours old" in old["dagster daemon"]["found"]
    assert old["dagster sensors"]["status"] == "skip"

    heartbeats(instance, seconds_ago=5)
    alive = doctor("dagster")
    assert alive["dagster daemon"]["status"] == "pass"
    assert alive["dagster sensors"]["status"] == "warn", "this daemon has seen no code location"
    assert "new_shares" in alive["dagster sensors"]["found"]


def test_a_run_without_a_sign_of_life_is_named(doctor: Doctor, instance: Any, sqlite_catalog: OpenCatalog) -> None:
    """It holds a place in the queue, so that other work waits. A run that gives a sign of life is no news."""
    import dagster as dg  # noqa: PLC0415 - as above

    assert doctor("dagster")["dagster runs"]["found"] == "none holds a place in the queue"
    run = instance.create_run_for_job(dg.job(name="clean_up_local_media")(lambda: None))
    event = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_START.value, job_name=run.job_name)
    instance.report_dagster_event(event, run_id=run.run_id)
    young = doctor("dagster")["dagster runs"]
    assert (young["status"], young["found"]) == ("pass", "all 1 that hold a place are alive")

    sqlite_catalog.workers.announce(worker(run.run_id, now=datetime.now(UTC), seconds=0))
    dead = doctor("dagster")["dagster runs"]
    assert dead["status"] == "warn"
    assert f"clean_up_local_media {run.run_id}" in dead["found"]
    assert "dead_runs" in dead["remedy"]

    sqlite_catalog.workers.announce(worker(run.run_id, now=datetime.now(UTC), seconds=60))
    assert doctor("dagster")["dagster runs"]["status"] == "pass"


def test_a_partition_that_is_no_share_is_named(doctor: Doctor, instance: Any, sqlite_catalog: OpenCatalog) -> None:
    """Somebody typed it into the UI, and all that it does is fail. What removes it is said."""
    share_id = add_share(sqlite_catalog)
    instance.add_dynamic_partitions("shares", [share_id])
    good = doctor("dagster")["dagster partitions"]
    assert (good["status"], good["found"]) == ("pass", "all 1 are shares")

    instance.add_dynamic_partitions("shares", ["typed in", "\x1b[31mhttps://example.com/video"])
    strange = doctor("dagster")["dagster partitions"]
    assert (strange["status"], strange["found"]) == (
        "warn",
        "2 are no shares: typed in, [31mhttps://example.com/video",
    )
    assert "Delete partitions" in strange["remedy"]


def test_a_second_daemon_is_noticed(doctor: Doctor, sqlite_catalog: OpenCatalog) -> None:
    """Two daemons take up shares under two settings, and each is named with its own."""
    now = datetime.now(UTC)
    assert doctor("workers")["workers"]["status"] == "skip"
    sqlite_catalog.workers.announce(worker("one", now=now, seconds=600, kind=WorkerKind.DAEMON))
    one = doctor("workers")["workers"]
    assert (one["status"], one["found"]) == ("pass", "1 daemon and 0 runs, all with STORAGE_MODE=local")

    sqlite_catalog.workers.announce(worker("two", now=now, seconds=600, kind=WorkerKind.DAEMON, storage_mode="hybrid"))
    two = doctor("workers")["workers"]
    assert two["status"] == "warn"
    assert "STORAGE_MODE=local" in two["found"]
    assert "STORAGE_MODE=hybrid" in two["found"]


def test_a_worker_with_other_settings_is_noticed(doctor: Doctor, sqlite_catalog: OpenCatalog) -> None:
    """Its media go elsewhere than this command says."""
    odd = worker("run", now=datetime.now(UTC), seconds=600, storage_mode="hybrid", s3_percentage=30)
    sqlite_catalog.workers.announce(odd)
    check = doctor("workers")["workers"]
    assert check["status"] == "warn"
    assert "STORAGE_MODE=hybrid and S3_SPLIT_PERCENTAGE=30" in check["found"]


def test_a_daemon_with_errors_warns(doctor: Doctor, instance: Any) -> None:
    """The failing part of the daemon is named, and where to find the error."""
    heartbeats(instance, seconds_ago=5, errors=["something"])
    check = doctor("dagster")["dagster daemon"]
    assert check["status"] == "warn"
    assert "with errors" in check["found"]
    assert "SENSOR" in check["found"]


# --- Storage ---------------------------------------------------------------------------------------------------------


def test_an_unusable_directory_fails(doctor: Doctor, tmp_path: Path) -> None:
    """A file where the directory should be is named, and nothing is put."""
    (tmp_path / "media").touch()
    found = statuses(doctor("local"))
    assert found["local directory"] == "fail"
    assert found["local transfers"] == "skip"


def test_without_a_bucket_s3_is_skipped(doctor: Doctor) -> None:
    """Without a bucket S3 is not configured, which is no failure."""
    check = doctor("s3")["s3"]
    assert check["status"] == "skip"
    assert "S3_MEDIA_BUCKET" in check["found"]


def test_a_wrong_secret_fails_with_its_setting(doctor: Doctor, seaweed: SeaweedServer) -> None:
    """What cannot be checked without credentials is skipped."""
    checks = doctor("s3", **seaweed.variables | {"S3_SECRET_KEY": "wrong-secret"})
    assert checks["s3 credentials"]["status"] == "fail"
    assert "S3_SECRET_KEY" in checks["s3 credentials"]["remedy"]
    assert checks["s3 transfers"]["status"] == "skip"
    assert "wrong-secret" not in str(checks)


def test_a_missing_bucket_and_a_silent_endpoint_fail(doctor: Doctor, seaweed: SeaweedServer) -> None:
    """The first check that meets the problem fails."""
    missing = doctor("s3", **seaweed.variables | {"S3_MEDIA_BUCKET": "no-such-bucket"})
    assert missing["s3 bucket"]["status"] == "fail"
    with unanswered_url() as url:
        silent = doctor("s3", S3_ENDPOINT=url)
    assert [name for name, status in statuses(silent).items() if status == "fail"] == ["s3 endpoint"]


def test_a_bucket_without_its_rule_warns_with_the_whole_command(doctor: Doctor, seaweed: SeaweedServer) -> None:
    """The words and the command of the warning are separate."""
    check = doctor("s3", **seaweed.variables)["s3 lifecycle"]
    assert check["status"] == "warn"
    assert check["command"].startswith("aws s3api put-bucket-lifecycle-configuration --bucket")
    assert "aws s3api" not in check["remedy"]


# --- Alerts and metrics ----------------------------------------------------------------------------------------------


def test_unset_alerts_and_metrics_are_skipped(doctor: Doctor) -> None:
    """Alerts and metrics are optional, so both checks are skipped."""
    assert statuses({**doctor("webhook"), **doctor("cloudwatch")}) == {"webhook": "skip", "cloudwatch": "skip"}


def test_a_webhook_is_connected_to_and_not_posted_to(doctor: Doctor) -> None:
    """A webhook that signs passes, one that does not warns, and only the URL's host is shown."""
    with WebhookServer() as server:
        url = server.url(f"/{TOKEN}")
        unsigned = doctor("webhook", ALERT_WEBHOOK_URL=url)["webhook"]
        signed = doctor("webhook", ALERT_WEBHOOK_SECRET="0123456789abcdef")["webhook"]
    assert server.received == []
    assert (unsigned["status"], signed["status"]) == ("warn", "pass")
    assert "ALERT_WEBHOOK_SECRET" in unsigned["remedy"]
    assert TOKEN not in str((unsigned, signed))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "{refused}"])
def test_a_webhook_that_cannot_be_reached_warns(doctor: Doctor, host: str) -> None:
    """An unknown or silent webhook is a warning, because alerts are in the log anyway."""
    with unanswered_url() as url:
        place = host.format(refused=url.removeprefix("http://"))
        check = doctor("webhook", ALERT_WEBHOOK_URL=f"http://{place}/{TOKEN}")["webhook"]
    assert check["status"] == "warn"
    assert "ALERT_WEBHOOK_URL" in check["remedy"]
    assert TOKEN not in str(check)


def test_cloudwatch_needs_a_region_and_credentials(doctor: Doctor) -> None:
    """A missing region or missing credentials are named; with both the check passes, and nothing is sent."""
    none = doctor("cloudwatch", CLOUDWATCH_NAMESPACE="BookmarkAI/Test")["cloudwatch"]
    assert none["status"] == "fail"
    assert "a region and credentials" in none["found"]
    given = doctor("cloudwatch", AWS_REGION="eu-west-1", S3_ACCESS_KEY="AKIAEXAMPLE", S3_SECRET_KEY="hunter2")
    assert given["cloudwatch"]["status"] == "pass"
    profile = doctor("cloudwatch", AWS_PROFILE="nobody")["cloudwatch"]
    assert profile["status"] == "fail"
