"""Files that appear whole or not at all, and what the disk reports, in an operator's terms."""

import errno
import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.common.durable_files import (
    BLOCK_BYTES,
    destination_of_temporary,
    digest_of_descriptor,
    directory_lock,
    disk_errors,
    publish,
    temporary_beside,
)
from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass


@pytest.mark.parametrize(
    ("number", "error_class"),
    [
        (errno.ENOSPC, StoreErrorClass.NO_SPACE),
        (errno.EDQUOT, StoreErrorClass.NO_SPACE),
        (errno.EFBIG, StoreErrorClass.NO_SPACE),
        (errno.EACCES, StoreErrorClass.ACCESS_DENIED),
        (errno.EPERM, StoreErrorClass.ACCESS_DENIED),
        (errno.EROFS, StoreErrorClass.ACCESS_DENIED),
        (errno.EIO, StoreErrorClass.OTHER),
        (errno.ENOENT, StoreErrorClass.OTHER),
    ],
)
def test_disk_errors_have_a_class(number: int, error_class: StoreErrorClass) -> None:
    """Each disk error becomes a store error of its class, whose message says what was being done and why it failed."""
    reason = os.strerror(number)

    with pytest.raises(StoreError, match=f"storing /media/x: {reason}") as caught, disk_errors("storing /media/x"):
        raise OSError(number, reason)

    assert caught.value.error_class is error_class


def test_a_missing_object_stays_one() -> None:
    """An `ObjectNotFoundError` passes through unchanged, although it is an `OSError` too."""
    absence = ObjectNotFoundError("expected a file, found none")

    with pytest.raises(ObjectNotFoundError) as caught, disk_errors("storing /media/x"):
        raise absence

    assert caught.value is absence


def test_an_unpublished_file_is_removed(tmp_path: Path) -> None:
    """When its writer fails, a temporary file is removed, and the final name never existed."""
    long_name = "x" * 250

    def write_half() -> None:
        with temporary_beside(tmp_path / long_name) as temporary:
            os.write(temporary.descriptor, b"half")
            assert [entry.name for entry in tmp_path.iterdir()] != [long_name]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()

    assert list(tmp_path.iterdir()) == []


def test_a_published_file_has_the_usual_rights(tmp_path: Path) -> None:
    """A published file has the permissions that the process's umask gives to any new file."""
    usual = tmp_path / "usual"
    usual.touch()

    with temporary_beside(tmp_path / "published") as temporary:
        publish(temporary.path, tmp_path / "published", replace=True)

    assert (tmp_path / "published").stat().st_mode == usual.stat().st_mode


def test_publishing_without_replace_replaces_nothing(tmp_path: Path) -> None:
    """When the name is taken, publishing fails and both files stay as they are."""
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "old").write_bytes(b"old")

    with pytest.raises(FileExistsError):
        publish(tmp_path / "new", tmp_path / "old", replace=False)

    assert (tmp_path / "old").read_bytes() == b"old"
    assert (tmp_path / "new").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["video.mp4", ".video.mp4.json", "x", "x" * 250, "é" * 120, "a.b\nc"])
def test_a_temporary_name_begins_like_the_final_one(tmp_path: Path, name: str) -> None:
    """The hidden name of a file being written yields the beginning of its final name, and no other name does."""
    with temporary_beside(tmp_path / name) as temporary:
        beginning = destination_of_temporary(temporary.path.name)

    assert beginning
    assert name.startswith(beginning)
    assert destination_of_temporary(name) is None
    assert destination_of_temporary(f".{name}.part") is None


def test_the_directory_lock_admits_one_at_a_time(tmp_path: Path) -> None:
    """Blocks that hold the directory lock never overlap, whichever threads they run in."""
    inside: list[int] = []

    def enter(number: int) -> list[int]:
        with directory_lock(tmp_path):
            inside.append(number)
            (tmp_path / str(number)).touch()  # a system call, at which another thread may run
            seen = list(inside)
            inside.remove(number)
        return seen

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(enter, range(200))) == [[number] for number in range(200)]


@pytest.mark.parametrize(("number", "is_raised"), [(errno.ENOLCK, False), (errno.EBADF, False), (errno.EIO, True)])
def test_a_file_system_without_locks_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, *, is_raised: bool
) -> None:
    """Where directories cannot be locked, the block runs anyway; any other disk error is raised."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    has_run = False

    def enter() -> None:
        nonlocal has_run
        with directory_lock(tmp_path):
            has_run = True

    if is_raised:
        with pytest.raises(OSError, match=os.strerror(number)):
            enter()
    else:
        enter()
    assert has_run is not is_raised


def test_digesting_can_be_interrupted(tmp_path: Path) -> None:
    """When the callback before a block raises, the reading ends."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * (3 * BLOCK_BYTES))
    asked: list[int] = []

    def ask() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise InterruptedError

    with path.open("rb") as file, pytest.raises(InterruptedError):
        digest_of_descriptor(file.fileno(), before_block=ask)

    assert len(asked) == 2
