"""What commands that work on media share: the settings, the catalog, the stores, and a name to hold leases under."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from bookmarkai_assets.operations.media_leases import MediaWork
from bookmarkai_assets.settings import load_settings
from bookmarkai_assets.wiring import make_rules, make_stores, open_catalog


@contextmanager
def media_work(command: str, *, group: str = "storage") -> Iterator[MediaWork]:
    """Give a command's hold on media.

    The lease's owner reads `{group} {command} {random}`, for who meets it in a message.
    """
    settings = load_settings()
    with open_catalog(settings) as catalog:
        yield MediaWork(
            catalog=catalog,
            rules=make_rules(settings),
            stores=make_stores(settings),
            owner=f"{group} {command} {uuid.uuid4().hex[:8]}",
            clock=lambda: datetime.now(UTC),
        )
