"""A decision of the rollout counts from the next placement on, and every placement names its decision."""

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.core.errors import CatalogUnavailableError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.media.placement import Backend, StorageMode, StoragePolicy
from bookmarkai_assets.core.media.ports import MediaStore
from bookmarkai_assets.core.outcomes import Failure
from bookmarkai_assets.core.rollout.stages import Action, Decision, Stage
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.operations.rollout import current_policy as module
from bookmarkai_assets.operations.rollout.current_policy import (
    PlacementOverruledError,
    PolicyWatch,
    current_policy,
)
from tests.plugins.vault import Vault
from tests.support.s3_bench import PART, make_store

EVERYTHING, NOTHING, SHADOW = Stage(100), Stage(0), Stage(0, is_shadow=True)


def decide(vault: Vault, stage: Stage | None, *, is_rolled_back: bool = False) -> Decision:
    """Record a decision as an operator's command does."""
    last = vault.catalog.rollout.history(limit=1)
    return vault.catalog.rollout.append(
        Decision(
            action=Action.ROLLBACK if is_rolled_back else Action.SET,
            stage=stage,
            is_rolled_back=is_rolled_back,
            decided_at=vault.clock(),
            decided_by="operator",
            actor="test",
            reason="test",
            previous_id=last[-1].decision_id if last else None,
        )
    )


def placed(vault: Vault, name: str) -> Media:
    """Share a video and have it placed by the current policy."""
    result = vault.run(vault.share(name), "fetch", "place")["place"]
    assert isinstance(result, Media), result
    return vault.media(result)


def test_the_recorded_stage_decides_in_hybrid_and_is_named(vault: Vault) -> None:
    """Each media's record names the decision under which it was placed, and without one the settings alone decide."""
    vault.use(StorageMode.HYBRID, 100)
    assert placed(vault, "before").placement is not None
    first, second = decide(vault, NOTHING), decide(vault, EVERYTHING)

    after = placed(vault, "after")

    before = vault.media_of("before")
    assert before is not None
    assert before.placement is not None
    assert (before.backend, before.placement.decision_id) == (Backend.S3, None)
    assert after.placement is not None
    assert (after.backend, after.placement.percentage) == (Backend.S3, 100)
    assert after.placement.decision_id == second.decision_id != first.decision_id
    assert f"rollout decision {second.decision_id}" in after.placement.reason


@pytest.mark.parametrize("mode", list(StorageMode))
def test_a_rollback_is_local_from_the_next_placement_on(vault: Vault, mode: StorageMode) -> None:
    """This holds whatever the settings say, and while S3 does not answer at all."""
    vault.use(mode, 100)
    decide(vault, EVERYTHING, is_rolled_back=True)
    for operation in ("head", "put"):
        vault.s3.fail_next(operation, StoreError(StoreErrorClass.UNAVAILABLE, "503"), times=100)

    assert placed(vault, "a").backend is Backend.LOCAL
    assert vault.s3.objects == {}


