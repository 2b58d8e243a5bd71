"""A program that uses the local store without disk space or without permission: `python -m tests.support.small_disk`.

Its arguments are a scenario and an empty directory. It prints the result as JSON. Scenarios that need a disk of their
own mount one, which requires a process in a mount namespace of its own. Where that is refused it exits with `NO_MOUNT`.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.core.errors import StoreError
from bookmarkai_assets.core.media.ports import Leftover, LeftoverKind
from tests.fakes.stores import digest_of_bytes

NO_MOUNT = 77
IN_A_NAMESPACE = ["unshare", "--map-root-user", "--mount"]
"""In a mount namespace, a program's mounts end with it and need no privileges. Not every system permits it."""

LIMIT_BYTES = 1 << 20
LARGE = b"0123456789abcdef" * (3 * LIMIT_BYTES // 16)
SMALL = b"small"
KEY = "temp/video.mp4"
SMALL_KEY = "temp/small.mp4"
PART = ".video.mp4.0123456789abcdef.part"


def mount(directory: Path, options: str) -> None:
    """Mount a disk of 1 MiB, or change how it is mounted."""
    directory.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(directory)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        sys.exit(NO_MOUNT)


def put(store: LocalStore, source: Path, key: str, *, may_consume: bool) -> None:
    """Put what the source should contain."""
    store.put(
        source,
        key,
        expected=digest_of_bytes(LARGE if key == KEY else SMALL),
        content_type="video/mp4",
        tags={},
        may_replace=False,
        may_consume=may_consume,
    )


def outcome(use: Callable[[], object]) -> str:
    """Return the error class with which a use ended."""
    try:
        use()
    except StoreError as error:
        return str(error.error_class)
    return "done"


def files_in(directory: Path) -> list[str]:
    """List all files below a directory."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir())


def run(scenario: str, directory: Path) -> object:
    """Run one scenario, and return what to print."""
    disk = directory / "disk"
    store = LocalStore(disk)
    source = directory / "source.mp4"
    source.write_bytes(LARGE)
    match scenario:
        case "limit":
            # A file-size limit stands in for a quota: both report only when the file grows.
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, hard))
            found = outcome(lambda: put(store, source, KEY, may_consume=False))
        case "copy" | "move":
            mount(disk, "size=1m")
            found = outcome(lambda: put(store, source, KEY, may_consume=scenario == "move"))
        case "sidecar":
            # The source is on the disk already, and nothing else fits.
            mount(disk, "size=1m")
            (disk / "temp").mkdir()
            source = disk / ".staging.mp4"
            source.write_bytes(SMALL)
            with (disk / ".filler").open("wb", buffering=0) as filler:
                while (found := outcome_of_writing(filler.write)) == "done":
                    pass
            found = outcome(lambda: put(store, source, SMALL_KEY, may_consume=True))
            (disk / ".filler").unlink()
        case "get":
            mount(disk, "size=1m")
            other = LocalStore(directory / "other")
            put(other, source, KEY, may_consume=False)
            found = outcome(lambda: other.get(other.url_of(KEY), disk / "video.mp4", expected=digest_of_bytes(LARGE)))
        case _:
            return read_only(directory, disk, store)
    return {
        "outcome": found,
        "source": digest_of_bytes(source.read_bytes()).size_bytes,
        "files": files_in(disk),
        "leftovers": len(store.leftovers(begun_before=datetime.now(UTC) + timedelta(days=1))),
    }


def outcome_of_writing(write: Callable[[bytes], int]) -> str:
    """Write a page, as long as there is space."""
    try:
        return "done" if write(b"x" * 4096) else "full"
    except OSError:
        return "full"


def read_only(directory: Path, disk: Path, store: LocalStore) -> object:
    """Use a store in every way on a disk that became read-only."""
    mount(disk, "size=1m")
    source = directory / "small.mp4"
    source.write_bytes(SMALL)
    put(store, source, SMALL_KEY, may_consume=False)
    (disk / "temp" / PART).write_bytes(b"half")
    before = files_in(disk)
    mount(disk, "remount,ro")
    url = store.url_of(SMALL_KEY)
    leftover = Leftover(LeftoverKind.TEMPORARY_FILE, str(disk / "temp" / PART), datetime.now(UTC), None)
    outcomes = {
        "copy": outcome(lambda: put(store, source, "temp/new.mp4", may_consume=False)),
        "move": outcome(lambda: put(store, source, "temp/new.mp4", may_consume=True)),
        "new directory": outcome(lambda: put(store, source, "new/new.mp4", may_consume=False)),
        "delete": outcome(lambda: store.delete(url)),
        "remove_leftover": outcome(lambda: store.remove_leftover(leftover)),
        "get into": outcome(lambda: store.get(url, disk / "copy.mp4", expected=digest_of_bytes(SMALL))),
        "get from": outcome(lambda: store.get(url, directory / "copy.mp4", expected=digest_of_bytes(SMALL))),
        "head": outcome(lambda: store.head(url)),
        "list": outcome(lambda: list(store.list())),
    }
    return {"outcomes": outcomes, "is_source_there": source.exists(), "is_changed": files_in(disk) != before}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], Path(sys.argv[2]))))  # noqa: T201 - this is the program's answer
