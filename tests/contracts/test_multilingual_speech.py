"""The contract of `SpeechEngine` for languages, for the real engines with a multilingual model."""

import re
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from bookmarkai_assets.adapters.speech.faster_whisper import FasterWhisperEngine
from bookmarkai_assets.adapters.speech.openai_whisper import OpenAIWhisperEngine
from bookmarkai_assets.core.transcripts.languages import language_shares
from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.core.transcripts.transcript import Task
from tests.support import sounds
from tests.support.base_model import WEIGHTS_SHA256
from tests.support.foreign_speech import GERMAN, SPANISH
from tests.support.wer import word_error_rate

PAUSE_SECONDS = 0.6


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


@pytest.fixture(scope="module")
def two_languages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sound in which German is spoken and then Spanish."""
    pause = sounds.silence(PAUSE_SECONDS)
    spoken = np.concatenate([sounds.speech(GERMAN.path), pause, sounds.speech(SPANISH.path)])
    return sounds.write_sound(tmp_path_factory.mktemp("languages") / "two.wav", spoken)


def faster_whisper(model: Path, task: Task, *, language_changes: bool = True) -> SpeechEngine:
    """Return the default engine."""
    return FasterWhisperEngine(
        model=str(model),
        device="cpu",
        compute_type="int8",
        cpu_threads=1,
        beam_size=1,
        task=task,
        language_changes=language_changes,
    )


def test_a_translation_is_english_and_names_the_spoken_language(translator: SpeechEngine) -> None:
    """Spanish speech becomes English text, and the language reported is Spanish, with its probability."""
    heard = translator.transcribe(SPANISH.path, language=None)
    assert {"beach", "water", "cold"} <= set(re.findall(r"\w+", heard.text.lower()))
    assert heard.language == SPANISH.language
    assert 0.5 < heard.language_probability < 1.0


def test_each_language_is_heard_in_a_sound_of_two(translator: SpeechEngine, two_languages: Path) -> None:
    """Both are translated, each segment says what was spoken, and the shares are of the time."""
    heard = translator.transcribe(two_languages, language=None)
    by_language = {
        language: " ".join(one.text for one in heard.segments if one.language == language) for language in ("de", "es")
    }
    assert {"coffee", "weather"} & set(re.findall(r"\w+", by_language["de"].lower()))
    assert {"beach", "water", "cold"} <= set(re.findall(r"\w+", by_language["es"].lower()))
    assert [language for language, _ in groupby(one.language for one in heard.segments)] == ["de", "es"]
    shares = {one.language: one.share for one in language_shares(heard)}
    assert shares.keys() == {"de", "es"}
    assert min(shares.values()) > 0.3


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


def test_two_languages_are_written_as_well_as_each_alone(base_model: Path, two_languages: Path) -> None:
    """Each with the words that it has, none of which is in the other's time; the change is found to the second."""
    engine = faster_whisper(base_model, Task.TRANSCRIBE)
    heard = engine.transcribe(two_languages, language=None)
    for spoken in (GERMAN, SPANISH):
        text = " ".join(one.text for one in heard.segments if one.language == spoken.language)
        alone = word_error_rate(spoken.text, engine.transcribe(spoken.path, language=None).text)
        assert word_error_rate(spoken.text, text) <= alone + 0.05
    change = next(one.start for one in heard.segments if one.language == SPANISH.language)
    assert change == pytest.approx(len(sounds.speech(GERMAN.path)) / sounds.RATE + PAUSE_SECONDS, abs=1.0)


def test_a_language_for_the_whole_sound_does_not_change(base_model: Path, two_languages: Path) -> None:
    """Neither one that is given, nor one that is detected where the language may not change."""
    fixed = faster_whisper(base_model, Task.TRANSCRIBE, language_changes=False)
    for language in (GERMAN.language, None):
        heard = fixed.transcribe(two_languages, language=language)
        assert {one.language for one in heard.segments} == {heard.language}


def test_speech_is_written_in_the_language_that_is_spoken(base_model: Path) -> None:
    """German speech becomes German text in German, and the weights are the vetted ones."""
    engine = faster_whisper(base_model, Task.TRANSCRIBE)
    heard = engine.transcribe(GERMAN.path, language=None)
    assert heard.language == GERMAN.language
    assert 0.5 < heard.language_probability < 1.0
    assert word_error_rate(GERMAN.text, heard.text) <= 0.5
    assert engine.recipe().weights_sha256 == WEIGHTS_SHA256
