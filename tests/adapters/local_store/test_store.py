"""The local directory as a media store: how a put and its sidecar survive, beyond the contract of all stores."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.core.errors import ObjectConflictError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.ports import StoredObject
from tests.fakes.stores import digest_of_bytes
from tests.support.scratch import other_file_system

VIDEO = b"video bytes " * 1000
BLOCKS = b"0123456789abcdef" * (3 << 16)
"""Three of the blocks in which files are read."""

KEY = "temp/videos/2026/01/31/video.mp4"
TAGS: Mapping[str, str] = {"share-id": "0b5f"}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Return a store over a directory that does not exist yet."""
    return LocalStore(tmp_path / "media")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a file to put."""
    path = tmp_path / "media" / ".staging" / "source.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(VIDEO)
    return path


def put(
    store: LocalStore,
    source: Path,
    key: str = KEY,
    data: bytes = VIDEO,
    *,
    content_type: str = "video/mp4",
    tags: Mapping[str, str] = TAGS,
    may_consume: bool = True,
    may_replace: bool = False,
) -> StoredObject:
    """Put `data`, or claim to."""
    return store.put(
        source,
        key,
        expected=digest_of_bytes(data),
        content_type=content_type,
        tags=tags,
        may_replace=may_replace,
        may_consume=may_consume,
    )


def sidecar_of(stored: StoredObject) -> Path:
    """Return the path of the file's sidecar, which has its content type and tags."""
    path = Path(stored.url)
    return path.with_name(f".{path.name}.json")


def names_in(directory: Path) -> list[str]:
    """List a directory."""
    return sorted(path.name for path in directory.iterdir())


# --- Putting --------------------------------------------------------------------------------------------------------


def test_a_put_moves_the_file_itself(store: LocalStore, source: Path) -> None:
    """Within one file system nothing is copied: the stored file is the source itself, under its new name only."""
    inode = source.stat().st_ino

    stored = put(store, source)

    assert Path(stored.url).stat().st_ino == inode
    assert Path(stored.url).stat().st_nlink == 1
    assert not source.exists()


@pytest.mark.parametrize("may_consume", [True, False])
def test_a_put_across_file_systems_copies(store: LocalStore, tmp_path: Path, *, may_consume: bool) -> None:
    """From another file system the bytes are copied, nothing temporary is left, and the source goes if it may."""
    with TemporaryDirectory(dir=other_file_system(tmp_path)) as directory:
        source = Path(directory) / "source.mp4"
        source.write_bytes(VIDEO)

        stored = put(store, source, may_consume=may_consume)

        assert source.exists() is not may_consume
    assert Path(stored.url).read_bytes() == VIDEO
    assert names_in(Path(stored.url).parent) == [".video.mp4.json", "video.mp4"]


