"""Settings for links to CloudFront, where it is in front of the bucket."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from bookmarkai_assets.settings.types import Problem, SettingsPart, host_of

_NAMES = ("cdn_url", "cdn_key_id", "cdn_private_key")


class CdnSettings(SettingsPart):
    """The settings for CloudFront. All or none of them are set."""

    cdn_url: str | None = Field(None, description="https URL of the CloudFront distribution in front of the bucket")
    cdn_key_id: str | None = Field(
        None,
        pattern=r"^[A-Z0-9]{1,64}$",
        description="CloudFront's id of the public key in the distribution's key group",
    )
    cdn_private_key: SecretStr | None = Field(
        None, description="The private key that goes with it: RSA of 2,048 bits, as PEM"
    )

    @field_validator("cdn_url")
    @classmethod
    def _is_distribution(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme != "https" or host_of(value) is None or parts.path.strip("/") or parts.query or "@" in value:
            raise ValueError("expected an https URL without a path, such as https://d111111abcdef8.cloudfront.net")
        return value.rstrip("/")


def cdn_problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the settings for CloudFront that lack one of the others, given their raw values."""
    missing = [name for name in _NAMES if not data.get(name)]
    if len(missing) < len(_NAMES):
        for name in missing:
            yield name, f"links to CloudFront need it, with {' and '.join(n.upper() for n in _NAMES if n != name)}"
    if not missing and not data.get("s3_media_bucket"):
        yield "s3_media_bucket", "CDN_URL needs the bucket that the distribution is in front of"
