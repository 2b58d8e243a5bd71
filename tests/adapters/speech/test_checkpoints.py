"""Finding openai-whisper's checkpoints: by path, in its cache, from a server (a loopback one)."""

import hashlib
import importlib.util
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.speech import checkpoints
from bookmarkai_assets.adapters.speech.checkpoints import (
    find_checkpoint,
    find_installed_checkpoint,
    find_local_checkpoint,
    list_checkpoints,
)
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.transcripts.speech_models import ModelLocation, SpeechModel

CONTENT = b"weights"


@pytest.fixture(autouse=True)
def toy_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the hash known for `tiny` by that of a toy."""
    known = {**checkpoints.CHECKPOINTS, "tiny": hashlib.sha256(CONTENT).hexdigest()}
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", known)


def test_a_path_is_used_as_it_is(tmp_path: Path) -> None:
    """A file at the given path is used, and a missing one is an error that names it."""
    file = tmp_path / "own.pt"
    file.write_bytes(CONTENT)
    assert find_local_checkpoint(str(file), tmp_path) == file
    with pytest.raises(ConfigurationError, match=f"there is none at {tmp_path}/other"):
        find_local_checkpoint(f"{tmp_path}/other.pt", tmp_path)


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    """The error lists the names that exist."""
    with pytest.raises(ConfigurationError, match=r"expected one of tiny\.en, tiny, .*'tinny'"):
        find_local_checkpoint("tinny", tmp_path)


def test_the_cache_is_checked_by_its_hash(tmp_path: Path) -> None:
    """A truncated download is no model; a whole one is found, and a changed one is no longer."""
    file = tmp_path / "tiny.pt"
    file.write_bytes(CONTENT[:3])
    assert find_local_checkpoint("tiny", tmp_path) is None
    with pytest.raises(ConfigurationError, match="bookmarkai models fetch tiny"):
        find_installed_checkpoint("tiny", tmp_path)
    file.write_bytes(CONTENT)
    assert find_local_checkpoint("tiny", tmp_path) == find_checkpoint("tiny", tmp_path) == file


def test_the_list_has_cached_and_configured_models(tmp_path: Path) -> None:
    """The configured model comes first, even when it is missing, and a file of one's own has an unknown hash."""
    (tmp_path / "tiny.pt").write_bytes(CONTENT)
    own = tmp_path / "own.pt"
    own.write_bytes(b"others")
    tiny = SpeechModel("tiny", ModelLocation.CACHE, tmp_path / "tiny.pt", len(CONTENT), is_vetted=True)
    assert list_checkpoints("base", tmp_path) == [SpeechModel("base", ModelLocation.NOWHERE), tiny]
    assert list_checkpoints(str(own), tmp_path) == [
        SpeechModel(str(own), ModelLocation.PATH, own, len(b"others"), is_vetted=False),
        tiny,
    ]


@pytest.mark.skipif(importlib.util.find_spec("whisper") is None, reason="needs the extra openai-whisper")
@pytest.mark.filterwarnings("ignore:unclosed file .*tiny.pt:ResourceWarning")  # the loader leaves closing to chance
class TestServer:
    """A name that nothing on this machine answers to is downloaded by the package's own loader."""

    @pytest.fixture
    def address(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        """Have the loader find `tiny` in a file, under an address like the vendor's."""
        import whisper

        served = tmp_path / "server" / hashlib.sha256(CONTENT).hexdigest() / "tiny.pt"
        served.parent.mkdir(parents=True)
        monkeypatch.setitem(whisper._MODELS, "tiny", served.as_uri())
        return served

    def test_a_model_is_downloaded_once(self, address: Path, tmp_path: Path) -> None:
        """A download is checked and put into the cache, where it is found when the server is gone."""
        address.write_bytes(CONTENT)
        first = find_checkpoint("tiny", tmp_path / "cache")
        assert first.read_bytes() == CONTENT
        address.unlink()
        assert find_checkpoint("tiny", tmp_path / "cache") == first

    @pytest.mark.parametrize("content", [None, b"something else"])
    def test_a_failed_download_says_what_else_works(self, address: Path, tmp_path: Path, content: bytes | None) -> None:
        """Without an answer, or with a wrong file, the error says where to put which file and what else works."""
        if content is not None:
            address.write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"copy tiny\.pt there .* WHISPER_ENGINE=faster-whisper"):
            find_checkpoint("tiny", tmp_path / "cache")