def test_storage_mode_local_needs_no_catalog(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """In that mode the recorded decisions are not read."""
    vault.use(StorageMode.LOCAL)
    decide(vault, EVERYTHING)
    monkeypatch.setattr(type(vault.catalog.rollout), "standing", _unreachable)

    assert current_policy(vault.catalog, vault.rules).mode is StorageMode.LOCAL


def _unreachable(_self: object) -> None:
    raise AssertionError("asked")


def test_each_share_keeps_its_side_when_the_stage_goes_down_and_up(vault: Vault) -> None:
    """A lower stage moves nothing that is placed, and the sensor's runs leave it where it is."""
    vault.use(StorageMode.HYBRID)
    decide(vault, EVERYTHING)
    media = placed(vault, "a")
    decide(vault, EVERYTHING, is_rolled_back=True)

    vault.run(media.share_id, "place", claim_id="claim")
    assert vault.media(media).backend is Backend.S3

    decide(vault, EVERYTHING)
    vault.run(media.share_id, "place", claim_id="claim")
    assert vault.media(media) == media


def test_the_shadow_stage_copies_compares_and_serves_local(vault: Vault) -> None:
    """Both backends have the bytes, the record says local, and each transfer is recorded with the purpose shadow."""
    vault.use(StorageMode.HYBRID)
    decide(vault, SHADOW)

    media = placed(vault, "a")

    assert media.backend is Backend.LOCAL
    copies = {key: found.data for key, found in vault.s3.objects.items()}
    assert len(copies) == 2, "the video and its audio track"
    assert Path(media.video.url).read_bytes() in copies.values()
    shadowed = [
        (event.operation, event.backend, event.kind, event.error_class)
        for event in vault.catalog.events.for_share(media.share_id)
        if event.purpose == "shadow"
    ]
    assert shadowed == [(operation, "s3", kind, None) for kind in ("video", "audio") for operation in ("put", "get")]
    assert vault.verify(is_deep=True).is_good


@pytest.fixture(autouse=True)
def warnings_are_caught(caplog: pytest.LogCaptureFixture) -> None:
    """Catch warnings, whatever level an earlier test of this worker has left to the root logger."""
    caplog.set_level(logging.WARNING)


@pytest.mark.parametrize("operation", ["put", "get"])
def test_a_failing_shadow_fails_no_share(vault: Vault, operation: str, caplog: pytest.LogCaptureFixture) -> None:
    """The share is stored and done, and the failure is an event for the gate and a line in the log."""
    vault.use(StorageMode.HYBRID)
    decide(vault, SHADOW)
    vault.s3.fail_next(operation, StoreError(StoreErrorClass.ACCESS_DENIED, "403"))

    media = placed(vault, "a")

    assert media.backend is Backend.LOCAL
    failed = [event for event in vault.catalog.events.for_share(media.share_id) if event.error_class]
    assert [(event.operation, event.purpose, event.error_class) for event in failed] == [
        (operation, "shadow", "access_denied")
    ]
    assert "shadow copy" in caplog.text


def test_a_media_of_the_shadow_stage_moves_without_another_upload(vault: Vault) -> None:
    """Later a move finds the bytes at the target, verified, and only changes the record."""
    vault.use(StorageMode.HYBRID)
    decide(vault, SHADOW)
    media = placed(vault, "a")

    vault.move(media, to=Backend.S3)

    assert vault.media(media).backend is Backend.S3
    assert not [e for e in vault.catalog.events.for_share(media.share_id) if e.purpose == "move" and e.backend == "s3"]


@pytest.fixture
def reading_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the policy after every part instead of after a second."""
    monkeypatch.setattr(module, "CHECK_EVERY_SECONDS", 0)


@pytest.mark.usefixtures("reading_at_once")
def test_a_rollback_ends_an_upload_in_progress(vault: Vault, seaweed: SeaweedServer) -> None:
    """The multipart upload is aborted, the share is placed locally at once, and the gate counts no failure."""
    store = make_store(seaweed, seaweed.endpoint)
    watched: Any = _RollingBack(store, lambda: decide(vault, EVERYTHING, is_rolled_back=True))
    vault.stores[Backend.S3] = watched
    vault.use(StorageMode.S3)
    share_id = vault.share("large")
    vault.downloader.serve("https://example.com/large", video=b"\x00" * (10 * PART))

    result = vault.run(share_id, "fetch", "place")["place"]

    assert not isinstance(result, Failure)
    media = vault.media(result)
    assert media.backend is Backend.LOCAL
    assert Path(media.video.url).stat().st_size == 10 * PART
    assert list(store.leftovers(media.video.key, begun_before=vault.clock() + timedelta(days=1))) == []
    assert list(store.list(media.video.key)) == []
    ended = [event for event in vault.catalog.events.for_share(share_id) if event.error_class]
    assert [(event.backend, event.error_class) for event in ended] == [("s3", "interrupted")]


class _RollingBack:
    """A store during whose first put somebody rolls the rollout back."""

    def __init__(self, store: MediaStore, roll_back: Callable[[], object]) -> None:
        self._store = store
        self._roll_back = roll_back

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, *arguments: Any, on_bytes: Callable[[int], object], **options: Any) -> Any:
        def roll_back_once(size_bytes: int) -> None:
            self._roll_back()
            self._roll_back = lambda: None
            on_bytes(size_bytes)

        return self._store.put(*arguments, on_bytes=roll_back_once, **options)


@pytest.mark.usefixtures("reading_at_once")
def test_a_rollback_ends_a_persons_move_by_policy(vault: Vault) -> None:
    """A stored media that is materialized again under a higher stage stays local when that is rolled back meanwhile."""
    vault.use(StorageMode.HYBRID)
    media = placed(vault, "a")
    decide(vault, EVERYTHING)
    watched: Any = _RollingBack(vault.s3, lambda: decide(vault, EVERYTHING, is_rolled_back=True))
    vault.stores[Backend.S3] = watched

    result = vault.run(media.share_id, "place")["place"]

    assert isinstance(result, Media), result
    assert vault.media(media) == media
    ended = [event for event in vault.catalog.events.for_share(media.share_id) if event.error_class]
    assert [(event.purpose, event.error_class) for event in ended] == [("move", "interrupted")]


@pytest.mark.usefixtures("reading_at_once")
def test_a_rollback_ends_a_shadow_copy_in_progress(vault: Vault, caplog: pytest.LogCaptureFixture) -> None:
    """The rest of the copy does not go to S3, the share has its local file, and nothing counts as a failure."""
    vault.use(StorageMode.HYBRID)
    decide(vault, SHADOW)
    watched: Any = _RollingBack(vault.s3, lambda: decide(vault, SHADOW, is_rolled_back=True))
    vault.stores[Backend.S3] = watched

    media = placed(vault, "a")

    assert media.backend is Backend.LOCAL
    shadowed = [e for e in vault.catalog.events.for_share(media.share_id) if e.purpose == "shadow"]
    assert [(event.operation, event.kind, event.error_class) for event in shadowed] == [("put", "video", "interrupted")]
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.usefixtures("reading_at_once")
def test_a_catalog_that_does_not_answer_ends_no_upload(caplog: pytest.LogCaptureFixture) -> None:
    """It is no failure of S3, so the gate must not count one, and the log says that the policy could not be read."""

    def unavailable() -> StoragePolicy:
        raise CatalogUnavailableError("it is locked")

    PolicyWatch(unavailable, lambda _: False)(1)

    assert "it is locked" in caplog.text


def test_an_upload_that_is_overruled_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """All threads of an upload ask the same watch, and each of them has to end."""
    monkeypatch.setattr("bookmarkai_assets.operations.rollout.current_policy.CHECK_EVERY_SECONDS", 0.0)
    watch = PolicyWatch(lambda: StoragePolicy(StorageMode.LOCAL, 0), lambda _: False)
    with pytest.raises(PlacementOverruledError):
        watch(0)
    monkeypatch.setattr("bookmarkai_assets.operations.rollout.current_policy.CHECK_EVERY_SECONDS", 3600.0)
    with pytest.raises(PlacementOverruledError):
        watch(0)
