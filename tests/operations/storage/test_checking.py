"""The operators' test of a configuration: its steps, what it says when one fails, and that it cleans up."""

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from bookmarkai_assets.adapters.link_reader import read_link
from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.health import CheckResult, CheckStatus, TimedResult
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import StoredObject, StoreInspector
from bookmarkai_assets.operations.storage.checking import BackendCheck, Probing, check_backend
from tests.fakes.stores import FakeMediaStore, FakeObject
from tests.support.guarded_s3 import GuardedS3

PROBE = ["put", "head", "read range", "multipart", "presign", "download", "conflict", "delete", "gone"]
PASS, WARN, FAIL, SKIP = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.FAIL, CheckStatus.SKIP
DENIED = StoreError(StoreErrorClass.ACCESS_DENIED, "the operation needs s3:Something")
LINK_ROOT = "https://fake-bucket.example/"


class FakeInspector(StoreInspector):
    """Its checks end with the given statuses, and its trials call the given functions with their key."""

    def __init__(
        self,
        backend: Backend,
        trials: Mapping[str, Callable[[str], CheckResult]] | None = None,
        **statuses: CheckStatus,
    ) -> None:
        self._backend = backend
        self._trials = trials or {}
        self._statuses = statuses

    @property
    @override
    def backend(self) -> Backend:
        return self._backend

    @property
    @override
    def checks(self) -> Mapping[str, Callable[[], CheckResult]]:
        return {
            name: partial(CheckResult, status, f"{name} was checked", "do something about it")
            for name, status in self._statuses.items()
        }

    @override
    def trials(self, key: str) -> Mapping[str, Callable[[], CheckResult]]:
        return {name: partial(trial, key) for name, trial in self._trials.items()}


class ReplacingStore(FakeMediaStore):
    """A bucket that replaces what it must not replace."""

    @override
    def put(self, source: Path, key: str, *, may_replace: bool, **more: Any) -> StoredObject:
        return super().put(source, key, may_replace=True, **more)


@dataclass
class Check:
    """A check of a fake bucket, and what a test may do while it runs."""

    store: FakeMediaStore = field(default_factory=lambda: FakeMediaStore(Backend.S3))
    inspected: dict[str, CheckStatus] = field(default_factory=dict)
    trials: dict[str, Callable[[str], CheckResult]] = field(default_factory=dict)
    after: dict[str, Callable[[], object]] = field(default_factory=dict)
    random_bytes: Callable[[int], bytes] = os.urandom
    links: list[str] = field(default_factory=list)

    def run(self) -> BackendCheck:
        """Run the check's steps, calling the test's function after each."""
        return check_backend(
            FakeInspector(self.store.backend, self.trials, **self.inspected),
            self.store,
            Probing("temp/videos/", self.read_link, multipart_bytes=1 << 20, random_bytes=self.random_bytes),
            on_step=self._step_ended,
        )

    def _step_ended(self, step: TimedResult) -> None:
        self.after.get(step.name, lambda: None)()

    def read_link(self, link: str, *, max_bytes: int) -> bytes:
        """Read a link of the fake's."""
        self.links.append(link)
        key = link.removeprefix(LINK_ROOT).partition("?")[0]
        return self.store.objects[self.store.url_of(key)].data[:max_bytes]

    def rot(self) -> None:
        """Change what the store holds, behind its back."""
        for url, stored in list(self.store.objects.items()):
            self.store.rot(url, bytes(len(stored.data)))


@pytest.fixture
def check() -> Iterator[Check]:
    """Return a check of a fake bucket, and verify afterwards that every probe object is gone."""
    bench = Check()
    yield bench
    assert bench.store.objects == {}


def statuses(done: BackendCheck) -> dict[str, CheckStatus]:
    """Return each step's status."""
    return {step.name: step.result.status for step in done.steps}


def step_of(done: BackendCheck, name: str) -> TimedResult:
    """Return one step."""
    [step] = [step for step in done.steps if step.name == name]
    return step


def result_of(done: BackendCheck, name: str) -> CheckResult:
    """Return the result of one step."""
    return step_of(done, name).result


