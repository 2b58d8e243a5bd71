"""The catalog by its parts, as a managed database's secret names them, beside its URL."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.adapters.catalog.engine import parse_url
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.settings.masking import MASK
from bookmarkai_assets.settings.settings import Settings, load_settings
from tests.plugins.command_line import BookmarkAI

PARTS = {"catalog_host": "db.example.com", "catalog_name": "media", "catalog_user": "bookmarkai"}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own environment out of these tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def problems(**values: object) -> str:
    """Return the message with which these settings are refused."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(env_file=None, **values)
    return str(caught.value)


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=63)


@given(user=TEXT, password=TEXT, name=TEXT)
def test_no_character_of_a_part_needs_an_escape(user: str, password: str, name: str) -> None:
    """The database is given user, password and name exactly as they were set."""
    settings = load_settings(
        env_file=None, **{**PARTS, "catalog_user": user, "catalog_password": password, "catalog_name": name}
    )
    url = parse_url(settings.resolved_catalog_url())
    assert (url.username, url.password, url.database) == (user, password, name)
    assert (url.host, url.port) == ("db.example.com", 5432)


@pytest.mark.parametrize("host", ["db", "10.0.0.7", "::1", "media.abc.eu-central-1.rds.amazonaws.com"])
def test_host_port_and_encryption_reach_the_driver(host: str) -> None:
    """The variables as RDS's secret and an operator give them, all text."""
    settings = load_settings(
        env_file=None,
        **PARTS
        | {
            "catalog_host": host,
            "catalog_port": "6432",
            "catalog_sslmode": "verify-full",
            "catalog_sslrootcert": "/etc/ssl/rds ca.pem",
        },
    )
    url = make_url(settings.resolved_catalog_url())
    assert (url.host, url.port) == (host, 6432)
    assert url.query == {"sslmode": "verify-full", "sslrootcert": "/etc/ssl/rds ca.pem"}


def test_a_real_database_is_opened_by_its_parts(postgres_url: str) -> None:
    """Here by the directory of its socket, as the tests' server has no port."""
    url = make_url(postgres_url)
    host = url.host or url.query["host"]
    assert isinstance(host, str)
    parts = {"host": host, "name": url.database, "user": url.username, "password": "p@ss:w/rd?#%"}
    settings = load_settings(env_file=None, **{f"catalog_{name}": value for name, value in parts.items()})
    with open_catalog(settings.resolved_catalog_url()) as catalog:
        assert catalog.shares.list(limit=1) == []


def test_the_url_and_the_parts_may_say_the_same() -> None:
    """Then the URL counts. An escaped password is the same as a plain one."""
    url = "postgresql+psycopg2://bookmarkai:p%40ss@DB.example.com/media?sslmode=require"
    settings = load_settings(
        env_file=None,
        **PARTS | {"catalog_url": url, "catalog_password": "p@ss", "catalog_port": 5432, "catalog_sslmode": "require"},
    )
    assert settings.resolved_catalog_url() == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("catalog_host", "other.example.com"),
        ("catalog_port", "6432"),
        ("catalog_name", "other"),
        ("catalog_user", "other"),
        ("catalog_password", "hunter3"),
        ("catalog_sslmode", "verify-full"),
        ("catalog_sslrootcert", "/etc/ssl/ca.pem"),
    ],
)
@pytest.mark.parametrize(
    "url", ["postgresql+psycopg2://bookmarkai:hunter2@db.example.com:5432/media", "sqlite:////srv/catalog.db"]
)
def test_a_url_and_a_part_that_differ_are_refused(name: str, value: str, url: str) -> None:
    """The message names the part, and shows no password."""
    message = problems(catalog_url=url, **{name: value})
    assert f"{name.upper()} = {MASK if name == 'catalog_password' else value}: CATALOG_URL does not say" in message
    assert "hunter" not in message


def test_a_part_alone_is_refused() -> None:
    """The message names what is missing, and by what it is needed."""
    message = problems(catalog_user="bookmarkai", catalog_port="5432")
    assert "CATALOG_HOST is not set: needed by CATALOG_PORT, CATALOG_USER" in message
    assert "CATALOG_NAME is not set" in message


@pytest.mark.parametrize("mode", [None, "disable", "allow", "prefer"])
def test_a_certificate_that_nothing_would_ask_for_is_refused(mode: str | None) -> None:
    """The driver would connect without a word and check nothing."""
    message = problems(**PARTS, catalog_sslmode=mode, catalog_sslrootcert="/etc/ssl/ca.pem")
    assert "CATALOG_SSLROOTCERT = /etc/ssl/ca.pem: nothing would check the server's certificate" in message


def test_the_config_shows_the_url_without_the_password(
    bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither as it is nor escaped, nor the content of its file."""
    monkeypatch.setenv("CATALOG_URL", "")
    for name, value in PARTS.items():
        monkeypatch.setenv(name.upper(), value)
    (tmp_path / "password").write_text("hunter2@/x\n")
    monkeypatch.setenv("CATALOG_PASSWORD_FILE", f"{tmp_path}/password")
    shown = bookmarkai("config", "--json")
    assert shown.json["CATALOG_URL"] == f"postgresql+psycopg2://bookmarkai:{MASK}@db.example.com:5432/media"
    assert shown.json["CATALOG_PASSWORD"] == MASK
    assert "hunter2" not in shown.out + shown.err
