"""An installation is read from the CDK's context and a folder of public keys."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bookmarkai_infra.installation import read_installation

FACTS = {"account": "111122223333", "region": "eu-central-1", "alert_email": "operators@example.com"}
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-0000-0000-000000000000"
ELSEWHERE = CERTIFICATE.replace("us-east-1", "eu-west-1")
LOGIN = {
    "issuer": "https://login.example.com",
    "authorization_endpoint": "https://login.example.com/authorize",
    "token_endpoint": "https://login.example.com/token",
    "user_info_endpoint": "https://login.example.com/userinfo",
    "client_id": "bookmarkai",
    "secret_name": "bookmarkai/prod/login",
}
ENTRANCE = {
    "certificate_arn": CERTIFICATE,
    "door_host": "videos.example.com",
    "ui_host": "dagster.example.com",
    "read_only_host": "watch.example.com",
    "login": LOGIN,
}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Return a folder with two public keys of prod and none of dev."""
    for number in (1, 2):
        key = (Path(__file__).parent / "keys" / f"test-{number}.pem").read_text()
        (tmp_path / f"prod-{number}.pem").write_text(key)
    return tmp_path


def _context(**facts: object) -> Mapping[str, object]:
    return {"installation-prod": {**FACTS, **facts}, "image_tag": "0123abc"}


def test_everything_is_read(keys: Path) -> None:
    """The facts, both keys, the entrance and the CDN's host name."""
    cdn_host = {"host": "media.example.com", "certificate_arn": CERTIFICATE}
    found = read_installation(_context(entrance=ENTRANCE, cdn_host=cdn_host), keys, "prod")
    assert (found.account, found.region, found.image_tag) == ("111122223333", "eu-central-1", "0123abc")
    assert len(found.cdn_keys) == 2
    assert found.entrance is not None
    assert found.entrance.login.client_id == "bookmarkai"
    assert found.cdn_host is not None


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"account": "1111"}, "12 digits"),
        ({"region": "Frankfurt"}, "region"),
        ({"alert_email": ""}, "address that alarms"),
        ({"accuont": "1"}, "accuont"),
        ({"entrance": {**ENTRANCE, "ui_host": "videos.example.com"}}, "three different host names"),
        ({"entrance": {**ENTRANCE, "login": {**LOGIN, "issuer": "http://login"}}}, "https addresses"),
        ({"entrance": {"door_host": "videos.example.com"}}, "login"),
        ({"entrance": {**ENTRANCE, "uihost": "x"}}, "uihost"),
        ({"cdn_host": {"host": "media.example.com"}}, "certificate_arn"),
        ({"cdn_host": {"host": "media.example.com", "certificate_arn": ELSEWHERE}}, "us-east-1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(keys: Path, facts: dict[str, object], message: str) -> None:
    """Before anything is synthesized."""
    with pytest.raises(ValueError, match=message):
        read_installation(_context(**facts), keys, "prod")


@pytest.mark.parametrize("which", ["image_tag", "migration_tag"])
def test_an_image_is_named_by_its_commit(keys: Path, which: str) -> None:
    """The tag latest means another image tomorrow."""
    with pytest.raises(ValueError, match="latest"):
        read_installation({**_context(), which: "latest"}, keys, "prod")


def test_a_deployment_can_be_without_running_tasks(keys: Path) -> None:
    """The first one is, until there is a schema. The migration's image may be ahead of the others'."""
    found = read_installation({**_context(), "paused": "true", "migration_tag": "fedcba9"}, keys, "prod")
    assert (found.is_paused, found.migration_tag) == (True, "fedcba9")
    assert not read_installation(_context(), keys, "prod").is_paused


def test_without_keys_nobody_could_sign_a_link(keys: Path) -> None:
    """The message leads to the page that says how to make them."""
    with pytest.raises(ValueError, match="one or two different public keys"):
        read_installation({"installation-dev": FACTS, "image_tag": "0123abc"}, keys, "dev")


def test_an_installation_that_is_not_there_is_asked_for(keys: Path) -> None:
    """The message names the file."""
    with pytest.raises(ValueError, match=r"cdk\.context\.json"):
        read_installation({}, keys, "prod")