# --- What it does -----------------------------------------------------------------------------------------------------


def test_a_good_bucket_passes_every_step(check: Check) -> None:
    """The inspector's checks come first, in its order, and then the bucket is used as the pipeline uses it."""
    check.inspected = {"credentials": PASS, "bucket": PASS}
    done = check.run()
    assert [step.name for step in done.steps] == ["credentials", "bucket", *PROBE]
    assert set(statuses(done).values()) == {PASS}
    assert done.is_ok
    assert done.backend is Backend.S3


def test_the_probe_is_where_the_pipelines_objects_go(check: Check) -> None:
    """It is two objects named `storage-check-…` under the video prefix, with names that no other check has."""
    seen: list[set[str]] = []
    check.after["multipart"] = lambda: seen.append(set(check.store.objects))
    check.run()
    check.run()
    first, second = seen
    assert len(first) == len(second) == 2
    assert not first & second
    root = check.store.url_of("temp/videos/storage-check-")
    assert all(url.startswith(root) for url in first | second)


def test_the_directory_skips_what_it_does_not_support(tmp_path: Path) -> None:
    """The local store has no multipart uploads and no links; everything else is tried, and no file is left."""
    done = check_backend(
        FakeInspector(Backend.LOCAL),
        LocalStore(tmp_path / "media"),
        Probing("temp/videos/", read_link, multipart_bytes=1 << 20),
    )
    assert statuses(done) == dict.fromkeys(PROBE, PASS) | {"multipart": SKIP, "presign": SKIP}
    assert done.is_ok
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_real_bucket_passes_every_step(s3_store: S3Store, object_prefix: str) -> None:
    """Over HTTP it uses two parts and a public link, and leaves nothing."""
    done = check_backend(FakeInspector(Backend.S3), s3_store, Probing(f"temp/{object_prefix}", read_link))
    assert statuses(done) == dict.fromkeys(PROBE, PASS), done
    assert "MB/s" in result_of(done, "multipart").found
    assert "MB/s" in result_of(done, "download").found
    assert list(s3_store.list(f"temp/{object_prefix}")) == []


def test_the_time_of_each_step_is_reported() -> None:
    """Each step's seconds are its own, and steps are reported as they end."""
    ticks = count()
    reported: list[TimedResult] = []
    done = check_backend(
        FakeInspector(Backend.LOCAL, directory=PASS),
        FakeMediaStore(Backend.LOCAL),
        Probing("temp/", read_link, timer=lambda: float(next(ticks))),
        on_step=reported.append,
    )
    assert step_of(done, "directory").seconds == 1
    assert step_of(done, "download").seconds == 3  # it reads the timer twice itself, for the speed
    assert tuple(reported) == done.steps


def test_a_warning_is_no_failure(check: Check) -> None:
    """A good result may have warnings, each with its remedy."""
    check.inspected = {"encryption": WARN, "lifecycle": WARN}
    done = check.run()
    assert done.is_ok
    assert result_of(done, "encryption").status is WARN
    assert result_of(done, "encryption").remedy == "do something about it"


def test_trials_are_steps_and_their_object_goes_with_the_others(check: Check) -> None:
    """They come before the deletion, on an object of their own, which is deleted and checked for like the others."""
    seen: list[str] = []

    def try_at(key: str) -> CheckResult:
        url = check.store.url_of(key)
        seen.append(url)
        check.store.objects[url] = FakeObject(b"tried", "text/plain")
        return CheckResult(WARN, "the server ignores something")

    check.trials = {"conditions": try_at, "checksums": try_at}
    done = check.run()
    assert [step.name for step in done.steps] == [*PROBE[:-2], "conditions", "checksums", *PROBE[-2:]]
    assert statuses(done) == dict.fromkeys(PROBE, PASS) | dict.fromkeys(["conditions", "checksums"], WARN)
    assert len(set(seen)) == 1
    assert seen[0].startswith(check.store.url_of("temp/videos/storage-check-"))
    assert result_of(done, "delete").found == "3 probe objects"


