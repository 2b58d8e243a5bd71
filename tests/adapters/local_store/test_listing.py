"""What the local store finds in its directory: stored files, what killed transfers left, and nothing else."""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.ports import Leftover, LeftoverKind
from tests.fakes.stores import digest_of_bytes

VIDEO = b"video bytes"
DAY = "temp/videos/2026/01/31"
PART = ".video.mp4.0123456789abcdef.part"
LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def root() -> Iterator[Path]:
    """Return the root of a store, not made yet. Its name is short, because the names of sockets must be short."""
    with TemporaryDirectory() as directory:
        yield Path(directory) / "media"


@pytest.fixture
def store(root: Path) -> LocalStore:
    """Return a store over the root."""
    return LocalStore(root)


def put(store: LocalStore, root: Path, key: str) -> Path:
    """Store a file and return its path."""
    source = root.parent / "source.mp4"
    source.write_bytes(VIDEO)
    stored = store.put(
        source,
        key,
        expected=digest_of_bytes(VIDEO),
        content_type="video/mp4",
        tags={"share-id": "x"},
        may_replace=False,
        may_consume=True,
    )
    return Path(stored.url)


def leave_sidecar(store: LocalStore, root: Path, key: str) -> Path:
    """Leave a sidecar as a kill between writing it and naming the file does, and return its path."""
    path = put(store, root, key)
    path.unlink()
    return path.with_name(f".{path.name}.json")


def plant(path: Path) -> Path:
    """Write a file and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    return path


def leftover_paths(store: LocalStore, prefix: str = "", begun_before: datetime = LATER) -> list[Path]:
    """List the paths of leftovers."""
    return sorted(Path(leftover.name) for leftover in store.leftovers(prefix, begun_before=begun_before))


# --- Listing --------------------------------------------------------------------------------------------------------


def test_only_stored_files_are_listed(store: LocalStore, root: Path) -> None:
    """Staging, temporary files, sidecars, links, sockets and names that no key could have are left out."""
    stored = put(store, root, f"{DAY}/video.mp4")
    outside = plant(root.parent / "outside" / "secret.mp4")
    plant(root / ".staging" / "abc" / "source.mp4")
    plant(stored.parent / PART)
    plant(stored.parent / ".hidden" / "video.mp4")
    plant(stored.parent / "back\\slash.mp4")
    plant(Path(os.fsdecode(os.fsencode(stored.parent) + b"/not-utf-8-\xff.mp4")))
    (stored.parent / "link.mp4").symlink_to(stored)
    (stored.parent / "linked").symlink_to(outside.parent)
    (stored.parent / "gone.mp4").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(stored.parent / "socket"))

        assert [found.url for found in store.list()] == [str(stored)]


def test_a_directory_that_cannot_be_read_ends_a_listing(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing never skips a directory silently: it raises what the disk reported."""
    put(store, root, "a/1.mp4")
    put(store, root, "b/2.mp4")
    real_scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return real_scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = store.list()

    assert next(found).key == "a/1.mp4"
    with pytest.raises(StoreError, match="/b: Permission denied") as caught:
        list(found)
    with pytest.raises(StoreError):
        leftover_paths(store)
    assert caught.value.error_class is StoreErrorClass.ACCESS_DENIED
    assert [one.key for one in store.list("a/")] == ["a/1.mp4"]


def test_a_root_whose_disk_is_missing_is_no_empty_listing(store: LocalStore, root: Path) -> None:
    """A root that was never made lists as empty. A link to a missing directory, or a file, is an error."""
    assert list(store.list()) == []
    assert leftover_paths(store) == []

    root.symlink_to("not-mounted")
    with pytest.raises(StoreError):
        list(store.list())
    root.unlink()
    root.write_bytes(b"")
    with pytest.raises(StoreError):
        list(store.list())


def test_a_file_removed_while_listing_is_not_listed(store: LocalStore, root: Path) -> None:
    """A file that is removed after its directory was read is not listed."""
    put(store, root, "a/1.mp4")
    second = put(store, root, "a/2.mp4")
    put(store, root, "a/3.mp4")
    found = store.list()
    first = next(found)

    second.unlink()

    assert [first.key, *(one.key for one in found)] == ["a/1.mp4", "a/3.mp4"]


def test_deep_directories_are_walked(store: LocalStore, root: Path) -> None:
    """A file below as many directories as its key's length allows is listed."""
    key = "/".join(["d"] * 500)
    put(store, root, key)

    assert [found.key for found in store.list("d/d/")] == [key]


# --- Removing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_there", [True, False])
def test_a_file_is_deleted_with_its_sidecar(store: LocalStore, root: Path, *, is_there: bool) -> None:
    """Nothing of a deleted file remains, even when a kill had left only the sidecar."""
    path = put(store, root, f"{DAY}/video.mp4")
    if not is_there:
        path.unlink()

    store.delete(str(path))

    assert list(path.parent.iterdir()) == []


# --- Leftovers ------------------------------------------------------------------------------------------------------


def test_leftovers_of_killed_transfers_are_found(store: LocalStore, root: Path) -> None:
    """Temporary files, also of sidecars, and sidecars without their file are leftovers with path, time and size."""
    stored = put(store, root, f"{DAY}/video.mp4")
    part = plant(stored.parent / PART)
    part_of_sidecar = plant(stored.parent / "..video.mp4.json.0123456789abcdef.part")
    at_root = plant(root / PART)
    alone = leave_sidecar(store, root, f"{DAY}/killed.mp4")

    assert leftover_paths(store) == sorted([part, part_of_sidecar, at_root, alone])
    [leftover] = [one for one in store.leftovers(begun_before=LATER) if one.name == str(part)]
    assert (leftover.kind, leftover.size_bytes) == (LeftoverKind.TEMPORARY_FILE, 4)
    assert leftover.begun_at == datetime.fromtimestamp(part.stat().st_mtime, UTC)


