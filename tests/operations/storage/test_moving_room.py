"""Moves to the local disk, which keep its reserve: added up before they begin, and stopped when nothing more fits."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.adapters.common.durable_files import destination_of_temporary
from bookmarkai_assets.core.errors import ReserveError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.media.placement import Backend, StorageMode
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.operations.media import relocating, room
from bookmarkai_assets.operations.media.placing import place_media
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.steps import run_step
from bookmarkai_assets.operations.storage.moving import MoveOutcome, require_room
from tests.plugins.vault import Vault


def disk_with(free: int) -> Callable[[Path], int]:
    """Return what a disk with so many bytes free says of itself."""
    return lambda _: free


@pytest.fixture
def small_disk(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that gives the local disk a size, of which its files take their part."""

    def resize(size_bytes: int) -> None:
        def free(_directory: Path) -> int:
            return size_bytes - stored_bytes(vault)

        def room_on_it(hold: Hold, wanted: int, *rest: Any) -> Any:
            return room.room_for(hold, wanted, *rest, free=free)

        monkeypatch.setattr(relocating, "room_for", room_on_it)

    return resize


def stored_bytes(vault: Vault) -> int:
    """Add up the local files and those that are being written, without their sidecars."""
    sizes: dict[int, int] = {}  # by inode, because a finished file has two names for a moment
    for _ in range(2):  # a file that moves to its place behind the first walk's back is there in the second
        walked = os.walk(vault.media_dir)
        for path in (Path(home, name) for home, _, names in walked for name in names if not is_of_sidecar(name)):
            with suppress(FileNotFoundError):
                found = path.stat()
                sizes[found.st_ino] = found.st_size
    return sum(sizes.values())


def is_of_sidecar(name: str) -> bool:
    """Whether this is a sidecar, or one that is being written."""
    return (destination_of_temporary(name) or name).startswith(".")


def in_s3(vault: Vault, count: int) -> list[Media]:
    """Store videos in the bucket, and have nothing of them on the local disk."""
    return [vault.store(f"video-{number}", Backend.S3) for number in range(count)]


def test_a_move_needs_room_for_all_of_it_and_the_reserve(vault: Vault) -> None:
    """One byte less and it does not begin. The message has both figures, and what to do."""
    media = in_s3(vault, 3)
    size = sum(part.size_bytes for one in media for part in one.parts.values())
    vault.rules = replace(vault.rules, min_free_bytes=1000)
    require_room(vault.work(), media, Backend.LOCAL, free=disk_with(size + 1000))
    with pytest.raises(ReserveError, match="nothing was moved") as caught:
        require_room(vault.work(), media, Backend.LOCAL, free=disk_with(size + 999))
    assert "DOWNLOAD_MIN_FREE_BYTES" in str(caught.value)
    require_room(vault.work(), media, Backend.S3, free=disk_with(0))


def test_what_is_there_already_needs_no_room(vault: Vault) -> None:
    """A move back finds the local files, and copies nothing."""
    vault.rules = replace(vault.rules, min_free_bytes=1000)
    media = vault.store("a")
    vault.move(media, to=Backend.S3)
    require_room(vault.work(), [vault.media(media)], Backend.LOCAL, free=disk_with(0))


def test_the_reserve_is_kept_during_a_move(vault: Vault, small_disk: Callable[[int], None]) -> None:
    """Somebody else fills the disk: the move stops at the first media that would take the reserve, and says so."""
    media = in_s3(vault, 6)
    size = media[0].size_bytes
    reserve = 10 * size
    vault.rules = replace(vault.rules, min_free_bytes=reserve)
    small_disk(reserve + int(2.5 * size))

    moves = vault.move(*media, to=Backend.LOCAL)

    assert [move.outcome for move in moves] == [MoveOutcome.MOVED, MoveOutcome.MOVED, MoveOutcome.NO_SPACE]
    assert "DOWNLOAD_MIN_FREE_BYTES" in (moves[-1].detail or "")
    assert sum(vault.media(one).backend is Backend.LOCAL for one in media) == 2
    assert vault.verify(is_deep=True).is_good


@pytest.mark.parametrize("workers", [2, 8])
def test_the_reserve_is_kept_by_several_workers(vault: Vault, small_disk: Callable[[int], None], workers: int) -> None:
    """Copies that have not begun to write count as written, so that they cannot take the reserve together."""
    media = in_s3(vault, 8)
    size = media[0].size_bytes
    vault.rules = replace(vault.rules, min_free_bytes=10 * size)
    small_disk(10 * size + int(3.5 * size))
    vault.move(*media, to=Backend.LOCAL, workers=workers)
    assert 2 * size <= stored_bytes(vault) <= 3.5 * size
    assert vault.verify(is_deep=True).is_good


def test_planned_bytes_count_until_the_first_of_them_is_written(vault: Vault) -> None:
    """Then the disk itself says that they are taken."""
    vault.rules = replace(vault.rules, min_free_bytes=100)
    hold, asked = vault.work(), list[int]()
    with room.room_for(hold, 50, asked.append, free=disk_with(180)) as on_moved:
        with pytest.raises(ReserveError), room.room_for(hold, 50, free=disk_with(180)):
            pass
        on_moved(0)
        assert hold.planned.size_bytes == 50
        on_moved(1)
        assert hold.planned.size_bytes == 0
        with room.room_for(hold, 50, free=disk_with(150)):
            assert hold.planned.size_bytes == 50
    assert hold.planned.size_bytes == 0
    assert asked == [0, 1]


def test_a_full_disk_ends_a_move(vault: Vault) -> None:
    """What the system itself says counts as well."""
    media = [vault.store(f"video-{number}") for number in range(5)]
    vault.s3.fail_next("put", StoreError(StoreErrorClass.NO_SPACE, "QuotaExceeded"), after=2)
    moves = vault.move(*media, to=Backend.S3)
    assert moves[-1].outcome is MoveOutcome.NO_SPACE
    assert len(moves) < 5, "no other is begun"


def test_a_backfill_to_local_keeps_the_reserve(vault: Vault, small_disk: Callable[[int], None]) -> None:
    """A finished share fails with the reason, another one waits without an attempt, and nothing is copied."""
    done = vault.store("done", Backend.S3)
    begun = vault.store("begun", Backend.S3, is_transcribed=False)
    vault.use(StorageMode.LOCAL)
    vault.rules = replace(vault.rules, min_free_bytes=10**9)
    small_disk(10**9)
    hold = vault.work("backfill")
    shares = [done.share_id, begun.share_id]

    results = run_step(
        hold,
        dict.fromkeys(shares),
        lambda leased, _: place_media(hold, leased, vault.media(media_by(vault, leased.media_id))),
    )

    found = [result for result in results.values() if isinstance(result, Failure)]
    assert [failure.outcome for failure in found] == [Outcome.STORAGE_FAILED, Outcome.POSTPONED]
    assert all("DOWNLOAD_MIN_FREE_BYTES" in failure.reason for failure in found)
    assert vault.media(done).backend is Backend.S3
    assert vault.catalog.work.progress(begun.share_id).held_for is None
    assert not list(vault.media_dir.rglob("*.mp4"))


def media_by(vault: Vault, media_id: str) -> Media:
    """Read a media's record by its id."""
    media = vault.catalog.media.get(media_id)
    assert media is not None
    return media
