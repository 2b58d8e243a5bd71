"""The storage check as the doctor tells it: looks one by one, transfers as one, and probes gone when time runs out."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from bookmarkai_assets.adapters.link_reader import read_link
from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.health import CheckStatus
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import Inspection, InspectionStatus, StoredObject, StoreInspector
from bookmarkai_assets.operations.health.doctor import Check, examine
from bookmarkai_assets.operations.health.storage_health import storage_health
from bookmarkai_assets.operations.storage.checking import Probing
from tests.fakes.stores import FakeMediaStore
from tests.support.deadlines import HANG_SECONDS
from tests.support.guarded_s3 import GuardedS3


@dataclass
class FakeInspector(StoreInspector):
    """Finds what it was told, by name."""

    findings: Mapping[str, Inspection] = field(default_factory=dict)

    @property
    @override
    def backend(self) -> Backend:
        return Backend.S3

    @property
    @override
    def looks(self) -> Mapping[str, Callable[[str], Inspection]]:
        return {name: lambda name: self.findings[name] for name in self.findings}


def no_links(link: str, *, max_bytes: int) -> bytes:  # noqa: ARG001 - the port names it
    """Refuse, as where a bucket's links cannot be reached."""
    raise StoreError(StoreErrorClass.UNAVAILABLE, f"no link of {max_bytes} bytes works here")


def check_of(store: FakeMediaStore, **findings: Inspection) -> Check:
    """Make the check of a fake bucket whose links do not work."""
    return storage_health(FakeInspector(findings), store, Probing("temp/videos/", no_links))


def test_a_failure_among_transfers_is_told_with_its_step() -> None:
    """One line for all of them; the command that tells more is the storage check's, and nothing stays."""
    store = FakeMediaStore(Backend.S3)
    [result] = examine([check_of(store)])
    finding = result.finding
    assert (finding.name, finding.status) == ("s3 transfers", CheckStatus.FAIL)
    assert finding.found.startswith("presign: ")
    assert finding.command == "bookmarkai storage check"
    assert store.objects == {}


def test_a_missing_permission_is_named(guarded_s3: GuardedS3) -> None:
    """Who may only look fails with the first thing that is to be put, and what is wanted has its name in IAM."""
    store = S3Store(guarded_s3.bucket, **guarded_s3.connection_of("s3:ListBucket", "s3:GetObject"))
    [result] = examine([storage_health(FakeInspector(), store, Probing("temp/videos/", read_link))])
    assert result.finding.status is CheckStatus.FAIL
    assert result.finding.found.startswith("put: ")
    assert "s3:PutObject" in result.finding.found


@pytest.mark.parametrize(
    ("remedy", "words", "command"),
    [
        ("set S3_MEDIA_BUCKET", "set S3_MEDIA_BUCKET", None),
        ("this sets all rules:\naws s3api put-it", "this sets all rules:", "aws s3api put-it"),
        ("aws s3api put-it", None, "aws s3api put-it"),
        (None, None, None),
    ],
)
def test_remedies_and_commands_are_told_apart(remedy: str | None, words: str | None, command: str | None) -> None:
    """A command is what begins as AWS's own program does, on a line of its own."""
    look = Inspection("lifecycle", InspectionStatus.WARNING, "no rule", remedy)
    first, _ = examine([check_of(FakeMediaStore(Backend.S3), lifecycle=look)])
    assert (first.finding.name, first.finding.status) == ("s3 lifecycle", CheckStatus.WARN)
    assert (first.finding.remedy, first.finding.command) == (words, command)


def test_a_bucket_that_failed_a_look_is_not_put_to() -> None:
    """The transfers are skipped with the cause, and not called a success."""
    store = FakeMediaStore(Backend.S3)
    look = Inspection("bucket", InspectionStatus.FAILED, "no such bucket", None)
    _, transfers = examine([check_of(store, bucket=look)])
    assert transfers.finding.status is CheckStatus.SKIP
    assert "'bucket'" in transfers.finding.found


class SlowStore(FakeMediaStore):
    """Stores, and answers only when it is let go."""

    def __init__(self) -> None:
        super().__init__(Backend.S3)
        self.let_go = threading.Event()

    @override
    def put(self, source: Path, key: str, **options: Any) -> StoredObject:
        stored = super().put(source, key, **options)
        self.let_go.wait(HANG_SECONDS)
        return stored


def test_probes_are_deleted_when_time_runs_out() -> None:
    """The store was too slow for the limit; what it took is gone before the command ends."""
    store = SlowStore()
    check = check_of(store)
    hurried = Check(check.names, check.look, limit_seconds=0.3)
    [result] = examine([hurried], on_result=lambda _: store.let_go.set(), end_seconds=HANG_SECONDS)
    assert result.finding.status is CheckStatus.FAIL
    assert "within 0.3 s" in result.finding.found
    assert store.objects == {}
