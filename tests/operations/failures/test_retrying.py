"""Retried shares: which become due, and that only a lost video is fetched again."""

from pathlib import Path

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Media, MediaState
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.operations.failures.retrying import RetriedShares, retry_shares
from tests.plugins.vault import Vault

STEPS = ("fetch", "place", "transcribe")


def retry(vault: Vault, *share_ids: str) -> RetriedShares:
    """Retry shares as `bookmarkai shares retry` does."""
    return retry_shares(vault.catalog, vault.stores, vault.rules, share_ids, now=vault.clock())


def lose(vault: Vault, media: Media) -> None:
    """Remove a media's bytes from their recorded location, past all checks."""
    for blob in vault.media(media).parts.values():
        vault.stores[vault.media(media).backend or Backend.LOCAL].delete(blob.url)


def due_ids(vault: Vault) -> list[str]:
    """List the shares that the sensor would claim."""
    return [share.share_id for share in vault.catalog.work.due(now=vault.clock(), limit=10)]


@pytest.mark.parametrize("backend", list(Backend))
def test_a_lost_video_is_fetched_again(vault: Vault, backend: Backend) -> None:
    """The share is due, its run downloads, stores and finishes it, and the catalog verifies again."""
    media = vault.store("a", backend)
    lose(vault, media)
    assert not vault.verify().is_good

    assert retry(vault, media.share_id) == RetriedShares([media.share_id], frozenset([media.share_id]))

    assert vault.media(media) == media, "asking again changes no record of a media"
    assert due_ids(vault) == [media.share_id]
    vault.run(media.share_id, *STEPS)
    assert vault.verify(is_deep=True).is_good
    assert vault.media(media).state is MediaState.STORED
    assert vault.catalog.shares.get(media.share_id).status == "done"
    assert due_ids(vault) == []


def test_a_truncated_file_counts_as_lost(vault: Vault) -> None:
    """Other bytes at the recorded location are not the video, and the one that is fetched again replaces them."""
    media = vault.store("a")
    Path(media.video.url).write_bytes(b"short")
    assert retry(vault, media.share_id).changed == [media.share_id]
    vault.run(media.share_id, *STEPS)
    assert vault.verify(is_deep=True).is_good


@pytest.mark.parametrize("backend", list(Backend))
def test_a_video_that_some_backend_has_is_left_alone(vault: Vault, backend: Backend) -> None:
    """With the bytes at the recorded location, or a second copy in the other backend, nothing becomes due."""
    media = vault.store("a", backend)
    other = Backend.LOCAL if backend is Backend.S3 else Backend.S3
    assert retry(vault, media.share_id).changed == []
    vault.move(media, to=other)
    lose(vault, media)

    assert retry(vault, media.share_id) == RetriedShares(
        [], unchanged={media.share_id: "unknown, done, or being worked on"}
    )
    assert due_ids(vault) == []


@pytest.mark.parametrize("backend", list(Backend))
def test_a_store_that_does_not_answer_is_no_proof(vault: Vault, backend: Backend) -> None:
    """Wherever the video is recorded, the bucket has to answer that it does not have it."""
    media = vault.store("a", backend)
    lose(vault, media)
    vault.s3.fail_next("head", StoreError(StoreErrorClass.UNAVAILABLE, "503"), times=2)

    done = retry(vault, media.share_id)

    assert done.changed == []
    assert "503" in done.unchanged[media.share_id]
    assert due_ids(vault) == []


def test_bytes_that_come_back_before_the_run_are_not_fetched_again(vault: Vault) -> None:
    """The run checks again under its lease, so a disk that was mounted meanwhile saves the download."""
    media = vault.store("a")
    aside = vault.directory / "aside"
    Path(media.video.url).rename(aside)
    assert retry(vault, media.share_id).changed == [media.share_id]
    aside.rename(media.video.url)
    calls = len(vault.downloader.calls)

    vault.run(media.share_id, *STEPS)

    assert len(vault.downloader.calls) == calls
    assert vault.catalog.shares.get(media.share_id).status == "done"
    assert vault.verify(is_deep=True).is_good


def test_each_share_is_checked_by_itself(vault: Vault) -> None:
    """Lost, good and unknown shares in one call each appear once, however often they are named."""
    lost, well = vault.store("a"), vault.store("b")
    lose(vault, lost)
    unknown = "6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11"
    done = retry(vault, unknown, lost.share_id, well.share_id, lost.share_id)
    assert done.changed == [lost.share_id]
    assert list(done.unchanged) == [unknown, well.share_id]


def test_a_staged_video_is_not_lost(vault: Vault) -> None:
    """A staged video was never acknowledged, and its share is due by itself."""
    share_id = vault.share("a")
    vault.run(share_id, "fetch")
    media = vault.media_of("a")
    assert media is not None
    Path(media.video.url).unlink()
    assert retry(vault, share_id).lost == frozenset()