# --- What it says when a step fails -----------------------------------------------------------------------------------


@pytest.mark.parametrize("failed", ["credentials", "bucket"])
def test_a_bucket_that_cannot_be_used_is_not_probed(check: Check, failed: str) -> None:
    """Steps that depend on a failed check are skipped with the first cause as the reason, and the others run."""
    checks = ["credentials", "bucket", "region", "encryption", "lifecycle", "clock"]
    check.inspected = dict.fromkeys(checks, PASS) | {failed: FAIL}
    check.store.fail_next("put", StoreError(StoreErrorClass.OTHER, "the store was asked"))
    done = check.run()
    at = checks.index(failed)
    assert statuses(done) == (
        dict.fromkeys(checks[:at], PASS)
        | {failed: FAIL}
        | dict.fromkeys(checks[at + 1 : -1], SKIP)
        | {"clock": PASS}
        | dict.fromkeys(PROBE, SKIP)
    )
    assert all(failed in step.result.found for step in done.steps if step.result.status is SKIP)
    assert not done.is_ok


def test_an_endpoint_that_does_not_answer_is_the_only_failure(check: Check) -> None:
    """Without it nothing else can be checked, neither the credentials nor the clock."""
    checks = ["endpoint", "credentials", "bucket", "region", "encryption", "lifecycle", "clock"]
    check.inspected = dict.fromkeys(checks, FAIL)
    check.store.fail_next("put", StoreError(StoreErrorClass.OTHER, "the store was asked"))
    done = check.run()
    assert statuses(done) == {"endpoint": FAIL} | dict.fromkeys([*checks[1:], *PROBE], SKIP)
    assert all("'endpoint' failed" in step.result.found for step in done.steps[1:])


def test_a_wrong_region_does_not_keep_the_bucket_from_being_probed(check: Check) -> None:
    """Other failed checks fail the whole, and skip nothing."""
    check.inspected = {"region": FAIL, "clock": FAIL}
    done = check.run()
    assert not done.is_ok
    assert {statuses(done)[name] for name in PROBE} == {PASS}


@pytest.mark.parametrize(
    ("operation", "failed", "skipped"),
    [
        ("put", ["put"], ["head", "read range", "multipart", "presign", "download", "conflict"]),
        ("head", ["head"], []),
        ("open", ["read range"], []),
        ("presign", ["presign"], []),
        ("get", ["download"], []),
    ],
)
def test_a_failed_step_says_why_and_the_probe_is_deleted_all_the_same(
    check: Check, operation: str, failed: list[str], skipped: list[str]
) -> None:
    """The store's own words name what is missing, and independent steps go on."""
    check.store.fail_next(operation, DENIED)
    done = check.run()
    assert statuses(done) == dict.fromkeys(PROBE, PASS) | dict.fromkeys(failed, FAIL) | dict.fromkeys(skipped, SKIP)
    assert result_of(done, failed[0]).found == str(DENIED)
    assert not done.is_ok


def test_a_store_that_replaces_other_bytes_is_found_out() -> None:
    """Other bytes under a key in use have to be a conflict."""
    done = Check(store=ReplacingStore(Backend.S3)).run()
    assert statuses(done) == dict.fromkeys(PROBE, PASS) | {"conflict": FAIL}
    assert "replaced what was there" in result_of(done, "conflict").found


def test_trials_do_not_need_a_put_that_succeeded(check: Check) -> None:
    """They say which header a server refuses, which is why the put failed."""
    check.trials = {"checksums": lambda _: CheckResult(FAIL, "the server refuses x-amz-checksum-crc64nvme")}
    check.store.fail_next("put", StoreError(StoreErrorClass.CONFIGURATION, "501"))
    done = check.run()
    assert statuses(done)["put"] is FAIL
    assert statuses(done)["checksums"] is FAIL
    assert statuses(done)["conflict"] is SKIP


