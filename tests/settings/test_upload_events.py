"""The settings of upload events, and which connection to the queue comes of them."""

from typing import Any

import pytest

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.settings.settings import Settings, load_settings
from bookmarkai_assets.wiring.upload_events import make_upload_inbox, queue_connection_of

QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/uploads"
KEYS = {"s3_access_key": "key", "s3_secret_key": "secret"}


def load(**settings: Any) -> Settings:
    """Load settings with a bucket and a queue."""
    known = {"s3_media_bucket": "media", "aws_region": "eu-central-1", "upload_events_queue_url": QUEUE}
    return load_settings(env_file=None, **{**known, **settings})


@pytest.mark.parametrize("url", ["sqs", "ftp://sqs/1/q", "https://sqs.example.com", "https://u:p@sqs.example.com/1/q"])
def test_a_queue_is_a_url_with_a_path(url: str) -> None:
    """An ARN or a name is none, and neither is the host alone."""
    with pytest.raises(ConfigurationError, match=r"UPLOAD_EVENTS_QUEUE_URL .*expected the http\(s\) URL of a queue"):
        load(upload_events_queue_url=url)


def test_a_queue_needs_a_bucket() -> None:
    """Whose events would it get?"""
    with pytest.raises(ConfigurationError, match=r"UPLOAD_EVENTS_QUEUE_URL .*it needs S3_MEDIA_BUCKET"):
        load(s3_media_bucket=None)


@pytest.mark.parametrize(
    ("endpoint", "access_key"),
    [
        (None, "key"),
        ("https://s3.example.com", None),
        ("https://sqs.eu-central-1.amazonaws.com", "key"),
    ],
)
def test_the_keys_of_another_s3_server_are_not_sent_to_the_queue(endpoint: str | None, access_key: str | None) -> None:
    """Amazon's are, and those of a server that is both."""
    connection = queue_connection_of(load(s3_endpoint=endpoint, **KEYS))
    assert connection is not None
    assert (connection.queue_url, connection.region) == (QUEUE, "eu-central-1")
    assert (connection.access_key is None) is (access_key is None) is (connection.secret_key is None)


def test_without_a_bucket_there_is_no_inbox() -> None:
    """And without a queue it has none."""
    assert make_upload_inbox(load_settings(env_file=None)) is None
    inbox = make_upload_inbox(load(upload_events_queue_url=None, upload_events_max_receives=4))
    assert inbox is not None
    assert inbox.queue is None
    assert (inbox.limits.bucket, inbox.limits.max_receives) == ("media", 4)
    assert getattr(make_upload_inbox(load()), "queue", None) is not None
