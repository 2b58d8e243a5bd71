"""Settings: validated as a whole, every bad variable in one message, secrets never shown."""

from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.links.urls import HostPort
from bookmarkai_assets.core.media.placement import StorageMode
from bookmarkai_assets.settings.emptied_places import read_emptied_places
from bookmarkai_assets.settings.masking import MASK
from bookmarkai_assets.settings.settings import Settings, load_settings
from bookmarkai_assets.wiring.rules import make_rules
from bookmarkai_assets.wiring.speech import make_speech_engine


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own environment out of these tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def problems(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """Return the message with which this environment is refused."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(env_file=None)
    return str(caught.value)


def test_an_empty_environment_is_a_laptop() -> None:
    """Without any variable everything is local and nothing needs a cloud account."""
    settings = load_settings(env_file=None)
    assert settings.storage_mode is StorageMode.LOCAL
    assert settings.s3_media_bucket is None
    assert settings.ytdlp_download_dir == Path("/tmp/bookmarkai-videos")  # noqa: S108 - the documented default


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_file_of_any_system_sets_its_first_variable_too(tmp_path: Path, encoding: str, end: str) -> None:
    """A mark before the text is no part of the first name: that setting would be ignored without a word."""
    file = tmp_path / ".env"
    file.write_bytes(f"S3_EXPIRY_DAYS=30{end}# more{end}LEASE_SECONDS=1234{end}".encode(encoding))
    settings = load_settings(env_file=file)
    assert (settings.s3_expiry_days, settings.lease_seconds) == (30, 1234)


def test_a_file_in_another_encoding_is_refused_without_its_text(tmp_path: Path) -> None:
    """The message names the file and what to do, and shows nothing of it."""
    file = tmp_path / ".env"
    file.write_bytes("S3_SECRET_KEY=gehe\xefm".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="save it as UTF-8") as caught:
        load_settings(env_file=file)
    assert str(file) in str(caught.value)
    assert "gehe" not in str(caught.value)


def test_operators_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that BookmarkAI's operators know work unchanged."""
    for name, value in {
        "AWS_REGION": "eu-central-1",
        "S3_MEDIA_BUCKET": "media",
        "STORAGE_MODE": "hybrid",
        "S3_SPLIT_PERCENTAGE": "25",
        "S3_VIDEO_PREFIX": "temp/videos/",
        "YTDLP_DOWNLOAD_DIR": "/srv/videos",
        "S3_ENDPOINT": "http://127.0.0.1:9000",
        "S3_ACCESS_KEY": "key",
        "S3_SECRET_KEY": "secret",
        "S3_USE_PATH_STYLE": "true",
        "EGRESS_ALLOWED_HOSTS": "127.0.0.1:8080, [::1]:9",
        "YTDLP_ALLOWED_EXTRACTORS": "tiktok, generic",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(env_file=None)
    assert settings.s3_split_percentage == 25
    assert settings.s3_use_path_style
    assert settings.egress_allowed_hosts == {HostPort("127.0.0.1", 8080), HostPort("::1", 9)}
    assert settings.ytdlp_allowed_extractors == ("tiktok", "generic")


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({"S3_ENDPOINT": "https://s3.example.com"}, "only Amazon S3 has it"),
        ({"AWS_REGION": "eu-central-1", "S3_USE_PATH_STYLE": "1"}, "it needs the bucket in the host's name"),
        ({"AWS_REGION": "eu-central-1", "S3_MEDIA_BUCKET": "media.example"}, "it needs a bucket whose name has no dot"),
    ],
)
def test_what_acceleration_cannot_do_is_refused(
    monkeypatch: pytest.MonkeyPatch, others: dict[str, str], reason: str
) -> None:
    """Otherwise the first transfer would fail with a name that does not resolve."""
    message = problems(monkeypatch, **{"S3_MEDIA_BUCKET": "media", "S3_USE_ACCELERATE": "true", **others})
    assert f"S3_USE_ACCELERATE = true: {reason}" in message


