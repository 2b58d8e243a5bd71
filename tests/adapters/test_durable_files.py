"""Files that appear whole or not at all, and what the disk reports, in an operator's terms."""

import errno
import os
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.durable_files import disk_errors, publish, temporary_beside
from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass


@pytest.mark.parametrize(
    ("number", "error_class"),
    [
        (errno.ENOSPC, StoreErrorClass.NO_SPACE),
        (errno.EDQUOT, StoreErrorClass.NO_SPACE),
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


def test_an_absence_stays_one() -> None:
    """An absence that was told already passes unchanged, although it is an `OSError` too."""
    absence = ObjectNotFoundError("expected a file, found none")

    with pytest.raises(ObjectNotFoundError) as caught, disk_errors("storing /media/x"):
        raise absence

    assert caught.value is absence


def test_what_is_not_published_is_removed(tmp_path: Path) -> None:
    """A temporary file whose writer fails is gone, and its name never was the final one."""
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
    """A published file may be read by whom the process's umask allows, as any file that it makes."""
    usual = tmp_path / "usual"
    usual.touch()

    with temporary_beside(tmp_path / "published") as temporary:
        publish(temporary.path, tmp_path / "published", replace=True)

    assert (tmp_path / "published").stat().st_mode == usual.stat().st_mode


def test_publishing_without_leave_replaces_nothing(tmp_path: Path) -> None:
    """A name that is taken stays as it is, and the file to be published too."""
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "old").write_bytes(b"old")

    with pytest.raises(FileExistsError):
        publish(tmp_path / "new", tmp_path / "old", replace=False)

    assert (tmp_path / "old").read_bytes() == b"old"
    assert (tmp_path / "new").read_bytes() == b"new"
