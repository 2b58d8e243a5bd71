"""The demo's own directory. Everything that it writes is below it, and nothing else is touched."""

import fcntl
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bookmarkai_assets.core.errors import BookmarkAIError

_MARKER = "made-by-bookmarkai-demo"


class DemoStateError(BookmarkAIError):
    """The directory cannot be used for a demo."""


@contextmanager
def fresh_state(directory: Path) -> Iterator[Path]:
    """Yield an empty directory for one demo at a time. What an earlier demo left in it is removed first.

    Raises `DemoStateError` if another demo runs there, or if the directory has anything but a demo's state in it.
    """
    directory = directory.absolute()
    if directory.exists() and (
        not directory.is_dir() or (any(directory.iterdir()) and not (directory / _MARKER).exists())
    ):
        raise DemoStateError(
            f"expected an empty directory or an earlier demo's at {directory}, found something else; "
            "name another one with --directory"
        )
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / _MARKER).open("w") as marker:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoStateError(
                f"expected no other demo at {directory}, found one running; end it, or name another --directory"
            ) from None
        for entry in directory.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != _MARKER:
                entry.unlink()
        yield directory


def write_environment_file(path: Path, environment: dict[str, str]) -> None:
    """Write variables for a shell to read with `. FILE`. Only the owner may read it, because it has keys in it."""
    lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items()))
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(lines)
