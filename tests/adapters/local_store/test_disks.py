"""The local store on disks that are full, limited or read-only: typed errors, and nothing lost or half there."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.deadlines import HANG_SECONDS
from tests.support.project import PROJECT
from tests.support.small_disk import LARGE, NO_MOUNT, SMALL

IN_A_NAMESPACE = ["unshare", "--map-root-user", "--mount"]
"""A program's own mounts end with it, and need no rights, where users may have namespaces."""


def play(scenario: str, directory: Path, *, needs_mount: bool) -> Any:
    """Run a scenario in a child process; skips where it cannot have a disk of its own."""
    if needs_mount and shutil.which(IN_A_NAMESPACE[0]) is None:
        pytest.skip("needs unshare, to mount a small disk")
    command = [sys.executable, "-m", "tests.support.small_disk", scenario, str(directory)]
    done = subprocess.run(
        IN_A_NAMESPACE + command if needs_mount else command,
        capture_output=True,
        check=False,
        text=True,
        timeout=HANG_SECONDS,
        cwd=PROJECT,
    )
    if needs_mount and (done.returncode == NO_MOUNT or done.stderr.startswith(f"{IN_A_NAMESPACE[0]}:")):
        pytest.skip("needs leave to mount a small disk in a namespace of its own")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("scenario", ["limit", "copy", "move", "get"])
def test_a_full_disk_takes_nothing_and_loses_nothing(tmp_path: Path, scenario: str) -> None:
    """Without room (a file-size limit, a full disk) a transfer is `no_space`; the source stays, and nothing is left."""
    found = play(scenario, tmp_path, needs_mount=scenario != "limit")

    assert found == {"outcome": "no_space", "source": len(LARGE), "files": [], "leftovers": 0}


def test_a_put_without_room_for_its_sidecar_is_none(tmp_path: Path) -> None:
    """A file that lies on the full disk already is not named either: its tags would be lost."""
    found = play("sidecar", tmp_path, needs_mount=True)

    assert found == {"outcome": "no_space", "source": len(SMALL), "files": [".staging.mp4"], "leftovers": 0}


def test_a_read_only_disk_is_told_and_stays_as_it_is(tmp_path: Path) -> None:
    """On a read-only disk whatever would change it is `access_denied`, and reading goes on."""
    found = play("read-only", tmp_path, needs_mount=True)

    assert found["outcomes"] == {
        "copy": "access_denied",
        "move": "access_denied",
        "new directory": "access_denied",
        "delete": "access_denied",
        "remove_leftover": "access_denied",
        "get into": "access_denied",
        "get from": "done",
        "head": "done",
        "list": "done",
    }
    assert found["is_source_there"]
    assert not found["is_changed"]
