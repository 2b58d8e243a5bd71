"""Processes that take in uploads by events and are killed: one share each, none lost."""

import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.core.uploads.inbox import NoticeLimits
from bookmarkai_assets.operations.uploads.notices import take_in_notices
from tests.support.deadlines import HANG_SECONDS
from tests.support.event_server import EventServer, open_bucket, open_queue
from tests.support.notice_child import HIDDEN_SECONDS, WAIT_SECONDS
from tests.support.uploads import DATA, add_upload


@pytest.mark.parametrize(("dies", "made"), [("received", 0), ("taken_in", 10)])
def test_a_kill_between_receive_and_delete_loses_and_doubles_nothing(sqlite_url: str, dies: str, made: int) -> None:
    """Killed before the shares are made or after that, and before the messages are deleted: they come again."""
    with EventServer() as server, open_catalog(sqlite_url) as catalog:
        url = server.make_queue()
        bucket = server.make_bucket(url)
        open_queue(url).delete(open_queue(url).receive(wait_seconds=1, hidden_seconds=60))  # the test event
        uploads = [add_upload(catalog) for _ in range(12)]
        for upload in uploads:
            server.put(bucket, upload, DATA)

        command = [sys.executable, "-m", "tests.support.notice_child", sqlite_url, server.endpoint, bucket, url, dies]
        killed = subprocess.run(command, check=False, timeout=HANG_SECONDS)
        assert killed.returncode == -signal.SIGKILL
        assert catalog.shares.count() == made

        waiting = server.client("sqs")
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        while any(
            count != "0"
            for count in waiting.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()
        ):
            take_in_notices(
                catalog,
                open_bucket(server.endpoint, bucket),
                open_queue(url),
                NoticeLimits(bucket, HIDDEN_SECONDS, max_receives=10),
                clock=lambda: datetime.now(UTC),
                wait_seconds=WAIT_SECONDS,
                work_seconds=WAIT_SECONDS,
            )
        assert sorted(share.url for share in catalog.shares.list()) == sorted(upload.url for upload in uploads)
