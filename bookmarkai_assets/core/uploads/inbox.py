"""Where uploads arrive, as plain values over the ports."""

from dataclasses import dataclass

from bookmarkai_assets.core.uploads.ports import UploadedObjects
from bookmarkai_assets.core.uploads.queue import NoticeQueue


@dataclass(frozen=True)
class NoticeLimits:
    """How messages are received. `bucket` is whose events count.

    Messages are hidden for `hidden_seconds` at a time. `max_receives` is after how many one that cannot be read is
    dropped, unless the queue puts it aside.
    """

    bucket: str
    hidden_seconds: int
    max_receives: int


@dataclass(frozen=True)
class UploadInbox:
    """The bucket's prefix, the queue of its events if there is one, and how its messages are received."""

    objects: UploadedObjects
    queue: NoticeQueue | None
    limits: NoticeLimits
