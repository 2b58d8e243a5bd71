"""The local directory as a media store: what holds beyond the contract that all stores share."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.core.errors import ObjectConflictError, StoreError, StoreErrorClass
from bookmarkai_assets.core.ports import StoredObject
from tests.fakes.stores import digest_of_bytes

VIDEO = b"video bytes " * 1000
KEY = "temp/videos/2026/01/31/video.mp4"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Give a store over a directory that does not exist yet."""
    return LocalStore(tmp_path / "media")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a file to put."""
    path = tmp_path / "media" / ".staging" / "source.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(VIDEO)
    return path


def put(store: LocalStore, source: Path, key: str = KEY, data: bytes = VIDEO) -> StoredObject:
    """Put `data`, or claim to."""
    return store.put(source, key, expected=digest_of_bytes(data), content_type="video/mp4", tags={}, may_replace=False)


def test_a_put_moves_the_file_itself(store: LocalStore, source: Path) -> None:
    """Within one file system nothing is copied: the stored file is the source, under its new name alone."""
    inode = source.stat().st_ino

    stored = put(store, source)

    assert Path(stored.url).stat().st_ino == inode
    assert Path(stored.url).stat().st_nlink == 1
    assert not source.exists()


def test_a_put_across_file_systems_copies(store: LocalStore, tmp_path: Path) -> None:
    """From another file system the bytes are copied, nothing temporary stays, and the source goes."""
    memory = Path("/dev/shm")  # noqa: S108 - the one place that is another file system on every Linux
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs /dev/shm on a file system of its own")
    with TemporaryDirectory(dir=memory) as directory:
        source = Path(directory) / "source.mp4"
        source.write_bytes(VIDEO)

        stored = put(store, source)

        assert not source.exists()
    assert Path(stored.url).read_bytes() == VIDEO
    assert list(Path(stored.url).parent.iterdir()) == [Path(stored.url)]


def test_bytes_are_synced_before_their_name_and_the_name_before_the_answer(
    store: LocalStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is synced, then named, then its directory is synced: a power cut leaves a whole file or none."""
    steps: list[str] = []
    real_fsync, real_link = os.fsync, os.link

    def fsync(descriptor: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        real_fsync(descriptor)

    def link(source: Path, target: Path, *, follow_symlinks: bool) -> None:
        steps.append(f"name {target.name}")
        real_link(source, target, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", link)

    put(store, source, "a/b/video.mp4")

    # Each new directory is an entry of the one above, which is what has to be synced.
    assert steps == ["sync source.mp4", "sync media", "sync a", "name video.mp4", "sync b"]


def test_a_put_cut_between_its_two_names_is_done(store: LocalStore, source: Path) -> None:
    """A kill that left the file under both names, the old and the new, leaves a put that can be repeated."""
    target = Path(store.url_of(KEY))
    target.parent.mkdir(parents=True)
    target.hardlink_to(source)

    assert put(store, source) == StoredObject(str(target), digest_of_bytes(VIDEO), "video/mp4")


def test_a_file_system_without_hard_links_will_do(
    store: LocalStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file system has no hard links a put renames, and still overwrites nothing."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)

    stored = put(store, source)
    source.write_bytes(b"other")

    assert Path(stored.url).read_bytes() == VIDEO
    with pytest.raises(ObjectConflictError):
        put(store, source, data=b"other")


@pytest.mark.parametrize("kind", ["link", "directory"])
def test_only_a_regular_file_is_stored(store: LocalStore, tmp_path: Path, kind: str) -> None:
    """A symbolic link or a directory in the source's place is refused."""
    odd = tmp_path / "odd.mp4"
    if kind == "link":
        (tmp_path / "real.mp4").write_bytes(VIDEO)
        odd.symlink_to(tmp_path / "real.mp4")
    else:
        odd.mkdir()

    with pytest.raises(StoreError, match="regular file"):
        put(store, odd)


@pytest.mark.parametrize(
    "use",
    [
        lambda store, url: store.head(url),
        lambda store, url: store.delete(url),
        lambda store, url: store.get(url, Path(url).parent / "copy.mp4", expected=digest_of_bytes(VIDEO)),
    ],
    ids=["head", "delete", "get"],
)
def test_a_symbolic_link_leads_nowhere(
    store: LocalStore, source: Path, tmp_path: Path, use: Callable[[LocalStore, str], object]
) -> None:
    """A directory that is a link to one outside the root is refused, and what lies there is not touched."""
    outside = tmp_path / "outside"
    outside.mkdir()
    secret = outside / "video.mp4"
    secret.write_bytes(VIDEO)
    (tmp_path / "media" / "temp").symlink_to(outside)

    with pytest.raises(StoreError) as caught:
        use(store, store.url_of("temp/video.mp4"))
    with pytest.raises(StoreError):
        put(store, source, "temp/new.mp4")

    assert caught.value.error_class is StoreErrorClass.CONFIGURATION
    assert list(outside.iterdir()) == [secret]


def test_the_root_itself_may_be_a_link(tmp_path: Path, source: Path) -> None:
    """An operator may put the media on another disk by a link: URLs keep the name that was set."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "disk")

    stored = put(LocalStore(tmp_path / "linked"), source)

    assert stored.url == str(tmp_path / "linked" / KEY)
    assert (tmp_path / "disk" / KEY).read_bytes() == VIDEO


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("video.mp4", "video/mp4"),
        ("VIDEO.WEBM", "video/webm"),
        ("video.audio.m4a", "audio/mp4"),
        ("video.odd", "application/octet-stream"),
        ("video", "application/octet-stream"),
    ],
)
def test_the_extension_says_the_content_type(store: LocalStore, source: Path, name: str, content_type: str) -> None:
    """A file carries no content type, so head gives the one of its extension."""
    stored = put(store, source, f"a/{name}")

    assert store.head(stored.url).content_type == content_type


def test_a_full_disk_leaves_nothing(
    store: LocalStore, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fetch for which the disk has no room is `no_space`, says what to do, and leaves nothing behind."""
    stored = put(store, source)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    destination = tmp_path / "fetched" / "video.mp4"

    with pytest.raises(StoreError, match="free space") as caught:
        store.get(stored.url, destination, expected=digest_of_bytes(VIDEO))

    assert caught.value.error_class is StoreErrorClass.NO_SPACE
    assert list(destination.parent.iterdir()) == []


def test_a_file_in_a_directory_s_place_is_told(store: LocalStore, source: Path, tmp_path: Path) -> None:
    """A key whose directory is a file cannot be stored, and is absent when it is read."""
    (tmp_path / "media" / "temp").write_bytes(b"")

    with pytest.raises(StoreError) as caught:
        put(store, source)
    with pytest.raises(FileNotFoundError):
        store.head(store.url_of(KEY))
    store.delete(store.url_of(KEY))

    assert caught.value.error_class is StoreErrorClass.OTHER
    assert source.read_bytes() == VIDEO
