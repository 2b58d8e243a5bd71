"""The transcripts' code version in Dagster: it follows from the settings alone, except those that affect speed."""

from typing import Any

import pytest

from bookmarkai_assets.adapters.speech import setups
from bookmarkai_assets.core.transcripts.transcript import Task
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.speech import make_speech_engine, speech_code_version


def code_version(**settings: Any) -> str:
    """Return the code version of the asset `transcript` under these settings."""
    return speech_code_version(load_settings(env_file=None, **settings))


@pytest.mark.parametrize(
    "changed",
    [
        {"whisper_model": "small"},
        {"whisper_model": "/models/base"},
        {"whisper_beam_size": 1},
        {"whisper_batch_size": 4},
        {"whisper_device": "cuda"},
        {"whisper_compute_type": "float32"},
        {"whisper_task": "translate"},
        {"whisper_engine": "openai-whisper"},
        {"whisper_names": "post"},
        {"whisper_language": "de"},
    ],
    ids=str,
)
def test_settings_that_affect_text_change_the_version(changed: dict[str, Any]) -> None:
    """Model, beam size, batch size, compute type, task, engine and names each change the version, always alike.

    So does cuda, which has another default batch size, and a language for all shares: without one it may change within
    a sound.
    """
    assert code_version(**changed) == code_version(**changed) != code_version()


@pytest.mark.parametrize("changed", [{"whisper_cpu_threads": 4}, {"whisper_device": "auto"}], ids=str)
def test_settings_that_affect_speed_do_not(changed: dict[str, Any]) -> None:
    """Threads and device leave every transcript unchanged."""
    assert code_version(**changed) == code_version()


def test_which_language_is_set_does_not() -> None:
    """It is set share by share, and a model for English alone hears no other in any case."""
    assert code_version(whisper_language="de") == code_version(whisper_language="fr")
    english = {"whisper_model": "tiny.en"}
    assert code_version(**english, whisper_language="en") == code_version(**english)


def test_a_sound_whose_language_cannot_change_keeps_its_recipe() -> None:
    """Transcripts of a model for English alone, or in a language for all shares, are not stale for that."""
    for settings in ({"whisper_model": "tiny.en"}, {"whisper_language": "de"}):
        engine = make_speech_engine(load_settings(env_file=None, **settings))
        assert "language_changes" not in engine.setup.parameters
    assert "language_changes" in make_speech_engine(load_settings(env_file=None)).setup.parameters


def test_a_new_version_of_the_engine_changes_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another release may produce other text."""
    before = code_version()
    monkeypatch.setattr(setups, "version", lambda _package: "99.0")
    assert code_version() != before


def test_a_missing_engine_has_a_version() -> None:
    """The definitions load all the same, and the runs say what to install."""
    assert (
        setups.setup_of("no-such-engine", "base", setups.DecodingOptions(5, "int8", Task.TRANSCRIBE)).engine_version
        == setups.NOT_INSTALLED
    )


def test_the_default_engine_reports_the_same() -> None:
    """The code version that Dagster gets at the start is the one that the engine reports."""
    settings = load_settings(env_file=None)
    assert make_speech_engine(settings).setup.fingerprint == speech_code_version(settings)