@pytest.mark.parametrize("missing", ["CDN_URL", "CDN_KEY_ID", "CDN_PRIVATE_KEY"])
def test_the_settings_for_cloudfront_go_together(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """The message names the one that is missing, and shows no key."""
    every = {"CDN_URL": "https://d1.cloudfront.net", "CDN_KEY_ID": "K2ABC", "CDN_PRIVATE_KEY": "hush-hush"}
    message = problems(monkeypatch, **{name: value for name, value in every.items() if name != missing})
    assert f"{missing} is not set: links to CloudFront need it" in message
    assert "hush" not in message


def test_every_bad_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One message names each bad variable with its value and what is allowed, including contradictions."""
    message = problems(
        monkeypatch,
        STORAGE_MODE="cloud",
        S3_SPLIT_PERCENTAGE="2.5",
        YTDLP_DOWNLOAD_DIR="relative/path",
        EGRESS_ALLOWED_HOSTS="nowhere",
        S3_ENDPOINT="127.0.0.1:9000",
        S3_VIDEO_PREFIX="/videos",
        S3_SECRET_KEY="hush-hush",
    )
    for expected in (
        "STORAGE_MODE = cloud: Input should be 'local', 's3' or 'hybrid'",
        "S3_SPLIT_PERCENTAGE = 2.5:",
        "YTDLP_DOWNLOAD_DIR = relative/path: expected an absolute path",
        "EGRESS_ALLOWED_HOSTS = nowhere: expected host:port",
        "S3_ENDPOINT = 127.0.0.1:9000: expected an http(s) URL",
        "S3_VIDEO_PREFIX = /videos: expected a relative prefix",
        "S3_ACCESS_KEY is not set: it goes together with S3_SECRET_KEY",
    ):
        assert expected in message
    assert "hush" not in message


@pytest.mark.parametrize("percentage", ["-1", "101", "half", "1e9"])
def test_a_percentage_that_is_no_whole_number_from_0_to_100_is_refused(
    monkeypatch: pytest.MonkeyPatch, percentage: str
) -> None:
    """The rollout's percentage is never rounded, clamped or guessed."""
    assert f"S3_SPLIT_PERCENTAGE = {percentage}" in problems(monkeypatch, S3_SPLIT_PERCENTAGE=percentage)


def test_contradictory_variables_are_shown_with_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that contradicts another is shown with its value, and a missing one as not set."""
    assert "LEASE_SECONDS = 6: it must be at least twice SENSOR_WATCH_SECONDS" in problems(
        monkeypatch, LEASE_SECONDS="6"
    )
    assert "S3_MEDIA_BUCKET is not set: STORAGE_MODE=s3 needs it" in problems(monkeypatch, STORAGE_MODE="s3")


@pytest.mark.parametrize("mode", ["s3", "hybrid"])
def test_modes_that_use_s3_need_a_bucket(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """A mode that could place media in S3 does not start without a bucket."""
    assert f"S3_MEDIA_BUCKET is not set: STORAGE_MODE={mode} needs it" in problems(monkeypatch, STORAGE_MODE=mode)


def test_a_bucket_needs_a_region_or_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket without its region or endpoint stops the start."""
    assert "AWS_REGION is not set" in problems(monkeypatch, S3_MEDIA_BUCKET="media")


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither keys nor the database's password are shown to operators."""
    monkeypatch.setenv("S3_ACCESS_KEY", "AKIA-VISIBLE")
    monkeypatch.setenv("S3_SECRET_KEY", "very-secret")
    monkeypatch.setenv("CATALOG_URL", "postgresql+psycopg2://me:pa55@db.example.com:5432/bookmarkai")
    settings = load_settings(env_file=None)
    shown = settings.shown()
    assert shown["S3_SECRET_KEY"] == shown["S3_ACCESS_KEY"] == MASK
    assert shown["CATALOG_URL"] == f"postgresql+psycopg2://me:{MASK}@db.example.com:5432/bookmarkai"
    for text in (str(shown), repr(settings.s3_secret_key)):
        assert "very-secret" not in text
        assert "pa55" not in text


def test_the_catalog_is_found_through_dagsters_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without CATALOG_URL the catalog is a SQLite file in DAGSTER_HOME, for the command line and the daemon alike."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert load_settings(env_file=None).resolved_catalog_url() == f"sqlite:///{tmp_path}/catalog.db"


def test_a_missing_location_of_the_catalog_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a directory without dagster_home/ nothing is made up, and the message names the variables to set."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="set CATALOG_URL or DAGSTER_HOME"):
        load_settings(env_file=None).resolved_catalog_url()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rollout_stages": "25,10"}, "ROLLOUT_STAGES = 25,10: expected stages that rise"),
        ({"rollout_stages": "0,50"}, "ROLLOUT_STAGES = 0,50: expected stages that rise"),
        ({"rollout_stages": "ten"}, "ROLLOUT_STAGES = ten: expected shadow or a whole percentage"),
        ({"alert_webhook_url": "hooks.example.com/?token=hidden"}, "ALERT_WEBHOOK_URL = ********: expected an http(s)"),
        ({"cloudwatch_namespace": "AWS/S3"}, "CLOUDWATCH_NAMESPACE = AWS/S3"),
        ({"rollout_price_table": "prices.json"}, "ROLLOUT_PRICE_TABLE = prices.json: expected an absolute path"),
    ],
)
def test_an_impossible_rollout_stops_the_start(changes: dict[str, str], expected: str) -> None:
    """Each bad variable is named with what was expected, and a secret is not repeated."""
    with pytest.raises(ConfigurationError) as refusal:
        load_settings(env_file=None, **changes)
    assert expected in str(refusal.value)
    assert "hidden" not in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "days"),
    [({}, 7), ({"s3_expiry_days": 30}, 30), ({"s3_expiry_days": 30, "local_retention_days": 2}, 2)],
)
def test_local_files_live_as_long_as_objects_by_default(changes: dict[str, Any], days: float) -> None:
    """The local retention equals the bucket's lifecycle rule by default."""
    retention = make_rules(load_settings(env_file=None, **changes)).retention
    assert retention.local_days == days
    assert retention.s3_days == changes.get("s3_expiry_days", 7)
    assert retention.grace_seconds == 86_400


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"whisper_task": "translate", "whisper_model": "tiny.en"}, "WHISPER_TASK = translate: WHISPER_MODEL=tiny.en"),
        ({"whisper_engine": "openai-whisper", "whisper_compute_type": "int8"}, "WHISPER_COMPUTE_TYPE = int8: openai"),
        ({"whisper_engine": "openai-whisper", "whisper_batch_size": "8"}, "WHISPER_BATCH_SIZE = 8: openai-whisper"),
        ({"whisper_engine": "whisper.cpp"}, "WHISPER_ENGINE = whisper.cpp"),
        ({"whisper_model_dir": "models"}, "WHISPER_MODEL_DIR = models: expected an absolute path"),
    ],
)
def test_an_impossible_speech_engine_stops_the_start(changes: dict[str, str], expected: str) -> None:
    """The message names the variable and what it contradicts."""
    with pytest.raises(ConfigurationError) as refusal:
        load_settings(env_file=None, **changes)
    assert expected in str(refusal.value)


