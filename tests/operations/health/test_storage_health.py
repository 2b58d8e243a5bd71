"""The storage check in the doctor: a result for each check of the inspector, one for all transfers, no probe left."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from bookmarkai_assets.adapters.link_reader import read_link
from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import StoredObject, StoreInspector
from bookmarkai_assets.operations.health.doctor import Check, run_checks
from bookmarkai_assets.operations.health.storage_health import make_storage_check
from bookmarkai_assets.operations.storage.checking import Probing
from tests.fakes.stores import FakeMediaStore
from tests.support.deadlines import HANG_SECONDS
from tests.support.guarded_s3 import GuardedS3


@dataclass
class FakeInspector(StoreInspector):
    """Its checks have the given results."""

    results: Mapping[str, CheckResult] = field(default_factory=dict)

    @property
    @override
    def backend(self) -> Backend:
        return Backend.S3

    @property
    @override
    def checks(self) -> Mapping[str, Callable[[], CheckResult]]:
        return {name: partial(self.results.__getitem__, name) for name in self.results}


def no_links(link: str, *, max_bytes: int) -> bytes:  # noqa: ARG001 - the port names it
    """Refuse, as where a bucket's links cannot be reached."""
    raise StoreError(StoreErrorClass.UNAVAILABLE, f"no link of {max_bytes} bytes works here")


def check_of(store: FakeMediaStore, **results: CheckResult) -> Check:
    """Return the check of a fake bucket whose links do not work."""
    return make_storage_check(FakeInspector(results), store, Probing("temp/videos/", no_links))


def test_a_failure_among_transfers_is_shown_with_its_step() -> None:
    """One result covers all transfers, the storage check is the command that shows more, and nothing is left."""
    store = FakeMediaStore(Backend.S3)
    [transfers] = run_checks([check_of(store)])
    result = transfers.result
    assert (transfers.name, result.status) == ("s3 transfers", CheckStatus.FAIL)
    assert result.found.startswith("presign: ")
    assert result.command == "bookmarkai storage check"
    assert store.objects == {}


def test_a_missing_permission_is_named(guarded_s3: GuardedS3) -> None:
    """Credentials that may only read fail at the first put, and the missing permission is named as in IAM."""
    store = S3Store(guarded_s3.bucket, **guarded_s3.connection_of("s3:ListBucket", "s3:GetObject"))
    [timed] = run_checks([make_storage_check(FakeInspector(), store, Probing("temp/videos/", read_link))])
    assert timed.result.status is CheckStatus.FAIL
    assert timed.result.found.startswith("put: ")
    assert "s3:PutObject" in timed.result.found


@pytest.mark.parametrize(
    ("remedy", "command"),
    [
        ("set S3_MEDIA_BUCKET", None),
        ("this sets all rules:", "aws s3api put-it"),
        (None, "aws s3api put-it"),
        (None, None),
    ],
)
def test_remedies_and_commands_stay_apart(remedy: str | None, command: str | None) -> None:
    """An inspector's result is reported as it is, with the backend before its name."""
    warning = CheckResult(CheckStatus.WARN, "no rule", remedy, command)
    first, _ = run_checks([check_of(FakeMediaStore(Backend.S3), lifecycle=warning)])
    assert (first.name, first.result.status) == ("s3 lifecycle", CheckStatus.WARN)
    assert (first.result.remedy, first.result.command) == (remedy, command)


def test_a_bucket_that_failed_a_check_is_not_put_to() -> None:
    """The transfers are skipped with the cause, and not called a success."""
    store = FakeMediaStore(Backend.S3)
    _, transfers = run_checks([check_of(store, bucket=CheckResult(CheckStatus.FAIL, "no such bucket"))])
    assert transfers.result.status is CheckStatus.SKIP
    assert "'bucket'" in transfers.result.found


class DoubtedInspector(FakeInspector):
    """An inspector whose only trial ends with a warning."""

    @override
    def trials(self, key: str) -> Mapping[str, Callable[[], CheckResult]]:
        return {"checksums": lambda: CheckResult(CheckStatus.WARN, "the server keeps none", "read the page")}


def test_a_warning_of_a_trial_is_not_called_a_success() -> None:
    """Without a failure, the transfers' result is the first warning among them."""
    store = FakeMediaStore(Backend.S3)

    def read_from_store(link: str, *, max_bytes: int) -> bytes:
        [url] = [url for url in store.objects if url.removeprefix("s3://fake-bucket/") in link]
        return store.objects[url].data[:max_bytes]

    [timed] = run_checks([make_storage_check(DoubtedInspector(), store, Probing("temp/videos/", read_from_store))])
    assert timed.result.status is CheckStatus.WARN
    assert timed.result.found == "checksums: the server keeps none"
    assert timed.result.remedy == "read the page"


class SlowStore(FakeMediaStore):
    """A store that does not answer until it may."""

    def __init__(self) -> None:
        super().__init__(Backend.S3)
        self.let_go = threading.Event()

    @override
    def put(self, source: Path, key: str, **options: Any) -> StoredObject:
        stored = super().put(source, key, **options)
        self.let_go.wait(HANG_SECONDS)
        return stored


def test_probes_are_deleted_when_time_runs_out() -> None:
    """The store was too slow for the limit, and what it stored is deleted before the command ends."""
    store = SlowStore()
    check = check_of(store)
    hurried = Check(check.names, check.run, limit_seconds=0.3)
    [timed] = run_checks([hurried], on_result=lambda _: store.let_go.set(), end_seconds=HANG_SECONDS)
    assert timed.result.status is CheckStatus.FAIL
    assert "within 0.3 s" in timed.result.found
    assert store.objects == {}
