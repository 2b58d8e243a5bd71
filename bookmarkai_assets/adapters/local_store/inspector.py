"""Check the directory of local media: whether we may write there, whether there is room, and whether a put is a rename.

Whether the system empties the places of what must stay is checked too. Nothing is left behind: what has to be tried is
tried with a hidden file that is removed.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from errno import EXDEV
from pathlib import Path
from typing import Protocol

from typing_extensions import override

from bookmarkai_assets.adapters.common.durable_files import disk_errors
from bookmarkai_assets.core.emptied_places import EmptiedPlace, find_emptied_place
from bookmarkai_assets.core.errors import StoreError
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import StoreInspector

LOW_SPACE_BYTES = 1_000_000_000
LOW_SPACE_PERCENT = 5
"""Below either of these, the next few downloads may fill the disk: one video may have 2 GB."""

_PREFIX = ".storage-check-"


class DiskUsage(Protocol):
    """The part of what `shutil.disk_usage` returns that is used here."""

    @property
    def total(self) -> int:
        """Size of the file system in bytes."""

    @property
    def free(self) -> int:
        """Bytes that this user can still write."""


class LocalInspector(StoreInspector):
    """Checks `root` (`YTDLP_DOWNLOAD_DIR`) and `staging`, where downloads wait for their put.

    `kept` are the paths that must stay, by the names of their settings, and `places` those that the machine empties.
    """

    def __init__(
        self,
        root: Path,
        *,
        staging: Path,
        kept: Mapping[str, Path] | None = None,
        places: Sequence[EmptiedPlace] = (),
        disk_usage: Callable[[Path], DiskUsage] = shutil.disk_usage,
    ) -> None:
        self._root = root
        self._staging = staging
        self._kept = {"YTDLP_DOWNLOAD_DIR": root, **(kept or {})}
        self._places = places
        self._disk_usage = disk_usage

    @property
    @override
    def backend(self) -> Backend:
        return Backend.LOCAL

    @property
    @override
    def checks(self) -> Mapping[str, Callable[[], CheckResult]]:
        return {
            "directory": self._check_directory,
            "free space": self._check_free_space,
            "staging": self._check_staging,
            "places": self._check_places,
        }

    def _check_directory(self) -> CheckResult:
        if not self._root.is_absolute():
            return CheckResult(
                CheckStatus.FAIL,
                f"expected an absolute path, found {self._root}",
                "set YTDLP_DOWNLOAD_DIR to an absolute path",
            )
        nearest = _find_nearest(self._root)
        if not nearest.is_dir():
            return CheckResult(
                CheckStatus.FAIL,
                f"expected a directory at {self._root}, found that {nearest} is something else",
                "move it away, or set YTDLP_DOWNLOAD_DIR to another path",
            )
        try:
            with disk_errors(f"writing to {nearest}"), tempfile.TemporaryDirectory(prefix=_PREFIX, dir=nearest):
                pass
        except StoreError as error:
            return CheckResult(
                CheckStatus.FAIL,
                str(error),
                f"make {self._root} writable for this user (id {os.geteuid()}), or set YTDLP_DOWNLOAD_DIR to a "
                "directory that is",
            )
        if nearest != self._root:
            return CheckResult(CheckStatus.PASS, f"{self._root} will be made by the first put; {nearest} is writable")
        return CheckResult(CheckStatus.PASS, f"{self._root} is writable")

    def _check_free_space(self) -> CheckResult:
        nearest = _find_nearest(self._root)
        with disk_errors(f"asking for the free space at {nearest}"):
            usage = self._disk_usage(nearest)
        percent = 100 * usage.free / usage.total if usage.total else 0.0
        found = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f} GB ({percent:.0f}%)"
        if usage.free < LOW_SPACE_BYTES or percent < LOW_SPACE_PERCENT:
            return CheckResult(
                CheckStatus.WARN,
                found,
                "free space there, set YTDLP_DOWNLOAD_DIR to a larger disk, or run `bookmarkai storage cleanup`",
            )
        return CheckResult(CheckStatus.PASS, found)

    def _check_staging(self) -> CheckResult:
        staging, root = _find_nearest(self._staging), _find_nearest(self._root)
        with (
            disk_errors(f"writing to {staging} and {root}"),
            tempfile.NamedTemporaryFile(prefix=_PREFIX, dir=staging) as source,
            tempfile.TemporaryDirectory(prefix=_PREFIX, dir=root) as target,
        ):
            try:
                os.link(source.name, Path(target) / "link")
            except OSError as error:
                if error.errno == EXDEV:
                    return CheckResult(
                        CheckStatus.WARN,
                        f"{staging} and {root} are on different file systems: each put copies the file",
                        "have both on one file system, so that a put is a rename",
                    )
                return CheckResult(
                    CheckStatus.WARN,
                    f"no hard links from {staging} to {root} ({error.strerror}): only the lease keeps two workers from "
                    "one name",
                    "use a file system with hard links, such as ext4 or XFS",
                )
        return CheckResult(CheckStatus.PASS, f"{self._staging} is on the file system of the media: a put is a rename")

    def _check_places(self) -> CheckResult:
        found = {name: place for name, path in self._kept.items() if (place := self._find_emptied(path)) is not None}
        if not found:
            return CheckResult(CheckStatus.PASS, f"nothing empties {', '.join(map(str, self._kept.values()))}")
        return CheckResult(
            CheckStatus.WARN,
            "; ".join(
                f"{name} is {self._kept[name]}, in {place.directory}, {place.why}" for name, place in found.items()
            ),
            f"with Dagster stopped, move what is there to a disk that stays, and set {' and '.join(found)} to it: what "
            "the system removes is lost",
        )

    def _find_emptied(self, path: Path) -> EmptiedPlace | None:
        """Return the place that a path is in, by its name or by where its symbolic links lead."""
        with disk_errors(f"looking for {path}"):
            # A place may be a link itself: on macOS, /tmp is /private/tmp.
            resolved = [replace(place, directory=Path(place.directory).resolve()) for place in self._places]
            places = [*self._places, *resolved]
            return find_emptied_place(path.absolute(), places) or find_emptied_place(path.resolve(), places)


def _find_nearest(path: Path) -> Path:
    """Return the path if it exists, else its nearest parent that does. Raises `StoreError` if it may not be read."""
    with disk_errors(f"looking for {path}"):
        while not os.path.lexists(path):
            path = path.parent
    return path
