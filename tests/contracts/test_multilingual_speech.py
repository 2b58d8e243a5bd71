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
from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from tests.support import sounds
from tests.support.base_model import WEIGHTS_SHA256
from tests.support.foreign_speech import GERMAN, SPANISH
from tests.support.wer import word_error_rate

PAUSE_SECONDS = 0.6

ENGLISH = SHORT_SAMPLES[0]


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
    """Return a sound in which Spanish is spoken and then English."""
    pause = sounds.silence(PAUSE_SECONDS)
    spoken = np.concatenate([sounds.speech(SPANISH.path), pause, sounds.speech(ENGLISH.path)])
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


def test_a_translation_says_where_each_language_was_spoken(translator: SpeechEngine, two_languages: Path) -> None:
    """Spanish and then English: all of the text is English, and each segment has the language that was spoken."""
    heard = translator.transcribe(two_languages, language=None)
    assert [language for language, _ in groupby(one.language for one in heard.segments)] == ["es", "en"]
    words = {
        name: set(re.findall(r"\w+", " ".join(one.text for one in heard.segments if one.language == name).lower()))
        for name in ("es", "en")
    }
    assert {"beach", "water", "cold"} <= words["es"]
    assert {"butter", "garlic", "lemon"} <= words["en"]


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


def test_two_languages_are_written_in_their_own_words(base_model: Path, two_languages: Path) -> None:
    """The change is found to the second, and the shares are of the time with text."""
    heard = faster_whisper(base_model, Task.TRANSCRIBE).transcribe(two_languages, language=None)
    for language, text in (("es", SPANISH.text), ("en", ENGLISH.text)):
        written = " ".join(one.text for one in heard.segments if one.language == language)
        assert word_error_rate(text, written) <= 0.25
    change = next(one.start for one in heard.segments if one.language == "en")
    assert change == pytest.approx(len(sounds.speech(SPANISH.path)) / sounds.RATE + PAUSE_SECONDS, abs=1.0)
    shares = {one.language: one.share for one in language_shares(heard)}
    assert shares["es"] == pytest.approx(0.5, abs=0.15)
    assert sum(shares.values()) == pytest.approx(1)


def test_a_language_for_the_whole_sound_does_not_change(base_model: Path, two_languages: Path) -> None:
    """Neither one that is given, nor one that is detected where the language may not change."""
    fixed = faster_whisper(base_model, Task.TRANSCRIBE, language_changes=False)
    for engine, language in ((fixed, None), (faster_whisper(base_model, Task.TRANSCRIBE), "en")):
        heard = engine.transcribe(two_languages, language=language)
        assert {one.language for one in heard.segments} == {"en"}


def test_speech_is_written_in_the_language_that_is_spoken(base_model: Path) -> None:
    """German speech becomes German text in German, and the weights are the vetted ones."""
    engine = faster_whisper(base_model, Task.TRANSCRIBE)
    heard = engine.transcribe(GERMAN.path, language=None)
    assert heard.language == GERMAN.language
    assert 0.5 < heard.language_probability < 1.0
    assert word_error_rate(GERMAN.text, heard.text) <= 0.5
    assert engine.recipe().weights_sha256 == WEIGHTS_SHA256
