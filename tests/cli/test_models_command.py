"""`bookmarkai models`."""

import importlib.util
from pathlib import Path

import pytest

from tests.plugins.command_line import BookmarkAI


@pytest.fixture(autouse=True)
def empty_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have nothing downloaded on this machine, and no network to download with."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("WHISPER_MODEL_DIR", str(tmp_path / "whisper"))


def test_the_list_has_the_packaged_and_the_configured_model(bookmarkai: BookmarkAI, tiny_en_model: Path) -> None:
    """The packaged model is vetted, with directory and size; the configured one is missing, and the list says so."""
    base, tiny = bookmarkai("models", "list", "--json").json["models"]
    assert (base["name"], base["is_set"], base["place"], base["path"]) == ("base", True, "not here", None)
    assert (tiny["name"], tiny["place"], tiny["is_vetted"]) == ("tiny.en", "package", True)
    assert tiny["path"] == str(tiny_en_model)
    assert 75_000_000 < tiny["size_bytes"] < 80_000_000
    assert "tiny.en\t\tpackage" in bookmarkai("models", "list").out


def test_a_path_is_listed_with_its_hash_compared(
    bookmarkai: BookmarkAI, tiny_en_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configured directory is recognized by its weights, whatever its name."""
    monkeypatch.setenv("WHISPER_MODEL", str(tiny_en_model))
    chosen = bookmarkai("models", "list", "--json").json["models"][0]
    assert (chosen["place"], chosen["is_set"], chosen["is_vetted"]) == ("path", True, True)


def test_a_model_that_is_here_is_not_fetched(bookmarkai: BookmarkAI, tiny_en_model: Path) -> None:
    """The output says where the model is and how to configure it."""
    ended = bookmarkai("models", "fetch", "tiny.en")
    assert ended.code == 0
    assert str(tiny_en_model) in ended.out
    assert "WHISPER_MODEL=tiny.en" in ended.out


def test_without_a_network_fetch_says_what_else_works(bookmarkai: BookmarkAI) -> None:
    """The exit code is 1, and the message names the paths where a model would be found."""
    ended = bookmarkai("models", "fetch", "small")
    assert ended.code == 1
    assert "give WHISPER_MODEL the path of a directory" in ended.err


@pytest.mark.skipif(importlib.util.find_spec("whisper") is None, reason="needs the extra openai-whisper")
def test_the_other_engine_has_models_of_its_own(bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """With openai-whisper the packaged model does not count, and a name that it does not know is refused."""
    monkeypatch.setenv("WHISPER_ENGINE", "openai-whisper")
    shown = bookmarkai("models", "list", "--json").json
    assert shown["engine"] == "openai-whisper"
    assert [model["name"] for model in shown["models"]] == ["base"]
    assert "expected one of tiny.en, tiny" in bookmarkai("models", "fetch", "tinny").err
