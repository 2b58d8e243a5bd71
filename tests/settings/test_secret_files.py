"""Secrets from files: NAME_FILE in place of NAME, for every secret setting and for what Dagster and AWS read."""

import os
from pathlib import Path

import pytest

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.settings.known_secrets import known_secrets
from bookmarkai_assets.settings.masking import MASK
from bookmarkai_assets.settings.secret_files import OTHERS, names_with_files
from bookmarkai_assets.settings.settings import Settings, load_settings

SECRET = "sEcr#t %40 wörd of-thirty-two-characters"
VALUES = {
    "catalog_url": "postgresql+psycopg2://me:hunter2@db.example.com/media",
    "celery_broker_url": "pyamqp://me:hunter2@mq.example.com:5672//",
    "ytdlp_proxy": "http://me:hunter2@proxy.example.com:3128",
    "alert_webhook_url": "https://hooks.example.com/hunter2",
}
"""Values of secrets that must look like something. The others may be any text."""


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own environment out, and what is exported here from other tests. Empty means unset."""
    for name in {*Settings.model_fields, *map(str.lower, OTHERS)}:
        monkeypatch.setenv(name.upper(), "")
        if name.upper() + "_FILE" != "DOOR_TOKENS_FILE":
            monkeypatch.setenv(f"{name.upper()}_FILE", "")


def put(tmp_path: Path, content: str | bytes) -> str:
    """Write a secret's file, and return its path."""
    file = tmp_path / "secret"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(file)


def problems(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """Return the message with which this environment is refused."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(env_file=None)
    return str(caught.value)


def test_every_secret_setting_may_be_in_a_file() -> None:
    """All of them but DOOR_TOKENS, whose file is a setting of its own: it has more tokens, a line for each."""
    secret = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert set(names_with_files(Settings)) == secret - {"door_tokens"}
    assert {"catalog_url", "catalog_password", "s3_secret_key", "celery_broker_url", "ytdlp_proxy"} <= secret


@pytest.mark.parametrize("name", names_with_files(Settings))
def test_a_secret_is_read_from_its_file_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The setting has the content, and what an operator sees has none of it."""
    value = VALUES.get(name, SECRET)
    monkeypatch.setenv(f"{name.upper()}_FILE", put(tmp_path, f"{value}\n"))
    for other in {"s3_access_key": ["S3_SECRET_KEY"], "s3_secret_key": ["S3_ACCESS_KEY"]}.get(name, []):
        monkeypatch.setenv(other, "other")
    if name == "cdn_private_key":
        for other, text in {
            "CDN_URL": "https://cdn.example.com",
            "CDN_KEY_ID": "K2",
            "S3_MEDIA_BUCKET": "media",
        }.items():
            monkeypatch.setenv(other, text)
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
    if name == "catalog_password":
        for other in ("HOST", "NAME", "USER"):
            monkeypatch.setenv(f"CATALOG_{other}", "x")

    settings = load_settings(env_file=None)

    assert getattr(settings, name).get_secret_value() == value
    assert MASK in (settings.shown()[name.upper()] or "")
    assert "hunter2" not in str(settings.shown())
    assert SECRET not in str(settings.shown()) + repr(settings)
    assert {value, "hunter2"} & known_secrets()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("pass word", "pass word"),
        ("pass\n", "pass"),
        ("pass\r\n", "pass"),
        (" pass \n", " pass "),
        ("one\ntwo\n\n", "one\ntwo\n"),
    ],
)
def test_only_the_last_line_break_is_no_part_of_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, expected: str
) -> None:
    """Editors and `echo` add it. Everything else is what somebody chose."""
    monkeypatch.setenv("ALERT_WEBHOOK_SECRET_FILE", put(tmp_path, f"0123456789abcdef{content}"))
    found = load_settings(env_file=None).alert_webhook_secret
    assert found is not None
    assert found.get_secret_value() == f"0123456789abcdef{expected}"


