"""Sending files from this machine: once each, in parts, and on from where it broke off."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typing_extensions import override

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.uploads.ports import ArrivedPart
from bookmarkai_assets.operations.uploads.sending import Sender, SendOutcome
from tests.fakes.uploads import FakeUploads
from tests.support.catalog import USER

MP4 = "video/mp4"
PART = 16 << 20
LARGE = bytes(range(256)) * (2 * PART // 256) + b"the third part"


@pytest.fixture
def bucket() -> FakeUploads:
    """Return an empty bucket."""
    return FakeUploads()


@pytest.fixture
def sender(sqlite_catalog: OpenCatalog, bucket: FakeUploads) -> Sender:
    """Return a sender over it."""
    return Sender(
        catalog=sqlite_catalog,
        bucket=bucket,
        user_id=USER,
        max_bytes=1 << 30,
        clock=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid4()),
        threads=2,
    )


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    """Return a function that writes a file of these bytes."""

    def write_file(data: bytes) -> Path:
        path = tmp_path / "holiday.mp4"
        path.write_bytes(data)
        return path

    return write_file


def test_a_small_file_is_sent_at_once(
    sender: Sender, bucket: FakeUploads, sqlite_catalog: OpenCatalog, write: Callable[[bytes], Path]
) -> None:
    """It has a share afterwards, and nothing in parts was begun."""
    sent = sender.send(write(b"a video"), MP4)
    [share] = sqlite_catalog.shares.list()
    assert (sent.outcome, sent.share_id, sent.sent_bytes) == (SendOutcome.UPLOADED, share.share_id, 7)
    assert (share.title, share.user_id) == ("holiday.mp4", USER)
    assert list(bucket.objects.values()) == [b"a video"]


def test_a_large_file_is_sent_in_parts_and_every_byte_is_counted(
    sender: Sender, bucket: FakeUploads, write: Callable[[bytes], Path]
) -> None:
    """The object has the file's bytes. What was read and what was sent both add up to its size."""
    read: list[int] = []
    counted: list[int] = []
    sent = sender.send(write(LARGE), MP4, on_read=read.append, on_sent=counted.append)
    assert (sent.outcome, sent.sent_bytes) == (SendOutcome.UPLOADED, len(LARGE))
    assert sum(read) == sum(counted) == len(LARGE)
    assert list(bucket.objects.values()) == [LARGE]


class _Failing(FakeUploads):
    """A bucket that takes one part and then fails, until it is mended."""

    is_mended = False

    @override
    def send_part(self, *arguments: Any) -> ArrivedPart:
        if not self.is_mended and any(parts.data for parts in self.multiparts.values()):
            raise StoreError(StoreErrorClass.UNAVAILABLE, "no answer")
        return super().send_part(*arguments)


def test_a_file_goes_on_from_where_it_broke_off(sqlite_catalog: OpenCatalog, write: Callable[[bytes], Path]) -> None:
    """Parts that are in the bucket are not sent again, and there is one upload and one share in the end."""
    bucket = _Failing()
    sender = Sender(sqlite_catalog, bucket, USER, 1 << 30, lambda: datetime.now(UTC), lambda: str(uuid4()), threads=1)
    file = write(LARGE)
    broken = sender.send(file, MP4)
    assert (broken.outcome, broken.detail) == (SendOutcome.FAILED, "no answer")
    bucket.is_mended = True
    counted: list[int] = []

    sent = sender.send(file, MP4, on_sent=counted.append)

    assert (sent.outcome, sent.sent_bytes) == (SendOutcome.UPLOADED, len(LARGE) - PART)
    assert sum(counted) == len(LARGE)
    assert list(bucket.objects.values()) == [LARGE]
    assert sqlite_catalog.shares.count() == 1


def test_a_file_that_is_on_its_way_is_not_sent_again(
    sender: Sender, sqlite_catalog: OpenCatalog, write: Callable[[bytes], Path]
) -> None:
    """An object that arrived without a share, because its sender died, gets it by sending again."""
    file = write(b"a video")
    first = sender.send(file, MP4)
    with sqlite_catalog.database.writing() as connection:
        connection.exec_driver_sql("UPDATE uploads SET status = 'arrived', share_id = NULL")
        connection.exec_driver_sql("DELETE FROM shares")
    again = sender.send(file, MP4)
    assert (again.outcome, again.upload_id, again.sent_bytes) == (SendOutcome.UPLOADED, first.upload_id, 0)


def test_a_file_that_is_changed_meanwhile_fails(
    sender: Sender, sqlite_catalog: OpenCatalog, write: Callable[[bytes], Path]
) -> None:
    """Its upload is given up, and no share is made of a mixture."""
    file = write(b"a video")
    sent = sender.send(file, MP4, on_sent=lambda _: file.write_bytes(b"another"))
    assert sent.outcome is SendOutcome.FAILED
    assert "was changed while it was sent" in (sent.detail or "")
    found = sqlite_catalog.uploads.get(sent.upload_id or "")
    assert found is not None
    assert found.status == "abandoned"
    assert sqlite_catalog.shares.count() == 0


@pytest.mark.parametrize(("data", "content_type"), [(b"", MP4), (b"a text", "text/plain")])
def test_what_cannot_be_uploaded_is_refused(
    sender: Sender, bucket: FakeUploads, write: Callable[[bytes], Path], data: bytes, content_type: str
) -> None:
    """Before a byte is sent, with the reason."""
    sent = sender.send(write(data), content_type)
    assert sent.outcome is SendOutcome.REFUSED
    assert (sent.detail or "").startswith("expected ")
    assert bucket.objects == {}


def test_a_failing_bucket_is_an_outcome(sender: Sender, bucket: FakeUploads, write: Callable[[bytes], Path]) -> None:
    """So that the other files of a command go on."""
    bucket.failure = StoreError(StoreErrorClass.UNAVAILABLE, "no answer")
    sent = sender.send(write(LARGE), MP4)
    assert (sent.outcome, sent.detail) == (SendOutcome.FAILED, "no answer")