def test_nothing_else_is_a_leftover(store: LocalStore, root: Path) -> None:
    """Stored files and their sidecars, staging, links and hidden files of other programs are no leftovers."""
    stored = put(store, root, f"{DAY}/video.mp4")
    plant(root / ".staging" / "abc" / PART)
    plant(root / ".staging" / PART)
    plant(stored.parent / ".settings.json")
    plant(stored.parent / ".DS_Store")
    plant(stored.parent / ".video.mp4.part")
    plant(stored.parent / "video.mp4.0123456789abcdef.part")
    plant(stored.parent / ".json")
    (stored.parent / ".link.mp4.0123456789abcdef.part").symlink_to(stored)
    (stored.parent / ".directory.0123456789abcdef.part").mkdir()
    outside = plant(root.parent / "outside" / PART)
    (root / "temp" / "linked").symlink_to(outside.parent)

    assert leftover_paths(store) == []


def test_only_old_leftovers_are_found(store: LocalStore, root: Path) -> None:
    """A file written at or after the given moment may be a transfer in progress, and is no leftover."""
    old, young = plant(root / "temp" / PART), plant(root / "temp" / PART.replace("0", "1"))
    os.utime(old, (1000, 1000))
    os.utime(young, (1001, 1001))

    assert leftover_paths(store, begun_before=datetime.fromtimestamp(1001, UTC)) == [old]


@pytest.mark.parametrize(
    ("prefix", "is_found"),
    [
        ("temp/", True),
        (f"{DAY}/", True),
        (f"{DAY}/vid", True),
        (f"{DAY}/video.mp4", True),
        (f"{DAY}/other", False),
        ("temp/videos/2026/01/3", True),
        ("temp/videos/2026/01/30/", False),
        ("tempo", False),
    ],
)
def test_a_leftover_belongs_to_its_key_s_prefix(store: LocalStore, root: Path, prefix: str, *, is_found: bool) -> None:
    """Leftovers are filtered by the prefix of their key."""
    found = sorted([plant(root / DAY / PART), leave_sidecar(store, root, f"{DAY}/video.mp4")])

    assert leftover_paths(store, prefix) == (found if is_found else [])


def test_a_leftover_of_a_long_name_is_found_by_it(store: LocalStore, root: Path) -> None:
    """A temporary file, whose name has only the beginning of a long key, is still found under the whole key."""
    found = plant(root / "temp" / f".{'x' * 48}.0123456789abcdef.part")

    assert leftover_paths(store, f"temp/{'x' * 60}.mp4") == [found]
    assert leftover_paths(store, f"temp/{'x' * 47}y.mp4") == []


def test_leftovers_are_removed(store: LocalStore, root: Path) -> None:
    """A removed leftover is gone, removing it again succeeds, and the stored files stay."""
    stored = put(store, root, f"{DAY}/video.mp4")
    plant(stored.parent / PART)
    plant(root / PART)
    leave_sidecar(store, root, f"{DAY}/killed.mp4")
    found = store.leftovers(begun_before=LATER)

    for leftover in [*found, *found]:
        store.remove_leftover(leftover)

    assert leftover_paths(store) == []
    assert sorted(path.name for path in stored.parent.iterdir()) == [".video.mp4.json", "video.mp4"]
    store.remove_leftover(Leftover(LeftoverKind.TEMPORARY_FILE, str(root / "never" / "was" / PART), LATER, None))


def test_a_sidecar_that_is_in_use_again_stays(store: LocalStore, root: Path) -> None:
    """A sidecar that was alone when it was listed, and has its file since, is not removed."""
    leave_sidecar(store, root, f"{DAY}/video.mp4")
    [leftover] = store.leftovers(begun_before=LATER)
    stored = put(store, root, f"{DAY}/video.mp4")

    with pytest.raises(StoreError, match="in use again"):
        store.remove_leftover(leftover)

    assert store.head(str(stored)).tags == {"share-id": "x"}


def test_no_leftover_is_removed_outside(store: LocalStore, root: Path) -> None:
    """Names beyond the root, in hidden directories, behind links or of other things are refused."""
    stored = put(store, root, f"{DAY}/video.mp4")
    outside = plant(root.parent / "outside" / PART)
    (root / "linked").symlink_to(outside.parent)
    (stored.parent / PART).symlink_to(outside)
    names = [
        outside,
        root / "linked" / PART,
        f"{root}/{DAY}/../../../../../../outside/{PART}",
        f"{root}/../outside/{PART}",
        plant(root / ".staging" / PART),
        stored.parent / PART,
        stored,
        stored.with_name(".video.mp4.json"),
        plant(stored.parent / ".settings.json"),
        stored.parent,
        f"{stored.parent}/",
        root,
    ]

    for name in names:
        with pytest.raises(StoreError) as caught:
            store.remove_leftover(Leftover(LeftoverKind.TEMPORARY_FILE, str(name), LATER, None))
        assert caught.value.error_class is StoreErrorClass.CONFIGURATION

    assert outside.exists()
    assert (root / ".staging" / PART).exists()
    assert store.head(str(stored)).tags == {"share-id": "x"}
