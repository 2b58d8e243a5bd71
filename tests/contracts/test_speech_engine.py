"""The contract of `SpeechEngine`, for the fake and for the real engines."""

import dataclasses
import hashlib
import wave
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest

from bookmarkai_assets.adapters.speech.faster_whisper import FasterWhisperEngine
from bookmarkai_assets.adapters.speech.openai_whisper import OpenAIWhisperEngine
from bookmarkai_assets.core.errors import ConfigurationError, LeaseLostError, TranscriptionError
from bookmarkai_assets.core.transcripts.chunks import TranscriptChunk, contiguous_chunks
from bookmarkai_assets.core.transcripts.ports import SpeechEngine
from bookmarkai_assets.core.transcripts.transcript import Transcript
from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from tests.fakes.speech import FakeSpeechEngine, silence_bytes, speech_bytes
from tests.support import sounds
from tests.support.wer import word_error_rate

SPOKEN = next(sample for sample in SHORT_SAMPLES if sample.file == "desk-stretch.mp4")
"""The shortest, because openai-whisper is slow."""

TIMES = 2
"""How often it is said in the long sound: each time is a chunk when a chunk has six seconds at most."""

CHUNK_SECONDS = 6.0

REPEATED_IN_SOAK = pytest.mark.parametrize(
    "recordings", ["fake", "faster-whisper", pytest.param("openai-whisper", marks=pytest.mark.soak)], indirect=True
)
"""For tests that transcribe once more: with the slower engine in `make soak` alone."""


@dataclass(frozen=True)
class Recordings:
    """An engine, one like it with another beam size, one with small chunks, and files in a form that they read."""

    engine: SpeechEngine
    other: SpeechEngine
    dividing: SpeechEngine
    speech: Path
    silence: Path
    long: Path

    @cached_property
    def transcribed(self) -> tuple[Transcript, list[tuple[float, float]]]:
        """The transcript of the speech, made once for all tests that only read it, and the reported progress."""
        progress: list[tuple[float, float]] = []
        transcript = self.engine.transcribe(
            self.speech, language=None, on_progress=lambda done, of: progress.append((done, of))
        )
        return transcript, progress

    @property
    def transcript(self) -> Transcript:
        """The transcript alone."""
        return self.transcribed[0]

    @cached_property
    def divided(self) -> tuple[Transcript, list[TranscriptChunk], list[tuple[float, float]]]:
        """The transcript of the long sound, the chunks that were reported, and the reported progress."""
        chunks: list[TranscriptChunk] = []
        progress: list[tuple[float, float]] = []
        transcript = self.dividing.transcribe(
            self.long, language=None, on_progress=lambda done, of: progress.append((done, of)), on_chunk=chunks.append
        )
        return transcript, chunks, progress


