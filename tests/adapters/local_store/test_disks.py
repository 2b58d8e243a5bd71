"""The local store on disks that are full, limited or read-only: typed errors, and nothing lost or half written."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.deadlines import HANG_SECONDS
from tests.support.project import PROJECT
from tests.support.small_disk import IN_A_NAMESPACE, LARGE, NO_MOUNT, SMALL


def play(scenario: str, directory: Path, *, needs_mount: bool) -> Any:
    """Run a scenario in a child process. Skip where it cannot have a disk of its own."""
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
def test_a_full_disk_loses_nothing(tmp_path: Path, scenario: str) -> None:
    """Without room (a file-size limit, a full disk) a transfer is `no_space`, keeps its source and leaves nothing."""
    found = play(scenario, tmp_path, needs_mount=scenario != "limit")

    assert found == {"outcome": "no_space", "source": len(LARGE), "files": [], "leftovers": 0}


def test_a_put_without_room_for_its_sidecar_publishes_nothing(tmp_path: Path) -> None:
    """On a full disk, a file that is already there is not published, because its tags would be lost."""
    found = play("sidecar", tmp_path, needs_mount=True)

    assert found == {"outcome": "no_space", "source": len(SMALL), "files": [".staging.mp4"], "leftovers": 0}


def test_a_read_only_disk_is_access_denied(tmp_path: Path) -> None:
    """On a read-only disk, every change is `access_denied`, and reading still works."""
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
