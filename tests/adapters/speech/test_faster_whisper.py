"""What faster-whisper's engine does beyond the port's promises."""

import random
import struct
import threading
import wave
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bookmarkai_assets.adapters.speech import faster_whisper
from bookmarkai_assets.adapters.speech.faster_whisper import FasterWhisperEngine, ModelParameters, shared_model
from bookmarkai_assets.core.errors import ConfigurationError, TranscriptionError
from bookmarkai_assets.core.transcripts.transcript import Task
from bookmarkai_assets.demo.samples import LONG_SAMPLE, SHORT_SAMPLES, Sample
from tests.support.deadlines import HANG_SECONDS
from tests.support.sounds import Samples, silence, speech, write_sound
from tests.support.wer import word_error_rate

TINY_EN = ModelParameters(model="tiny.en", device="cpu", compute_type="int8", cpu_threads=1)
RATE = 16_000


def make_engine(
    model: str = "tiny.en", device: str = "cpu", compute_type: str = "int8", task: Task = Task.TRANSCRIBE
) -> FasterWhisperEngine:
    """Return an engine that differs from the usual one in what the test is about."""
    return FasterWhisperEngine(
        model=model, device=device, compute_type=compute_type, cpu_threads=1, beam_size=1, task=task
    )


def write_wav(path: Path, samples: Iterable[float]) -> Path:
    """Write mono sound at 16 kHz with samples between -1 and 1."""
    with wave.open(str(path), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(RATE)
        audio.writeframes(b"".join(struct.pack("<h", int(32_767 * sample)) for sample in samples))
    return path


@pytest.fixture
def decoding_threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the thread of each window that is decoded by itself, in order."""
    whisper: Any = shared_model(TINY_EN).whisper
    generate, threads = whisper.generate_with_fallback, list[int]()

    def count(*given: object) -> object:
        threads.append(threading.get_ident())
        return generate(*given)

    monkeypatch.setattr(whisper, "generate_with_fallback", count)
    return threads


@pytest.mark.usefixtures("tiny_en_model")
class TestWithTheModel:
    """Needs the installed tiny.en."""

    def test_threads_share_one_model(self) -> None:
        """Four threads that ask at once share one load, and a later request with equal parameters shares it too."""
        with ThreadPoolExecutor(4) as threads:
            models = list(threads.map(lambda _: shared_model(TINY_EN), range(4)))
        assert all(model is models[0] for model in models)
        assert shared_model(ModelParameters("tiny.en", "cpu", "int8", 1)) is models[0]

    def test_noise_is_no_speech(self, tmp_path: Path) -> None:
        """Five seconds of loud noise give no words."""
        loud = random.Random(1)  # noqa: S311 - noise, not a secret
        noise = write_wav(tmp_path / "noise.wav", (loud.uniform(-0.5, 0.5) for _ in range(5 * RATE)))
        transcript = make_engine().transcribe(noise, language=None)
        assert transcript.text == ""
        assert transcript.duration_seconds == pytest.approx(5.0)

    def test_times_count_the_silence_that_was_left_out(self, tmp_path: Path) -> None:
        """Speech after eight silent seconds is dated after them, though the model never saw the silence."""
        late = write_wav(tmp_path / "late.wav", [0.0] * (8 * RATE) + _decoded(SHORT_SAMPLES[0].path))
        transcript = make_engine().transcribe(late, language=None)
        assert 7.0 <= transcript.segments[0].start <= 8.5

    def test_no_segment_ends_after_the_file(self, tmp_path: Path) -> None:
        """Speech cut off in mid-word, which Whisper dates past the end of the file, ends with the file."""
        cut_seconds = 3.77
        cut = write_wav(tmp_path / "cut.wav", _decoded(SHORT_SAMPLES[0].path)[: int(cut_seconds * RATE)])
        transcript = make_engine().transcribe(cut, language=None)
        assert transcript.duration_seconds == pytest.approx(cut_seconds, abs=0.001)
        assert 3.5 < transcript.segments[-1].end <= transcript.duration_seconds

    def test_half_a_minute_has_several_segments(self) -> None:
        """A longer text comes in segments of a few seconds each, which subtitles can use."""
        transcript = make_engine().transcribe(LONG_SAMPLE.path, language="en")
        assert len(transcript.segments) >= 5
        assert all(0 < segment.end - segment.start < 15 for segment in transcript.segments)
        assert 0 < transcript.transcribe_seconds < 60

    def test_an_english_model_refuses_another_language(self) -> None:
        """Asking tiny.en for German is a settings error that says which models know German, not English text."""
        with pytest.raises(ConfigurationError, match=r"tiny\.en knows English only, found 'de'; .* without \.en"):
            make_engine().transcribe(SHORT_SAMPLES[0].path, language="de")

    def test_an_english_only_model_does_not_translate(self) -> None:
        """Asking an English-only model to translate is a settings error that names the setting and the model."""
        with pytest.raises(ConfigurationError, match=r"WHISPER_TASK=translate: .* tiny\.en"):
            make_engine(task=Task.TRANSLATE).transcribe(SHORT_SAMPLES[0].path, language=None)

    @pytest.mark.parametrize(
        ("samples", "windows"),
        [([LONG_SAMPLE], 1), ([LONG_SAMPLE, SHORT_SAMPLES[1]], 2)],
        ids=["half a minute", "more than a window"],
    )
    def test_silence_after_the_last_word_is_not_decoded(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        decoding_threads: list[int],
        samples: Sequence[Sample],
        windows: int,
    ) -> None:
        """Only as many windows are decoded as speech fills: one as a whole, several in turn, none for a silent rest."""
        whisper: Any = shared_model(TINY_EN).whisper
        encode, heard = whisper.encode, []

        def count(features: object) -> object:
            encoded: object = encode(features)
            heard.append(features)
            return encoded

        monkeypatch.setattr(whisper, "encode", count)
        joined_speech = one_after_another(samples, pause_seconds=1.5)

        transcript = make_engine().transcribe(write_sound(tmp_path / "said.wav", joined_speech), language="en")

        assert len(heard) == windows
        assert len(decoding_threads) == (0 if windows == 1 else windows)
        assert word_error_rate(" ".join(sample.text for sample in samples), transcript.text) <= 0.15

    def test_short_sounds_of_several_threads_are_decoded_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Four sounds are decoded in one batch, and each transcript is identical to the one it gets alone."""
        whisper: Any = shared_model(TINY_EN).whisper
        files = [sample.path for sample in (*SHORT_SAMPLES[:3], LONG_SAMPLE)]
        alone = [make_engine().transcribe(file, language="en").segments for file in files]
        encode, all_are_there, batch_sizes = whisper.encode, threading.Barrier(len(files)), []
        vendor: Any = vars(whisper.model)["_model"]

        def meet(features: object) -> object:
            all_are_there.wait(HANG_SECONDS)
            encoded: object = encode(features)
            return encoded

        class Vendor:
            def __getattr__(self, name: str) -> object:
                return getattr(vendor, name)

            def generate(self, encoded: object, prompts: Sequence[object], **options: object) -> object:
                batch_sizes.append(len(prompts))
                return vendor.generate(encoded, prompts, **options)

        monkeypatch.setattr(whisper, "encode", meet)
        monkeypatch.setattr(whisper.model, "_model", Vendor())
        with ThreadPoolExecutor(len(files)) as threads:
            together = list(threads.map(lambda file: make_engine().transcribe(file, language="en").segments, files))

        assert batch_sizes == [len(files)]
        assert together == alone

    def test_long_sounds_take_turns(self, tmp_path: Path, decoding_threads: list[int]) -> None:
        """Two long sounds are transcribed one after the other, because each takes memory by the minute."""
        joined_speech = one_after_another([LONG_SAMPLE, SHORT_SAMPLES[1]], pause_seconds=1.5)
        file = write_sound(tmp_path / "said.wav", joined_speech)
        with ThreadPoolExecutor(2) as threads:
            one, other = threads.map(lambda _: make_engine().transcribe(file, language="en").text, range(2))

        assert one == other
        assert len(decoding_threads) == 4
        assert decoding_threads[0] == decoding_threads[1] != decoding_threads[2] == decoding_threads[3]

    @pytest.mark.parametrize("ratio", [2.4, 0.0], ids=["sure", "in doubt"])
    def test_a_batch_of_windows_gives_the_same_text(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoding_threads: list[int], ratio: float
    ) -> None:
        """A batch of windows keeps every word and each sentence's times; doubtful windows are decoded again in turn."""
        monkeypatch.setattr(faster_whisper, "_MAX_COMPRESSION_RATIO", ratio)
        samples = [SHORT_SAMPLES[1], LONG_SAMPLE]
        both = one_after_another(samples, pause_seconds=1)
        engine = FasterWhisperEngine(
            model="tiny.en", device="cpu", compute_type="int8", cpu_threads=1, beam_size=1, batch_size=2
        )
        progress: list[float] = []

        transcript = engine.transcribe(
            write_sound(tmp_path / "both.wav", both), language=None, on_progress=lambda done, _: progress.append(done)
        )

        assert word_error_rate(" ".join(sample.text for sample in samples), transcript.text) <= 0.15
        assert len(transcript.segments) >= 6
        assert all("".join(word.text for word in one.words) == one.text for one in transcript.segments)
        assert progress == sorted(progress)
        assert bool(decoding_threads) is (ratio == 0)

    def test_a_video_without_sound_is_refused(self, tmp_path: Path) -> None:
        """A video that has only a picture is an error that says so."""
        with pytest.raises(TranscriptionError, match=r"expected a sound track in .*mute\.mp4, found none"):
            make_engine().transcribe(_mute_video(tmp_path / "mute.mp4"), language=None)

    def test_a_track_without_a_sample_is_refused(self, tmp_path: Path) -> None:
        """A sound file of no length is not taken for silence."""
        with pytest.raises(TranscriptionError, match="nothing decodes"):
            make_engine().transcribe(write_wav(tmp_path / "nothing.wav", ()), language=None)

    def test_a_compute_type_that_does_not_exist_is_a_settings_error(self) -> None:
        """The error names the compute type and one that works, and the model can still be loaded with that one."""
        with pytest.raises(ConfigurationError, match=r"int3.*int8 works everywhere"):
            make_engine(compute_type="int3").transcribe(SHORT_SAMPLES[0].path, language=None)
        assert make_engine().transcribe(SHORT_SAMPLES[0].path, language=None).text

    @pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json"])
    def test_a_truncated_file_is_a_settings_error(self, tiny_en_model: Path, tmp_path: Path, name: str) -> None:
        """A directory in which one file is truncated is refused by name, before any share is."""
        directory = tmp_path / "cut"
        directory.mkdir()
        for file in tiny_en_model.iterdir():
            (directory / file.name).symlink_to(file)
        (directory / name).unlink()
        (directory / name).write_bytes((tiny_en_model / name).read_bytes()[:2000])
        with pytest.raises(ConfigurationError, match=f"expected a model in {directory}"):
            make_engine(model=str(directory)).transcribe(SHORT_SAMPLES[0].path, language=None)


def test_making_an_engine_loads_nothing() -> None:
    """Making an engine loads no model: a missing model is noticed at the first use, with its path."""
    engine = make_engine(model="/no/such/model")
    assert (engine.engine, engine.model) == ("faster-whisper", "/no/such/model")
    with pytest.raises(ConfigurationError, match="/no/such/model"):
        engine.transcribe(SHORT_SAMPLES[0].path, language=None)


def one_after_another(samples: Sequence[Sample], *, pause_seconds: float) -> Samples:
    """Return the samples' speech in one sound, with a pause after each."""
    return np.concatenate([sound for one in samples for sound in (speech(one.path), silence(pause_seconds))])


def _decoded(path: Path) -> list[float]:
    from faster_whisper import decode_audio

    samples: list[float] = decode_audio(str(path), sampling_rate=RATE).tolist()
    return samples


def _mute_video(path: Path) -> Path:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(5))
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode())
    return path
