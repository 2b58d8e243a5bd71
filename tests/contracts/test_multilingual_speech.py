"""The contract of `SpeechEngine` for languages, for the real engines with a multilingual model."""

import re
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.speech.faster_whisper import FasterWhisperEngine
from bookmarkai_assets.adapters.speech.openai_whisper import OpenAIWhisperEngine
from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.core.transcripts.transcript import Task
from tests.support.base_model import WEIGHTS_SHA256
from tests.support.foreign_speech import GERMAN, SPANISH
from tests.support.wer import word_error_rate


@pytest.fixture(scope="module", params=["faster-whisper", pytest.param("openai-whisper", marks=pytest.mark.soak)])
def translator(request: pytest.FixtureRequest) -> SpeechEngine:
    """Return each engine with the same weights, to translate; without word times openai-whisper takes half as long."""
    if request.param == "faster-whisper":
        return faster_whisper(request.getfixturevalue("base_model"), Task.TRANSLATE)
    checkpoint: Path = request.getfixturevalue("base_checkpoint")
    return OpenAIWhisperEngine(
        model=str(checkpoint),
        cache=checkpoint.parent,
        device="cpu",
        compute_type=None,
        cpu_threads=1,
        beam_size=1,
        task=Task.TRANSLATE,
    )


def faster_whisper(model: Path, task: Task) -> SpeechEngine:
    """Return the default engine."""
    return FasterWhisperEngine(
        model=str(model), device="cpu", compute_type="int8", cpu_threads=1, beam_size=1, task=task
    )


def test_a_translation_is_english_and_names_the_spoken_language(translator: SpeechEngine) -> None:
    """Spanish speech becomes English text, and the language reported is Spanish, with its probability."""
    heard = translator.transcribe(SPANISH.path, language=None)
    assert {"beach", "water", "cold"} <= set(re.findall(r"\w+", heard.text.lower()))
    assert heard.language == SPANISH.language
    assert 0.5 < heard.language_probability < 1.0


def test_a_hinted_language_is_used_and_its_probability_shows_that_it_is_wrong(translator: SpeechEngine) -> None:
    """Spanish with the hint Portuguese is transcribed as Portuguese, with the low probability that Portuguese has."""
    heard = translator.transcribe(SPANISH.path, language="pt")
    assert heard.language == "pt"
    assert heard.segments
    assert 0.0 <= heard.language_probability < 0.1


def test_a_model_for_many_languages_knows_them(translator: SpeechEngine) -> None:
    """The model supports the languages that it was trained on, and nothing else."""
    assert all(translator.supports(language) for language in ("en", "de", "es", "ja", "ar"))
    assert not translator.supports("tlh")


def test_speech_is_written_in_the_language_that_is_spoken(base_model: Path) -> None:
    """German speech becomes German text in German, and the weights are the vetted ones."""
    engine = faster_whisper(base_model, Task.TRANSCRIBE)
    heard = engine.transcribe(GERMAN.path, language=None)
    assert heard.language == GERMAN.language
    assert 0.5 < heard.language_probability < 1.0
    assert word_error_rate(GERMAN.text, heard.text) <= 0.5
    assert engine.recipe().weights_sha256 == WEIGHTS_SHA256