def test_bytes_are_synced_before_their_name_and_the_name_before_the_answer(
    store: LocalStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, sidecar and its name are synced before the file is named, so a power cut leaves both of them or no file."""
    steps: list[str] = []
    real_fsync, real_link = os.fsync, os.link

    def fsync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        steps.append("sync sidecar" if name.startswith("..video.mp4.json.") else f"sync {name}")
        real_fsync(descriptor)

    def link(source: Path, target: Path, *, follow_symlinks: bool) -> None:
        assert (target.parent / ".video.mp4.json").exists()
        steps.append(f"name {target.name}")
        real_link(source, target, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", link)

    put(store, source, "a/b/video.mp4")

    # Each new directory is an entry of the one above, and that is what has to be synced.
    assert steps == ["sync media", "sync a", "sync source.mp4", "sync sidecar", "sync b", "name video.mp4", "sync b"]


def test_a_put_cut_between_its_two_names_is_done(store: LocalStore, source: Path) -> None:
    """A put that was killed while the file had both its old and its new name can be repeated."""
    target = Path(store.url_of(KEY))
    target.parent.mkdir(parents=True)
    target.hardlink_to(source)

    stored = put(store, source)

    assert stored.url == str(target)
    assert store.head(stored.url) == stored


def test_a_put_that_cannot_name_its_file_leaves_no_sidecar(
    store: LocalStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A put that fails at the last step leaves its source, and neither file nor sidecar."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "link", fail)

    with pytest.raises(StoreError) as caught:
        put(store, source)

    assert caught.value.error_class is StoreErrorClass.OTHER
    assert source.read_bytes() == VIDEO
    assert names_in(Path(store.url_of(KEY)).parent) == []


def test_a_second_put_leaves_the_first_s_tags(
    store: LocalStore, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When other bytes were stored while the source was read, they keep their name and their tags."""
    late = tmp_path / "late.mp4"
    late.write_bytes(b"late")
    real_fsync = os.fsync
    others = iter([source])

    def put_another_first(descriptor: int) -> None:
        for other in others:
            put(store, other, tags={"share-id": "first"})
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", put_another_first)

    with pytest.raises(ObjectConflictError):
        put(store, late, data=b"late", tags={"share-id": "second"})

    found = store.head(store.url_of(KEY))
    assert found.digest == digest_of_bytes(VIDEO)
    assert found.tags == {"share-id": "first"}
    assert late.read_bytes() == b"late"


def test_a_file_system_without_hard_links_works(
    store: LocalStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file system has no hard links, a put renames and still overwrites nothing."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)

    stored = put(store, source)
    source.write_bytes(b"other")

    assert Path(stored.url).read_bytes() == VIDEO
    with pytest.raises(ObjectConflictError):
        put(store, source, data=b"other")


@pytest.mark.parametrize("may_consume", [True, False])
@pytest.mark.parametrize("kind", ["link", "directory", "pipe"])
def test_only_a_regular_file_is_stored(store: LocalStore, tmp_path: Path, kind: str, *, may_consume: bool) -> None:
    """A symbolic link, a directory or a pipe as the source is refused."""
    odd = tmp_path / "odd.mp4"
    if kind == "link":
        (tmp_path / "real.mp4").write_bytes(VIDEO)
        odd.symlink_to(tmp_path / "real.mp4")
    elif kind == "pipe":
        os.mkfifo(odd)
    else:
        odd.mkdir()

    with pytest.raises(StoreError, match="regular file"):
        put(store, odd, may_consume=may_consume)


def test_the_longest_name_has_room_for_its_sidecar(store: LocalStore, source: Path) -> None:
    """A file whose name is as long as a key allows is stored with its tags, removed, and leaves nothing."""
    key = "temp/" + "é" * 122 + ".webm"

    stored = put(store, source, key)

    assert store.head(stored.url).tags == TAGS
    store.delete(stored.url)
    assert names_in(Path(stored.url).parent) == []


# --- Sidecars -------------------------------------------------------------------------------------------------------


def test_a_sidecar_identifies_its_bytes(store: LocalStore, source: Path) -> None:
    """The hidden sidecar beside a file is JSON with the file's SHA-256, size, content type and tags."""
    stored = put(store, source, content_type="video/odd")

    assert json.loads(sidecar_of(stored).read_text()) == {
        "sha256": digest_of_bytes(VIDEO).sha256,
        "size_bytes": len(VIDEO),
        "content_type": "video/odd",
        "tags": {"share-id": "0b5f"},
    }


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
def test_without_a_sidecar_the_extension_gives_the_content_type(
    store: LocalStore, source: Path, name: str, content_type: str
) -> None:
    """For a file without a sidecar, head returns the content type of its extension and no tags."""
    stored = put(store, source, f"a/{name}", content_type="video/odd")
    assert store.head(stored.url).content_type == "video/odd"

    sidecar_of(stored).unlink()

    assert store.head(stored.url) == StoredObject(stored.url, digest_of_bytes(VIDEO), content_type, stored.modified_at)
    assert store.head(stored.url).tags == {}


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"{}", b"[" * 50_000, b" " * 70_000),
        b'{"sha256": "x"}',
        b'{"sha256": %s, "size_bytes": 12000, "content_type": "a/b", "tags": []}',
        b'{"sha256": %s, "size_bytes": 12000, "content_type": "a/b", "tags": {"a": 1}}',
        b'{"sha256": %s, "size_bytes": 12000, "content_type": null, "tags": {}}',
        b'{"sha256": %s, "size_bytes": "12000", "content_type": "a/b", "tags": {}}',
        b'{"sha256": %s, "size_bytes": 12000, "content_type": "a/b", "tags": {}, "more": 1}',
        b'{"sha256": %s, "size_bytes": 11999, "content_type": "a/b", "tags": {}}',
        b'{"sha256": "0000", "size_bytes": 12000, "content_type": "a/b", "tags": {}}',
    ],
    ids=range(17),
)
def test_an_untrustworthy_sidecar_is_ignored(store: LocalStore, source: Path, text: bytes) -> None:
    """A sidecar that is damaged, of another program or about other bytes is ignored, and a repeated put repairs it."""
    stored = put(store, source, content_type="video/odd")
    sha256 = b'"' + stored.digest.sha256.encode() + b'"'
    sidecar_of(stored).write_bytes(text.replace(b"%s", sha256))

    assert store.head(stored.url).content_type == "video/mp4"
    assert store.head(stored.url).tags == {}

    assert put(store, source, content_type="video/odd") == stored
    assert store.head(stored.url) == stored
    assert store.head(stored.url).tags == TAGS


