"""Settings for storage: the storage mode, the bucket, and how long media are kept."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, SecretStr, field_validator

from bookmarkai_assets.core.media.placement import StorageMode
from bookmarkai_assets.settings.types import Problem, SettingsPart, host_of

_YES = frozenset({"1", "true", "t", "yes", "y", "on"})
"""What pydantic reads as true."""

_PREFIXES = {"s3_video_prefix": "temp/videos/", "s3_upload_prefix": "temp/uploads/"}


class StorageSettings(SettingsPart):
    """The settings for storage."""

    storage_mode: StorageMode = Field(StorageMode.LOCAL, description="Where new media go: local, s3 or hybrid")
    s3_split_percentage: int = Field(
        0, ge=0, le=100, description="Percentage of new media that go to S3 under hybrid: 0 to 100"
    )
    s3_media_bucket: str | None = Field(
        None, pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="The bucket for media"
    )
    s3_video_prefix: str = Field(_PREFIXES["s3_video_prefix"], description="Prefix of every object key; ends in /")
    s3_upload_prefix: str = Field(
        _PREFIXES["s3_upload_prefix"],
        description="Prefix of the keys of uploaded files before they are stored; ends in /",
    )
    aws_region: str | None = Field(None, description="The bucket's region")
    s3_endpoint: str | None = Field(None, description="http(s) URL of an S3-compatible server; unset means AWS")
    s3_access_key: SecretStr | None = Field(None, description="Access key; unset means AWS's default credential chain")
    s3_secret_key: SecretStr | None = Field(None, description="Secret key that goes with the access key")
    s3_use_path_style: bool = Field(False, description="true for servers that expect the bucket in the path")
    s3_use_accelerate: bool = Field(
        False, description="true to send and read by S3 Transfer Acceleration, which must be on for the bucket"
    )
    s3_expiry_days: int = Field(
        7,
        ge=0,
        le=3650,
        description="Days until the bucket's lifecycle rule deletes objects under temp/; 0 means there is no rule",
    )
    local_retention_days: float | None = Field(
        None,
        gt=0,
        le=3650,
        description="Days to keep a transcribed video's local file; unset means S3_EXPIRY_DAYS, forever if that is 0",
    )
    cleanup_grace_hours: float = Field(
        24,
        ge=0,
        le=8760,
        description="Clean-up removes no file that is younger, or whose location was recorded more recently",
    )

    @field_validator("s3_video_prefix", "s3_upload_prefix")
    @classmethod
    def _is_prefix(cls, value: str) -> str:
        if re.fullmatch(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*/)+", value) is None:
            raise ValueError(
                "expected a relative prefix of letters, digits, . _ - that ends in /, such as temp/videos/"
            )
        return value

    @field_validator("s3_endpoint")
    @classmethod
    def _is_endpoint(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if "@" in value or host_of(value) is None:
            raise ValueError("expected an http(s) URL without a user name, such as https://s3.example.com")
        return value

    @property
    def has_bucket(self) -> bool:
        """Whether there is a bucket for the modes `s3` and `hybrid`."""
        return self.s3_media_bucket is not None


def storage_problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the storage settings that contradict each other, given their raw values."""
    mode = str(data.get("storage_mode") or StorageMode.LOCAL)
    prefixes = [str(data.get(name) or default) for name, default in _PREFIXES.items()]
    if prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0]):
        yield (
            "s3_upload_prefix",
            "it must not be in S3_VIDEO_PREFIX, nor that in it: each prefix is swept by its own rules",
        )
    has_bucket = bool(data.get("s3_media_bucket"))
    if mode in {StorageMode.S3, StorageMode.HYBRID} and not has_bucket:
        yield "s3_media_bucket", f"STORAGE_MODE={mode} needs it"
    if has_bucket and not (data.get("aws_region") or data.get("s3_endpoint")):
        yield "aws_region", "S3_MEDIA_BUCKET needs it (or S3_ENDPOINT, for another server than AWS)"
    if str(data.get("s3_use_accelerate") or "").strip().lower() in _YES:
        if data.get("s3_endpoint"):
            yield "s3_use_accelerate", "only Amazon S3 has it, and S3_ENDPOINT names another server"
        elif str(data.get("s3_use_path_style") or "").strip().lower() in _YES:
            yield "s3_use_accelerate", "it needs the bucket in the host's name, not S3_USE_PATH_STYLE=true"
        elif "." in str(data.get("s3_media_bucket") or ""):
            yield "s3_use_accelerate", "it needs a bucket whose name has no dot"
    for name, other in (("s3_access_key", "s3_secret_key"), ("s3_secret_key", "s3_access_key")):
        if data.get(other) and not data.get(name):
            yield name, f"it goes together with {other.upper()}, which is set"
