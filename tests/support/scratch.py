"""Where the tests' files are: in memory if there is room, because most of what is written is small and synced."""

import os
import shutil
import tempfile
from pathlib import Path

import psutil
import pytest

MEMORY = Path("/dev/shm")  # noqa: S108 - where every Linux has a file system in memory
NEEDED_BYTES = 6 << 30
"""Several times what the files of the whole suite have taken at a moment."""


def use_memory() -> None:
    """Put this process's temporary files into memory, and those of its children, unless TMPDIR says where they go."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    if min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available / 2) < NEEDED_BYTES:
        return
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None  # it is looked up again


def other_file_system(path: Path) -> Path:
    """Return a directory on another file system than `path`. Without one, skip the test that asks."""
    for directory in (MEMORY, Path("/tmp"), Path("/var/tmp"), Path.home()):  # noqa: S108 - what is made there is removed
        if os.access(directory, os.W_OK) and directory.stat().st_dev != path.stat().st_dev:
            return directory
    pytest.skip("needs two file systems, with directories that may be written")
