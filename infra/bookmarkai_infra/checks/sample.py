"""Installations that do not exist, to synthesize each stage with: dev with the least, prod with everything."""

from pathlib import Path

from bookmarkai_infra.installation import CdnHost, Entrance, Installation, Login

ACCOUNT = "111122223333"
REGION = "us-east-1"
_CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/00000000-0000-0000-0000-000000000000"


def sample_installation(stage: str, keys: Path) -> Installation:
    """Return an installation for a stage, with the public keys in a folder."""
    is_full = stage == "prod"
    login = Login(
        issuer="https://login.example.com",
        authorization_endpoint="https://login.example.com/authorize",
        token_endpoint="https://login.example.com/token",  # noqa: S106 - an address
        user_info_endpoint="https://login.example.com/userinfo",
        client_id="bookmarkai",
        secret_name="bookmarkai/prod/login",  # noqa: S106 - the name of one
    )
    return Installation(
        account=ACCOUNT,
        region=REGION,
        image_tag="0123456789abcdef0123456789abcdef01234567",
        alert_email="operators@example.com",
        cdn_keys=tuple(file.read_text() for file in sorted(keys.glob("*.pem"))),
        entrance=Entrance(_CERTIFICATE, "videos.example.com", "dagster.example.com", "watch.example.com", login)
        if is_full
        else None,
        cdn_host=CdnHost("media.example.com", _CERTIFICATE) if is_full else None,
    )