def test_a_secret_that_is_set_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could tell which one counts, so the message names both variables, and shows neither value."""
    message = problems(monkeypatch, S3_ACCESS_KEY="AKIA-VISIBLE", S3_ACCESS_KEY_FILE=put(tmp_path, "other-key"))
    assert f"S3_ACCESS_KEY = {MASK}: S3_ACCESS_KEY_FILE is set as well; unset one of the two" in message
    assert "AKIA" not in message
    assert "other-key" not in message


def test_what_is_wrong_with_a_file_is_said_with_all_other_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message names the variable and the file, and none shows what is in it."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"hush\xff\xfe")
    (tmp_path / "endless").write_bytes(b"hush" * 300_000)
    message = problems(
        monkeypatch,
        STORAGE_MODE="cloud",
        CATALOG_PASSWORD_FILE=f"{tmp_path}/none",
        S3_ACCESS_KEY_FILE=f"{tmp_path}/empty",
        S3_SECRET_KEY_FILE=str(tmp_path),
        YTDLP_PROXY_FILE=f"{tmp_path}/binary",
        CELERY_BROKER_URL_FILE="run/secrets/broker",
        ALERT_WEBHOOK_SECRET_FILE=f"{tmp_path}/endless",
        DAGSTER_POSTGRES_URL_FILE=f"{tmp_path}/none",
    )
    for expected in (
        "STORAGE_MODE = cloud: Input should be",
        f"CATALOG_PASSWORD is not set: expected CATALOG_PASSWORD_FILE to name a readable file, found for {tmp_path}",
        f"S3_ACCESS_KEY is not set: expected a secret in the file {tmp_path}/empty that S3_ACCESS_KEY_FILE names",
        "S3_SECRET_KEY is not set: expected S3_SECRET_KEY_FILE to name a readable file",
        f"YTDLP_PROXY is not set: expected the file {tmp_path}/binary that YTDLP_PROXY_FILE names to be text",
        "CELERY_BROKER_URL is not set: expected CELERY_BROKER_URL_FILE to be an absolute path, found run/secrets",
        f"ALERT_WEBHOOK_SECRET is not set: expected the file {tmp_path}/endless that ALERT_WEBHOOK_SECRET_FILE",
        "DAGSTER_POSTGRES_URL: expected DAGSTER_POSTGRES_URL_FILE to name a readable file",
    ):
        assert expected in message
    assert "hush" not in message
    assert message.count("CELERY_BROKER_URL_FILE") == 1


def test_a_bad_secret_from_a_file_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with the content is said as for a variable: with the value masked."""
    message = problems(monkeypatch, ALERT_WEBHOOK_URL_FILE=put(tmp_path, "hooks.example.com/hunter2"))
    assert f"ALERT_WEBHOOK_URL = {MASK}: expected an http(s) URL" in message
    assert "hunter2" not in message


def test_env_files_may_name_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is exported counts more, also if it is empty: so a secret of the shell goes before the file's."""
    monkeypatch.delenv("S3_ACCESS_KEY_FILE")
    monkeypatch.setenv("S3_SECRET_KEY", "other")
    env_file = tmp_path / ".env"
    env_file.write_text(f"S3_ACCESS_KEY_FILE={put(tmp_path, 'from-file')}\n")
    found = load_settings(env_file=env_file).s3_access_key
    assert found is not None
    assert found.get_secret_value() == "from-file"

    monkeypatch.setenv("S3_ACCESS_KEY_FILE", "")
    monkeypatch.setenv("S3_ACCESS_KEY", "exported")
    found = load_settings(env_file=env_file).s3_access_key
    assert found is not None
    assert found.get_secret_value() == "exported"


@pytest.mark.parametrize("name", OTHERS)
def test_secrets_that_others_read_are_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Dagster's `env:` and AWS's libraries find them, and settings that are read again find them once."""
    monkeypatch.setenv(f"{name}_FILE", put(tmp_path, "their-secret\n"))
    load_settings(env_file=None)
    load_settings(env_file=None)
    assert os.environ[name] == "their-secret"
    assert name.endswith(("_URL", "_BACKEND")) or "their-secret" in known_secrets()


def test_a_secret_of_others_that_is_set_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one of ours."""
    message = problems(
        monkeypatch, AWS_SECRET_ACCESS_KEY="AKIA-VISIBLE", AWS_SECRET_ACCESS_KEY_FILE=put(tmp_path, "other-key")
    )
    assert "AWS_SECRET_ACCESS_KEY: AWS_SECRET_ACCESS_KEY_FILE is set as well; unset one of the two" in message
    assert "AKIA" not in message
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == "AKIA-VISIBLE"
