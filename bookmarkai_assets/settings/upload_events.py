"""Settings for how it is learned that an upload has arrived: the queue of the bucket's events, or asking for them."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from bookmarkai_assets.settings.types import Problem, SettingsPart, host_of


class UploadEventSettings(SettingsPart):
    """The settings of the sensor `uploaded_media`."""

    upload_events_queue_url: str | None = Field(
        None,
        description="http(s) URL of the SQS queue of the bucket's events; unset means that the bucket is asked for "
        "each upload",
    )
    upload_events_visibility_seconds: int = Field(
        120,
        ge=10,
        le=43_200,
        description="Seconds that a message is hidden while its upload is taken in; extended while that goes on",
    )
    upload_events_max_receives: int = Field(
        5,
        ge=2,
        le=1000,
        description="Receives after which a message that cannot be read is deleted, if the queue has no dead-letter "
        "queue",
    )
    upload_poll_seconds: int = Field(
        30,
        ge=5,
        le=3600,
        description="Seconds between two rounds in which the bucket is asked for uploads that have arrived, without a "
        "queue",
    )

    @field_validator("upload_events_queue_url")
    @classmethod
    def _is_queue(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if "@" in value or host_of(value) is None or not urlsplit(value).path.strip("/"):
            raise ValueError(
                "expected the http(s) URL of a queue, such as https://sqs.eu-central-1.amazonaws.com/123456789012/uploads"
            )
        return value


def upload_event_problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the settings of upload events that contradict others, given their raw values."""
    if data.get("upload_events_queue_url") and not data.get("s3_media_bucket"):
        yield "upload_events_queue_url", "it needs S3_MEDIA_BUCKET, whose events it gets"