def test_a_failed_multipart_leaves_the_small_probe_to_be_downloaded(check: Check) -> None:
    """The download uses the object that is there."""
    check.after["read range"] = lambda: check.store.fail_next("put", DENIED)
    done = check.run()
    assert statuses(done) == dict.fromkeys(PROBE, PASS) | {"multipart": FAIL}
    assert result_of(done, "download").found.startswith("65536 bytes")


def test_objects_that_cannot_be_deleted_are_named(check: Check) -> None:
    """Both objects are named, to be deleted by hand, and nobody checks whether they are gone."""
    urls: list[str] = []
    check.after["multipart"] = lambda: urls.extend(check.store.objects)
    check.store.fail_next("delete", DENIED, times=2)
    done = check.run()
    assert statuses(done) == dict.fromkeys(PROBE, PASS) | {"delete": FAIL, "gone": SKIP}
    assert result_of(done, "delete").found == str(DENIED)
    assert all(url in (result_of(done, "delete").remedy or "") for url in urls)
    assert set(check.store.objects) == set(urls)
    check.store.objects.clear()


def test_a_store_that_does_not_delete_is_noticed(check: Check) -> None:
    """An object that is there after its deletion fails the last step."""
    kept = dict(check.store.objects)
    check.after["multipart"] = lambda: kept.update(check.store.objects)
    check.after["delete"] = lambda: check.store.objects.update(kept)
    done = check.run()
    assert statuses(done) == dict.fromkeys(PROBE, PASS) | {"gone": FAIL}
    check.store.objects.clear()


def test_a_store_that_changes_bytes_is_noticed(check: Check) -> None:
    """A range, a link and a download with other bytes than were put each fail."""
    check.after["put"] = check.rot
    check.after["multipart"] = check.rot
    done = check.run()
    assert statuses(done) == dict.fromkeys(PROBE, PASS) | dict.fromkeys(["read range", "presign", "download"], FAIL)
    assert "do not trust it with media" in result_of(done, "read range").found


def test_a_store_that_records_another_digest_is_noticed() -> None:
    """A head that differs from the put fails."""
    store = FakeMediaStore(Backend.LOCAL)
    bench = Check(store=store)
    bench.after["put"] = bench.rot
    done = bench.run()
    assert statuses(done)["head"] is FAIL


def test_the_link_is_never_shown(check: Check) -> None:
    """Whether it works or not, no result contains the link."""
    good = check.run()
    check.after["multipart"] = check.rot
    bad = check.run()
    signatures = [link.partition("?")[2] for link in check.links]
    assert len(signatures) == 2
    assert not any(signature in f"{done}" for done in (good, bad) for signature in signatures)


def test_no_room_for_the_probe_is_a_failure(check: Check) -> None:
    """A full disk on this machine fails the step, and the result says which directory it is."""

    def full(size_bytes: int) -> bytes:
        if size_bytes < 1000:
            return os.urandom(size_bytes)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    check.random_bytes = full
    done = check.run()
    assert result_of(done, "put").status is FAIL
    assert "No space left" in result_of(done, "put").found
    assert "TMPDIR" in result_of(done, "put").found


@pytest.mark.parametrize("after", ["put", "multipart", "download"])
def test_an_interrupted_check_leaves_nothing(check: Check, after: str) -> None:
    """Ctrl-C in the middle deletes the probe objects on the way out."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    check.after[after] = interrupt
    with pytest.raises(KeyboardInterrupt):
        check.run()
    assert check.store.objects == {}


@pytest.mark.parametrize(
    ("missing", "failed"), [("s3:DeleteObject", "delete"), ("s3:PutObject", "put"), ("s3:GetObject", "put")]
)
def test_a_missing_permission_is_named(guarded_s3: GuardedS3, missing: str, failed: str) -> None:
    """The step that needs a denied permission names it; a put checks its permissions at the end."""
    every = {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"}
    store = S3Store(guarded_s3.bucket, **guarded_s3.connection_of(*every - {missing}))
    done = check_backend(FakeInspector(Backend.S3), store, Probing("temp/videos/", read_link, multipart_bytes=100_000))
    assert result_of(done, failed).status is FAIL
    assert missing in result_of(done, failed).found