@pytest.fixture(scope="module", params=["fake", "faster-whisper", "openai-whisper"])
def recordings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    """Return each engine in turn, the real ones where their packages are installed, all with the same weights."""
    tmp_path = tmp_path_factory.mktemp("recordings")
    silence, long = tmp_path / "silence.wav", tmp_path / "long.wav"
    if request.param == "fake":
        speech = tmp_path / "speech.m4a"
        speech.write_bytes(speech_bytes(SPOKEN.text))
        silence.write_bytes(silence_bytes())
        long.write_bytes(speech_bytes(" ".join([SPOKEN.text] * TIMES)))
        dividing = FakeSpeechEngine(chunk_seconds=CHUNK_SECONDS)
        return Recordings(FakeSpeechEngine(), FakeSpeechEngine(beam_size=2), dividing, speech, silence, long)
    with wave.open(str(silence), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(16_000)
        audio.writeframes(bytes(2 * 16_000 * 3))
    sounds.write_sound(long, np.tile(np.concatenate([sounds.speech(SPOKEN.path), sounds.silence(0.6)]), TIMES))
    if request.param == "faster-whisper":
        request.getfixturevalue("tiny_en_model")
        engines = (faster_whisper(2), faster_whisper(1), faster_whisper(1, CHUNK_SECONDS))
        return Recordings(*engines, SPOKEN.path, silence, long)
    checkpoint: Path = request.getfixturevalue("tiny_en_checkpoint")
    others = (openai_whisper(checkpoint, 1), openai_whisper(checkpoint, 1, CHUNK_SECONDS))
    return Recordings(openai_whisper(checkpoint, 2), *others, SPOKEN.path, silence, long)


@pytest.fixture(scope="module")
def usual_text(tiny_en_model: Path) -> str:
    """Return what faster-whisper writes for the speech."""
    assert tiny_en_model.is_dir()
    return faster_whisper(2).transcribe(SPOKEN.path, language=None).text


def faster_whisper(beam_size: int, chunk_seconds: float = 300.0) -> SpeechEngine:
    """Return the engine with the packaged model."""
    return FasterWhisperEngine(
        model="tiny.en",
        device="cpu",
        compute_type="int8",
        cpu_threads=1,
        beam_size=beam_size,
        chunk_seconds=chunk_seconds,
    )


def openai_whisper(checkpoint: Path, beam_size: int, chunk_seconds: float = 300.0) -> SpeechEngine:
    """Return the engine with a checkpoint of the same weights."""
    return OpenAIWhisperEngine(
        model=str(checkpoint),
        cache=checkpoint.parent,
        device="cpu",
        compute_type=None,
        cpu_threads=1,
        beam_size=beam_size,
        chunk_seconds=chunk_seconds,
    )


def test_speech_comes_back_as_text(recordings: Recordings) -> None:
    """The text has at most 15 wrong words in a hundred."""
    transcript = recordings.transcript
    assert word_error_rate(SPOKEN.text, transcript.text) <= 0.15


def test_segments_follow_each_other_within_the_file(recordings: Recordings) -> None:
    """Segments come in the order of the speech, none before the file's start or after its end, each with text."""
    transcript = recordings.transcript
    times = [time for segment in transcript.segments for time in (segment.start, segment.end)]
    assert times
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= transcript.duration_seconds
    assert all(segment.text.strip() for segment in transcript.segments)


def test_words_follow_each_other_within_their_segment(recordings: Recordings) -> None:
    """Each word has its time and probability, and the words of a segment together are its text."""
    for segment in recordings.transcript.segments:
        times = [time for word in segment.words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert segment.start <= times[0] < times[-1] <= segment.end
        assert "".join(word.text for word in segment.words) == segment.text
        assert all(0 < word.probability <= 1 for word in segment.words)
        assert 0.5 < segment.compression_ratio < 2.4


def test_progress_goes_on_to_the_end(recordings: Recordings) -> None:
    """Progress begins at zero, never goes back, and ends with the whole duration, also for silence."""
    of_silence: list[tuple[float, float]] = []
    silent = recordings.engine.transcribe(
        recordings.silence, language=None, on_progress=lambda done, of: of_silence.append((done, of))
    )
    for transcript, progress in (recordings.transcribed, (silent, of_silence)):
        assert {of for _, of in progress} == {transcript.duration_seconds}
        done = [seconds for seconds, _ in progress]
        assert done == sorted(done)
        assert (done[0], done[-1]) == (0.0, transcript.duration_seconds)
    assert len(recordings.transcribed[1]) >= 3


def test_a_transcript_names_its_recipe_and_its_sound(recordings: Recordings) -> None:
    """It has the recipe that the engine reported before it transcribed anything, and the hash of the file."""
    engine = recordings.engine
    recipe = engine.recipe()
    transcript = recordings.transcript
    assert transcript.recipe == recipe
    assert engine.prepare() == recipe
    assert (transcript.engine, transcript.model) == (engine.engine, engine.model) == (recipe.engine, recipe.model)
    assert len(bytes.fromhex(recipe.weights_sha256)) == 32
    assert transcript.audio_sha256 == hashlib.sha256(recordings.speech.read_bytes()).hexdigest()


def test_another_parameter_is_another_recipe(recordings: Recordings) -> None:
    """A beam of another size may find other words, so the recipes differ, while the same engine's stays the same."""
    assert recordings.engine.recipe().fingerprint != recordings.other.recipe().fingerprint
    assert recordings.engine.recipe().fingerprint == recordings.engine.recipe().fingerprint


def test_a_setup_is_the_recipe_without_the_weights(recordings: Recordings) -> None:
    """The setup is available where the model is not; another parameter changes it, and asking again does not."""
    engine = recordings.engine
    assert engine.setup == engine.recipe().setup
    assert (engine.setup.engine, engine.setup.model) == (engine.engine, engine.model)
    assert engine.setup.fingerprint == engine.recipe().setup.fingerprint != recordings.other.setup.fingerprint


def test_an_engine_knows_which_languages_it_supports(recordings: Recordings) -> None:
    """Every engine supports English, and none Klingon."""
    assert recordings.engine.supports("en")
    assert not recordings.engine.supports("tlh")


@REPEATED_IN_SOAK
def test_the_language_is_named(recordings: Recordings) -> None:
    """English speech is reported as en with a probability between 0 and 1, and as certain when en was given."""
    found = recordings.transcript
    given = recordings.engine.transcribe(recordings.speech, language="en")
    assert found.language == given.language == "en"
    assert 0.5 < found.language_probability <= 1.0
    assert given.language_probability == 1.0


def test_silence_has_no_words(recordings: Recordings) -> None:
    """A file without speech has an empty transcript with the file's duration, and nothing is invented."""
    transcript = recordings.engine.transcribe(recordings.silence, language=None)
    assert transcript.segments == ()
    assert transcript.text == ""
    assert transcript.duration_seconds == pytest.approx(3.0)
    assert transcript.speech_seconds == 0.0


@REPEATED_IN_SOAK
def test_transcribing_again_gives_the_same(recordings: Recordings) -> None:
    """Transcribing a file again gives the same words at the same times; figures may differ in their last digits."""
    again = recordings.engine.transcribe(recordings.speech, language=None)
    assert _without_figures(again) == _without_figures(recordings.transcript)
    for one, other in zip(again.segments, recordings.transcript.segments, strict=True):
        assert one.avg_logprob == pytest.approx(other.avg_logprob, abs=1e-4)


@REPEATED_IN_SOAK
def test_threads_may_share_an_engine(recordings: Recordings) -> None:
    """Calls from two threads at once each get their own file's transcript."""
    with ThreadPoolExecutor(2) as threads:
        spoken, silent = threads.map(
            lambda path: recordings.engine.transcribe(path, language=None), (recordings.speech, recordings.silence)
        )
    assert spoken.segments
    assert silent.segments == ()


@pytest.mark.parametrize(
    "content", [None, b"", b"<html><title>Not found</title></html>"], ids=["missing", "empty", "page"]
)
def test_a_file_that_is_no_media_is_refused_by_name(
    recordings: Recordings, tmp_path: Path, content: bytes | None
) -> None:
    """A missing file, an empty one and a web page instead of a video are each an error that names the file."""
    path = tmp_path / "odd.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TranscriptionError, match=r"odd\.mp4.*fetch"):
        recordings.engine.transcribe(path, language=None)


def test_an_unknown_language_is_a_settings_error(recordings: Recordings) -> None:
    """A language that the model does not know is refused by name, not replaced by another."""
    with pytest.raises(ConfigurationError, match="'tlh'"):
        recordings.engine.transcribe(recordings.speech, language="tlh")


def test_a_sound_of_one_chunk_reports_none(recordings: Recordings) -> None:
    """A sound that is transcribed in one go has no chunks to keep."""
    chunks: list[TranscriptChunk] = []
    recordings.engine.transcribe(recordings.silence, language=None, on_chunk=chunks.append)
    assert chunks == []


@REPEATED_IN_SOAK
def test_chunks_follow_each_other_and_are_the_transcript(recordings: Recordings) -> None:
    """The chunks of a long sound leave nothing out, and together they are the transcript."""
    transcript, chunks, _ = recordings.divided
    assert len(chunks) == TIMES
    assert contiguous_chunks(chunks) == tuple(chunks)
    assert chunks[-1].end == transcript.duration_seconds
    assert tuple(segment for chunk in chunks for segment in chunk.segments) == transcript.segments
    assert all(
        chunk.start <= segment.start <= segment.end <= chunk.end for chunk in chunks for segment in chunk.segments
    )
    assert transcript.speech_seconds == pytest.approx(sum(chunk.speech_seconds for chunk in chunks))
    assert transcript.transcribe_seconds == pytest.approx(sum(chunk.transcribe_seconds for chunk in chunks))
    assert {chunk.language for chunk in chunks} == {transcript.language} == {"en"}


@REPEATED_IN_SOAK
def test_a_divided_sound_is_transcribed_as_well(recordings: Recordings) -> None:
    """No word is lost at a cut: at most 15 words in a hundred are wrong, as without chunks."""
    assert word_error_rate(" ".join([SPOKEN.text] * TIMES), recordings.divided[0].text) <= 0.15


@REPEATED_IN_SOAK
def test_progress_goes_on_over_all_chunks(recordings: Recordings) -> None:
    """Progress counts the whole sound's time and never goes back between two chunks."""
    transcript, chunks, progress = recordings.divided
    done = [seconds for seconds, _ in progress]
    assert done == sorted(done)
    assert (done[0], progress[-1]) == (0.0, (transcript.duration_seconds, transcript.duration_seconds))
    assert {chunk.start for chunk in chunks} <= set(done)
    assert all(of >= seconds for seconds, of in progress)


@REPEATED_IN_SOAK
@pytest.mark.parametrize("count", [1, TIMES])
def test_kept_chunks_are_not_transcribed_again(recordings: Recordings, count: int) -> None:
    """An engine that is given the first chunks, or all, transcribes only the rest, and the transcript is the same.

    A transcript is in one language: that of the first chunk in which something was said.
    """
    transcript, chunks, _ = recordings.divided
    kept = [dataclasses.replace(chunk, language_probability=0.625) for chunk in chunks[:count]]
    fresh: list[TranscriptChunk] = []
    progress: list[float] = []
    again = recordings.dividing.transcribe(
        recordings.long,
        language=None,
        kept=kept,
        on_chunk=fresh.append,
        on_progress=lambda done, _: progress.append(done),
    )
    assert [(chunk.start, chunk.end) for chunk in fresh] == [(chunk.start, chunk.end) for chunk in chunks[count:]]
    assert progress[0] == kept[-1].end
    assert again.language_probability == 0.625
    assert _without_figures(dataclasses.replace(again, language_probability=transcript.language_probability)) == (
        _without_figures(transcript)
    )


@REPEATED_IN_SOAK
def test_a_callback_can_end_the_work(recordings: Recordings) -> None:
    """What a callback raises, here in the middle of a chunk, is passed on unchanged, and the engine still works."""

    def end(done_seconds: float, _all_seconds: float) -> None:
        if done_seconds:
            raise LeaseLostError("another has it")

    with pytest.raises(LeaseLostError):
        recordings.dividing.transcribe(recordings.long, language=None, on_progress=end)
    assert recordings.engine.transcribe(recordings.silence, language=None).segments == ()


def test_all_engines_transcribe_alike(recordings: Recordings, usual_text: str) -> None:
    """At most one word in twenty differs from faster-whisper's, with the same weights and beam size."""
    assert word_error_rate(usual_text, recordings.transcript.text) <= 0.05


def _without_figures(transcript: Transcript) -> Transcript:
    segments = tuple(
        dataclasses.replace(
            segment,
            avg_logprob=0.0,
            no_speech_prob=0.0,
            words=tuple(dataclasses.replace(word, probability=0.0) for word in segment.words),
        )
        for segment in transcript.segments
    )
    return dataclasses.replace(transcript, transcribe_seconds=0.0, segments=segments)