def test_a_linked_sidecar_is_ignored(store: LocalStore, source: Path, tmp_path: Path) -> None:
    """A link in place of a sidecar is not read, and a repeated put replaces the link, not its target."""
    stored = put(store, source, content_type="video/odd")
    elsewhere = tmp_path / "elsewhere.json"
    sidecar_of(stored).rename(elsewhere)
    text = elsewhere.read_bytes()
    sidecar_of(stored).symlink_to(elsewhere)

    assert store.head(stored.url).tags == {}
    put(store, source, tags={"share-id": "other"})

    assert not sidecar_of(stored).is_symlink()
    assert elsewhere.read_bytes() == text


# --- Reading --------------------------------------------------------------------------------------------------------


def damage(stored: StoredObject) -> None:
    """Flip one bit in the middle of the file."""
    path = Path(stored.url)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("piece", [-1, len(BLOCKS), 1000, 1 << 20], ids=["at-once", "exactly", "pieces", "blocks"])
def test_a_damaged_file_is_not_read_to_its_end(store: LocalStore, source: Path, piece: int) -> None:
    """The read that reaches the end of a file with a flipped bit is a checksum error and closes the reader."""
    source.write_bytes(BLOCKS)
    stored = put(store, source, data=BLOCKS)
    damage(stored)

    with store.open(stored.url) as reader:
        with pytest.raises(StoreError, match="damaged") as caught:
            list(iter(lambda: reader.read(piece), b""))
        assert caught.value.error_class is StoreErrorClass.CHECKSUM
        with pytest.raises(ValueError, match="closed"):
            reader.read(1)


def test_only_a_whole_recorded_file_is_checked(store: LocalStore, source: Path) -> None:
    """Ranges of a damaged file, and a whole file without a sidecar, are read unchecked."""
    stored = put(store, source)
    damage(stored)
    data = Path(stored.url).read_bytes()

    with store.open(stored.url, offset=1) as part:
        assert part.read() == data[1:]
    sidecar_of(stored).unlink()
    with store.open(stored.url) as whole:
        assert whole.read() == data


def test_a_file_truncated_while_it_is_read_is_noticed(store: LocalStore, source: Path) -> None:
    """A range of a file that is truncated meanwhile is a checksum error, because the file ends before the range."""
    source.write_bytes(BLOCKS)
    stored = put(store, source, data=BLOCKS)

    with store.open(stored.url, offset=1) as reader:
        assert reader.read(10) == BLOCKS[1:11]
        os.truncate(stored.url, 20)
        with pytest.raises(StoreError, match="cut") as caught:
            reader.read()

    assert caught.value.error_class is StoreErrorClass.CHECKSUM


# --- Links and other odd entries ------------------------------------------------------------------------------------

USES: list[Callable[[LocalStore, str], object]] = [
    lambda store, url: store.head(url),
    lambda store, url: store.delete(url),
    lambda store, url: store.get(url, Path(url).parent / "copy.mp4", expected=digest_of_bytes(VIDEO)),
    lambda store, url: store.open(url),
    lambda store, url: store.presign(url, expires_seconds=60),
]
USE_NAMES = ["head", "delete", "get", "open", "presign"]


@pytest.mark.parametrize("use", USES, ids=USE_NAMES)
def test_a_linked_directory_is_refused(
    store: LocalStore, source: Path, tmp_path: Path, use: Callable[[LocalStore, str], object]
) -> None:
    """A directory that is a link to outside the root is refused, and nothing behind it is touched."""
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


