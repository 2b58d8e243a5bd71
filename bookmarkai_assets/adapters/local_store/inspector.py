"""Looks at the directory of local media: may we write there, is there room, can a staged file be moved in by a rename.

Leaves nothing behind: what it must try, it tries with a hidden file that it removes. Storing is `local_store`'s part.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from errno import EXDEV
from pathlib import Path
from typing import Protocol

from typing_extensions import override

from bookmarkai_assets.adapters.common.durable_files import disk_errors
from bookmarkai_assets.core.errors import StoreError
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import Inspection, InspectionStatus, StoreInspector

LOW_SPACE_BYTES = 1_000_000_000
LOW_SPACE_PERCENT = 5
"""Below either the next few downloads may fill the disk: one video may have 2 GB."""

_PREFIX = ".storage-check-"


class DiskUsage(Protocol):
    """What `shutil.disk_usage` gives: bytes in all and bytes free to this user."""

    @property
    def total(self) -> int:
        """Size of the file system in bytes."""

    @property
    def free(self) -> int:
        """Bytes that this user may still write."""


class LocalInspector(StoreInspector):
    """Looks at `root` (`YTDLP_DOWNLOAD_DIR`) and at `staging`, where downloads wait for their put."""

    def __init__(
        self, root: Path, *, staging: Path, disk_usage: Callable[[Path], DiskUsage] = shutil.disk_usage
    ) -> None:
        self._root = root
        self._staging = staging
        self._disk_usage = disk_usage

    @property
    @override
    def backend(self) -> Backend:
        return Backend.LOCAL

    @property
    @override
    def looks(self) -> Mapping[str, Callable[[str], Inspection]]:
        return {
            "directory": self._look_at_directory,
            "free space": self._look_at_space,
            "staging": self._look_at_staging,
        }

    def _look_at_directory(self, name: str) -> Inspection:
        if not self._root.is_absolute():
            return Inspection(
                name,
                InspectionStatus.FAILED,
                f"expected an absolute path, found {self._root}",
                "set YTDLP_DOWNLOAD_DIR to an absolute path",
            )
        there = _nearest(self._root)
        if not there.is_dir():
            return Inspection(
                name,
                InspectionStatus.FAILED,
                f"expected a directory at {self._root}, found that {there} is something else",
                "move it away, or set YTDLP_DOWNLOAD_DIR to another path",
            )
        try:
            with disk_errors(f"writing to {there}"), tempfile.TemporaryDirectory(prefix=_PREFIX, dir=there):
                pass
        except StoreError as error:
            return Inspection(
                name,
                InspectionStatus.FAILED,
                str(error),
                f"make {self._root} writable for this user (id {os.geteuid()}), or set YTDLP_DOWNLOAD_DIR to a "
                "directory that is",
            )
        if there != self._root:
            return Inspection(
                name, InspectionStatus.OK, f"{self._root} will be made by the first put; {there} is writable"
            )
        return Inspection(name, InspectionStatus.OK, f"{self._root} is writable")

    def _look_at_space(self, name: str) -> Inspection:
        there = _nearest(self._root)
        with disk_errors(f"asking for the free space at {there}"):
            usage = self._disk_usage(there)
        percent = 100 * usage.free / usage.total if usage.total else 0.0
        found = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f} GB ({percent:.0f}%)"
        if usage.free < LOW_SPACE_BYTES or percent < LOW_SPACE_PERCENT:
            return Inspection(
                name,
                InspectionStatus.WARNING,
                found,
                "free space there, set YTDLP_DOWNLOAD_DIR to a larger disk, or run `bookmarkai storage cleanup`",
            )
        return Inspection(name, InspectionStatus.OK, found)

    def _look_at_staging(self, name: str) -> Inspection:
        staging, root = _nearest(self._staging), _nearest(self._root)
        with (
            disk_errors(f"writing to {staging} and {root}"),
            tempfile.NamedTemporaryFile(prefix=_PREFIX, dir=staging) as source,
            tempfile.TemporaryDirectory(prefix=_PREFIX, dir=root) as target,
        ):
            try:
                os.link(source.name, Path(target) / "link")
            except OSError as error:
                if error.errno == EXDEV:
                    return Inspection(
                        name,
                        InspectionStatus.WARNING,
                        f"{staging} and {root} are on different file systems: each put copies the file",
                        "have both on one file system, so that a put is a rename",
                    )
                return Inspection(
                    name,
                    InspectionStatus.WARNING,
                    f"no hard links from {staging} to {root} ({error.strerror}): only the lease keeps two workers from "
                    "one name",
                    "use a file system with hard links, such as ext4 or XFS",
                )
        return Inspection(
            name, InspectionStatus.OK, f"{self._staging} is on the file system of the media: a put is a rename"
        )


def _nearest(path: Path) -> Path:
    """Give the path, or of its parents the nearest that is there. Raises `StoreError` where one may not look."""
    with disk_errors(f"looking for {path}"):
        while not os.path.lexists(path):
            path = path.parent
    return path
