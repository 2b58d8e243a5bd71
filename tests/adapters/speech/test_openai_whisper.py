"""What openai-whisper's engine does beyond the port's promises."""

import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bookmarkai_assets.adapters.speech import openai_whisper
from bookmarkai_assets.adapters.speech.checkpoints import CHECKPOINTS
from bookmarkai_assets.adapters.speech.openai_whisper import ModelParameters, OpenAIWhisperEngine, shared_model
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.transcripts.transcript import Task
from bookmarkai_assets.demo.samples import LONG_SAMPLE, SHORT_SAMPLES
from tests.support.sounds import speech, write_sound

needs_package = pytest.mark.skipif(importlib.util.find_spec("whisper") is None, reason="needs the extra openai-whisper")


def make_engine(
    model: str, *, device: str = "cpu", compute_type: str | None = None, task: Task = Task.TRANSCRIBE
) -> OpenAIWhisperEngine:
    """Return an engine that differs from the usual one in what the test is about."""
    return OpenAIWhisperEngine(
        model=model,
        cache=Path("/nonexistent"),
        device=device,
        compute_type=compute_type,
        cpu_threads=1,
        beam_size=1,
        task=task,
    )


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine whose package is missing cannot be made, and the error has the command that installs it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'bookmarkai-assets\[openai-whisper\]'"):
        make_engine("tiny.en")


@needs_package
def test_making_an_engine_loads_nothing() -> None:
    """Making an engine loads no model: a missing model is noticed at the first use, with its path."""
    engine = make_engine("/no/such/model.pt")
    assert (engine.engine, engine.model) == ("openai-whisper", "/no/such/model.pt")
    for use in (engine.recipe, lambda: engine.transcribe(SHORT_SAMPLES[0].path, language=None)):
        with pytest.raises(ConfigurationError, match=r"/no/such/model\.pt"):
            use()


@needs_package
@pytest.mark.parametrize("compute_type", ["int8", "float16", "bfloat16"])
def test_an_unsupported_compute_type_is_refused(compute_type: str) -> None:
    """On a CPU openai-whisper supports only float32, and nothing else is silently replaced by it."""
    with pytest.raises(ConfigurationError, match=f"expected float32, .* on cpu, found {compute_type}"):
        make_engine("tiny.en", compute_type=compute_type)


@needs_package
@pytest.mark.parametrize("compute_type", [None, "default", "auto", "float32"])
def test_a_recipe_names_the_compute_type(tiny_en_checkpoint: Path, compute_type: str | None) -> None:
    """However float32 was configured, the recipe is the same."""
    recipe = make_engine(str(tiny_en_checkpoint), compute_type=compute_type).recipe()
    assert recipe.parameters["compute_type"] == "float32"


def test_an_english_only_model_does_not_translate(tiny_en_checkpoint: Path) -> None:
    """Asking an English-only model to translate is a settings error that names the setting and the model."""
    engine = make_engine(str(tiny_en_checkpoint), task=Task.TRANSLATE)
    with pytest.raises(ConfigurationError, match=r"WHISPER_TASK=translate: .*tiny\.en\.pt"):
        engine.transcribe(SHORT_SAMPLES[0].path, language=None)


def test_a_file_that_is_no_checkpoint_is_a_settings_error(tmp_path: Path) -> None:
    """A file that is no checkpoint is refused by name, before any share is."""
    pytest.importorskip("whisper")
    file = tmp_path / "video.pt"
    file.write_bytes(b"no weights")
    with pytest.raises(ConfigurationError, match=f"expected an openai-whisper checkpoint in {file}"):
        make_engine(str(file)).transcribe(SHORT_SAMPLES[0].path, language=None)


def test_equal_parameters_share_one_model(tiny_en_checkpoint: Path) -> None:
    """A later request for the same model gets the loaded one, with the hash of its file."""
    parameters = ModelParameters(str(tiny_en_checkpoint), tiny_en_checkpoint.parent, "cpu", 1)
    assert shared_model(parameters) is shared_model(parameters)
    assert make_engine(str(tiny_en_checkpoint)).recipe().weights_sha256 == shared_model(parameters).weights_sha256


@needs_package
def test_the_list_of_models_is_the_vendors() -> None:
    """Our names and hashes are those of the installed package."""
    import whisper

    assert {name: url.split("/")[-2] for name, url in whisper._MODELS.items()} == dict(CHECKPOINTS)


def test_importing_the_adapter_loads_no_torch() -> None:
    """The vendor is imported with the first model."""
    assert "whisper" not in vars(openai_whisper)
    assert "torch" not in vars(sys.modules[openai_whisper.__name__])


def test_every_window_uses_the_configured_threads(tiny_en_checkpoint: Path, tmp_path: Path) -> None:
    """Every window is decoded by the configured number of threads, whichever thread asks.

    This also holds after words were aligned, which uses as many threads as there are cores.
    """
    torch = pytest.importorskip("torch")
    engine = make_engine(str(tiny_en_checkpoint))
    loaded = shared_model(ModelParameters(str(tiny_en_checkpoint), Path("/nonexistent"), "cpu", 1))
    threads: list[int] = []
    hook = loaded.whisper.encoder.register_forward_pre_hook(lambda *_: threads.append(torch.get_num_threads()))
    both = np.concatenate([speech(sample.path) for sample in (LONG_SAMPLE, SHORT_SAMPLES[1])])
    try:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(engine.transcribe, write_sound(tmp_path / "both.wav", both), language="en").result()
    finally:
        hook.remove()
    assert len(threads) >= 2
    assert set(threads) == {1}