@pytest.mark.parametrize("use", USES, ids=USE_NAMES)
@pytest.mark.parametrize("is_outside", [True, False])
def test_a_link_in_a_file_s_place_is_refused(
    store: LocalStore, source: Path, tmp_path: Path, use: Callable[[LocalStore, str], object], *, is_outside: bool
) -> None:
    """A stored name that is a link is refused, even to another stored file, and neither of the two is removed."""
    target = tmp_path / "outside.mp4" if is_outside else Path(put(store, source, "temp/real.mp4").url)
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(VIDEO)
    link = Path(store.url_of("temp/link.mp4"))
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(target)

    with pytest.raises(StoreError, match="symbolic link") as caught:
        use(store, str(link))

    assert caught.value.error_class is StoreErrorClass.CONFIGURATION
    assert link.is_symlink()
    assert target.read_bytes() == VIDEO


def test_the_root_itself_may_be_a_link(tmp_path: Path, source: Path) -> None:
    """An operator may link the media root to another disk, and URLs keep the name that was set."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "disk")

    store = LocalStore(tmp_path / "linked")
    stored = put(store, source)

    assert stored.url == str(tmp_path / "linked" / KEY)
    assert (tmp_path / "disk" / KEY).read_bytes() == VIDEO
    assert [found.url for found in store.list()] == [stored.url]


def test_a_pipe_in_a_file_s_place_is_an_error(store: LocalStore, source: Path) -> None:
    """A pipe or a directory in place of a file is an error at once, although a pipe could block for ever."""
    odd = Path(store.url_of(KEY))
    odd.parent.mkdir(parents=True)
    for make in (os.mkfifo, os.mkdir):
        make(odd)
        for use in (lambda: store.head(str(odd)), lambda: store.open(str(odd)), lambda: put(store, source)):
            with pytest.raises(StoreError, match="regular file") as caught:
                use()
            assert caught.value.error_class is StoreErrorClass.OTHER
        if make is os.mkfifo:
            odd.unlink()

    assert source.read_bytes() == VIDEO


def test_a_file_in_a_directory_s_place_is_an_error(store: LocalStore, source: Path, tmp_path: Path) -> None:
    """A key whose directory is a file cannot be stored, and is absent when it is read."""
    (tmp_path / "media" / "temp").write_bytes(b"")

    with pytest.raises(StoreError) as caught:
        put(store, source)
    with pytest.raises(FileNotFoundError):
        store.head(store.url_of(KEY))
    store.delete(store.url_of(KEY))

    assert caught.value.error_class is StoreErrorClass.OTHER
    assert source.read_bytes() == VIDEO


# --- Interruptions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", ["put", "copy", "get", "read"])
def test_an_interruption_ends_a_transfer_at_its_block(
    store: LocalStore, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    """A transfer that is interrupted while it reads a block reads no other block and leaves nothing partial."""
    source.write_bytes(BLOCKS)
    stored = put(store, source, "temp/there.mp4", data=BLOCKS, may_consume=False)
    destination = tmp_path / "to" / "video.mp4"
    reads: list[int] = []

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def read(*arguments: object) -> object:
            reads.append(1)
            store.interrupt()
            return real(*arguments)

        return read

    monkeypatch.setattr(os, "pread", counted(os.pread))
    monkeypatch.setattr(os, "preadv", counted(os.preadv))

    def transfer() -> None:
        match use:
            case "put" | "copy":
                put(store, source, data=BLOCKS, may_consume=use == "put")
            case "get":
                store.get(stored.url, destination, expected=digest_of_bytes(BLOCKS))
            case _:
                with store.open(stored.url) as reader:
                    reader.read()

    with pytest.raises(StoreError) as caught:
        transfer()

    assert caught.value.error_class is StoreErrorClass.INTERRUPTED
    assert len(reads) == 1
    assert source.read_bytes() == BLOCKS
    assert not Path(store.url_of(KEY)).parent.exists()
    assert not destination.parent.exists() or names_in(destination.parent) == []


def test_a_copy_is_interrupted_too(store: LocalStore, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interruption between two blocks of the copy itself removes the partial file."""
    source.write_bytes(BLOCKS)
    real_pwrite = os.pwrite

    def write(*arguments: object) -> object:
        store.interrupt()
        return real_pwrite(*arguments)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(os, "pwrite", write)

    with pytest.raises(StoreError) as caught:
        put(store, source, data=BLOCKS, may_consume=False)

    assert caught.value.error_class is StoreErrorClass.INTERRUPTED
    assert source.read_bytes() == BLOCKS
    assert names_in(Path(store.url_of(KEY)).parent) == []