@pytest.mark.parametrize("engine", ["faster-whisper", "openai-whisper"])
def test_the_settings_decide_which_engine_is_made(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each engine is made by its name, with its default compute type, and without a model."""
    monkeypatch.setattr("bookmarkai_assets.adapters.speech.checkpoints.require_package", lambda: None)
    monkeypatch.setattr("bookmarkai_assets.adapters.speech.openai_whisper.require_package", lambda: None)
    made = make_speech_engine(load_settings(env_file=None, whisper_engine=engine, whisper_model="small"))
    assert (made.engine, made.model) == (engine, "small")


# --- Places that are emptied ------------------------------------------------------------------------------------------


def test_the_machines_own_places_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The temporary directory of this process, the session's and the cache of this user are places that are emptied."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "session"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setenv("HOME", "/home/ada")
    found = {str(place.directory) for place in read_emptied_places()}
    assert {f"{tmp_path}/{name}" for name in ("scratch", "session", "caches")} <= found
    assert {"/home/ada/.cache", "/run"} <= found


def test_the_current_directory_is_no_place_for_temporary_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Python takes it where no other directory can be written to, which says nothing of who empties it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path) not in {str(place.directory) for place in read_emptied_places()}


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_a_variable_without_a_path_names_no_place(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """The standard says that a relative path is to be ignored."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", value)
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert all(place.directory.is_absolute() for place in read_emptied_places())


def test_what_must_stay_is_known_by_its_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Dagster's home always is; the catalog is if it is a file with a setting of its own."""
    monkeypatch.chdir(tmp_path)
    assert load_settings(env_file=None).kept_paths() == {"DAGSTER_HOME": tmp_path / "dagster_home"}
    home = Path("/srv/dagster")
    catalog = Path("/srv/catalog.db")
    kept = load_settings(env_file=None, dagster_home=home, catalog_url=f"sqlite:///{catalog}?timeout=3").kept_paths()
    assert kept == {"DAGSTER_HOME": home, "CATALOG_URL": catalog}
    elsewhere = load_settings(env_file=None, dagster_home=home, catalog_url="postgresql://db/media").kept_paths()
    assert elsewhere == {"DAGSTER_HOME": home}
