"""Make what uploads arrive in: the bucket's prefix, and the queue of its events."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bookmarkai_assets.core.uploads.inbox import NoticeLimits, UploadInbox
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.wiring.storage import connection_of, make_uploads

if TYPE_CHECKING:
    from bookmarkai_assets.adapters.sqs_queue.client import Connection


def make_upload_inbox(settings: Settings) -> UploadInbox | None:
    """Make the inbox of uploads; None without a bucket."""
    from bookmarkai_assets.adapters.sqs_queue import SqsQueue  # noqa: PLC0415 - adapters load when used

    objects = make_uploads(settings)
    if objects is None:
        return None
    connection = queue_connection_of(settings)
    limits = NoticeLimits(
        bucket=settings.s3_media_bucket or "",
        hidden_seconds=settings.upload_events_visibility_seconds,
        max_receives=settings.upload_events_max_receives,
    )
    return UploadInbox(objects, None if connection is None else SqsQueue(connection), limits)


def queue_connection_of(settings: Settings) -> "Connection | None":
    """Return how to reach the queue; None without one.

    The keys for S3 are the queue's too if they are AWS's, or if one server is both. Else they are none of its business.
    """
    from bookmarkai_assets.adapters.sqs_queue.client import Connection  # noqa: PLC0415 - adapters load when used

    if settings.upload_events_queue_url is None:
        return None
    s3 = connection_of(settings)
    url = settings.upload_events_queue_url
    is_same = s3["endpoint"] is None or urlsplit(s3["endpoint"]).netloc == urlsplit(url).netloc
    return Connection(
        url,
        region=s3["region"],
        access_key=s3["access_key"] if is_same else None,
        secret_key=s3["secret_key"] if is_same else None,
    )
