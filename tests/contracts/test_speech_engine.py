"""What every `SpeechEngine` promises, told of the fake and of the real ones."""

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
"""The shortest: openai-whisper takes its time."""

TIMES = 2
"""How often it is said in the long sound: each time is a part where a span has six seconds at most."""

CHUNK_SECONDS = 6.0


@dataclass(frozen=True)
class Recordings:
    """An engine, one like it with another beam, one that divides early, and files in a form that they read."""

    engine: SpeechEngine
    other: SpeechEngine
    dividing: SpeechEngine
    speech: Path
    silence: Path
    long: Path

    @cached_property
    def told(self) -> tuple[Transcript, list[tuple[float, float]]]:
        """What was heard in the speech, once for all tests that only look at it, and the progress that was told."""
        told: list[tuple[float, float]] = []
        transcript = self.engine.transcribe(
            self.speech, language=None, on_progress=lambda done, of: told.append((done, of))
        )
        return transcript, told

    @property
    def heard(self) -> Transcript:
        """The transcript alone."""
        return self.told[0]

    @cached_property
    def divided(self) -> tuple[Transcript, list[TranscriptChunk], list[tuple[float, float]]]:
        """What was heard in the long sound, the parts that were given, and the progress that was told."""
        parts: list[TranscriptChunk] = []
        told: list[tuple[float, float]] = []
        transcript = self.dividing.transcribe(
            self.long, language=None, on_progress=lambda done, of: told.append((done, of)), on_chunk=parts.append
        )
        return transcript, parts, told


@pytest.fixture(scope="module", params=["fake", "faster-whisper", "openai-whisper"])
def recordings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    """Return each engine in turn; the real ones where their packages are installed, with the same weights."""
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


def faster_whisper(beam_size: int, chunk_seconds: float = 300.0) -> SpeechEngine:
    """Make the engine with the packaged model."""
    return FasterWhisperEngine(
        model="tiny.en",
        device="cpu",
        compute_type="int8",
        cpu_threads=1,
        beam_size=beam_size,
        chunk_seconds=chunk_seconds,
    )


def openai_whisper(checkpoint: Path, beam_size: int, chunk_seconds: float = 300.0) -> SpeechEngine:
    """Make the engine with a checkpoint of the same weights."""
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
    """What was said comes back with at most 15 words in a hundred wrong."""
    transcript = recordings.heard
    assert word_error_rate(SPOKEN.text, transcript.text) <= 0.15


def test_segments_follow_each_other_within_the_file(recordings: Recordings) -> None:
    """Segments come in the order of the speech, none before the file's start or after its end, each with words."""
    transcript = recordings.heard
    times = [time for segment in transcript.segments for time in (segment.start, segment.end)]
    assert times
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= transcript.duration_seconds
    assert all(segment.text.strip() for segment in transcript.segments)


def test_words_follow_each_other_within_their_segment(recordings: Recordings) -> None:
    """Each word has its time and how sure it is; put together, the words of a segment are its text."""
    for segment in recordings.heard.segments:
        times = [time for word in segment.words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert segment.start <= times[0] < times[-1] <= segment.end
        assert "".join(word.text for word in segment.words) == segment.text
        assert all(0 < word.probability <= 1 for word in segment.words)
        assert 0.5 < segment.compression_ratio < 2.4


def test_progress_goes_on_to_the_end(recordings: Recordings) -> None:
    """What is told begins at nothing, never goes back, and ends with all; of silence too."""
    of_silence: list[tuple[float, float]] = []
    silent = recordings.engine.transcribe(
        recordings.silence, language=None, on_progress=lambda done, of: of_silence.append((done, of))
    )
    for transcript, told in (recordings.told, (silent, of_silence)):
        assert {of for _, of in told} == {transcript.duration_seconds}
        done = [seconds for seconds, _ in told]
        assert done == sorted(done)
        assert (done[0], done[-1]) == (0.0, transcript.duration_seconds)
    assert len(recordings.told[1]) >= 3


def test_a_transcript_says_what_made_it_of_what(recordings: Recordings) -> None:
    """It carries the recipe that the engine told before it transcribed anything, and the hash of the file."""
    engine = recordings.engine
    recipe = engine.recipe()
    transcript = recordings.heard
    assert transcript.recipe == recipe
    assert engine.prepare() == recipe
    assert (transcript.engine, transcript.model) == (engine.engine, engine.model) == (recipe.engine, recipe.model)
    assert len(bytes.fromhex(recipe.weights_sha256)) == 32
    assert transcript.audio_sha256 == hashlib.sha256(recordings.speech.read_bytes()).hexdigest()


def test_another_parameter_is_another_recipe(recordings: Recordings) -> None:
    """A beam of another size may hear other words: the recipes differ, while the same engine's stays the same."""
    assert recordings.engine.recipe().fingerprint != recordings.other.recipe().fingerprint
    assert recordings.engine.recipe().fingerprint == recordings.engine.recipe().fingerprint


def test_a_setup_is_the_recipe_without_the_weights(recordings: Recordings) -> None:
    """So it can be had where the model is not; another parameter changes it, and asking again does not."""
    engine = recordings.engine
    assert engine.setup == engine.recipe().setup
    assert (engine.setup.engine, engine.setup.model) == (engine.engine, engine.model)
    assert engine.setup.fingerprint == engine.recipe().setup.fingerprint != recordings.other.setup.fingerprint


def test_an_engine_says_which_languages_it_knows(recordings: Recordings) -> None:
    """English is known to all of them, Klingon to none."""
    assert recordings.engine.supports("en")
    assert not recordings.engine.supports("tlh")


def test_the_language_is_named(recordings: Recordings) -> None:
    """English speech is reported as en with a probability between 0 and 1, and as surely en when en was given."""
    found = recordings.heard
    given = recordings.engine.transcribe(recordings.speech, language="en")
    assert found.language == given.language == "en"
    assert 0.5 < found.language_probability <= 1.0
    assert given.language_probability == 1.0


def test_silence_has_no_words(recordings: Recordings) -> None:
    """A file without speech gives an empty transcript that knows how long the file is: nothing is invented."""
    transcript = recordings.engine.transcribe(recordings.silence, language=None)
    assert transcript.segments == ()
    assert transcript.text == ""
    assert transcript.duration_seconds == pytest.approx(3.0)
    assert transcript.speech_seconds == 0.0


def test_a_second_time_hears_the_same(recordings: Recordings) -> None:
    """Transcribing a file again gives the same words at the same times; figures may differ in their last digits."""
    again = recordings.engine.transcribe(recordings.speech, language=None)
    assert _without_figures(again) == _without_figures(recordings.heard)
    for one, other in zip(again.segments, recordings.heard.segments, strict=True):
        assert one.avg_logprob == pytest.approx(other.avg_logprob, abs=1e-4)


def test_threads_may_share_an_engine(recordings: Recordings) -> None:
    """Calls from two threads at once give each its own file's transcript."""
    with ThreadPoolExecutor(2) as threads:
        spoken, silent = threads.map(
            lambda path: recordings.engine.transcribe(path, language=None), (recordings.speech, recordings.silence)
        )
    assert spoken.segments
    assert silent.segments == ()


@pytest.mark.parametrize(
    "content", [None, b"", b"<html><title>Not found</title></html>"], ids=["missing", "empty", "page"]
)
def test_what_is_no_media_is_refused_by_name(recordings: Recordings, tmp_path: Path, content: bytes | None) -> None:
    """A missing file, an empty one and a web page in a video's place are each an error that names the file."""
    path = tmp_path / "odd.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TranscriptionError, match=r"odd\.mp4.*fetch"):
        recordings.engine.transcribe(path, language=None)


def test_an_unknown_language_is_a_matter_of_settings(recordings: Recordings) -> None:
    """A language that the model does not know is refused with the word that was given, not replaced by another."""
    with pytest.raises(ConfigurationError, match="'tlh'"):
        recordings.engine.transcribe(recordings.speech, language="tlh")


def test_a_sound_of_one_span_gives_no_part(recordings: Recordings) -> None:
    """Nothing is to be kept of what is done at once."""
    parts: list[TranscriptChunk] = []
    recordings.engine.transcribe(recordings.silence, language=None, on_chunk=parts.append)
    assert parts == []


def test_parts_follow_each_other_and_are_the_transcript(recordings: Recordings) -> None:
    """A long sound is heard in parts that leave nothing out; together they are what the transcript says."""
    transcript, parts, _ = recordings.divided
    assert len(parts) == TIMES
    assert contiguous_chunks(parts) == tuple(parts)
    assert parts[-1].end == transcript.duration_seconds
    assert tuple(segment for part in parts for segment in part.segments) == transcript.segments
    assert all(part.start <= segment.start <= segment.end <= part.end for part in parts for segment in part.segments)
    assert transcript.speech_seconds == pytest.approx(sum(part.speech_seconds for part in parts))
    assert transcript.transcribe_seconds == pytest.approx(sum(part.transcribe_seconds for part in parts))
    assert {part.language for part in parts} == {transcript.language} == {"en"}


def test_a_divided_sound_is_heard_as_well(recordings: Recordings) -> None:
    """No word is lost where it is cut: 15 words in a hundred may be wrong, as ever."""
    assert word_error_rate(" ".join([SPOKEN.text] * TIMES), recordings.divided[0].text) <= 0.15


def test_progress_goes_on_over_all_parts(recordings: Recordings) -> None:
    """It is by the whole sound's time, and never goes back between two parts."""
    transcript, parts, told = recordings.divided
    done = [seconds for seconds, _ in told]
    assert done == sorted(done)
    assert (done[0], told[-1]) == (0.0, (transcript.duration_seconds, transcript.duration_seconds))
    assert {part.start for part in parts} <= set(done)
    assert all(of >= seconds for seconds, of in told)


@pytest.mark.parametrize("count", [1, TIMES])
def test_what_is_kept_is_not_done_again(recordings: Recordings, count: int) -> None:
    """An engine that is given the first parts, or all, hears only the rest; the transcript is the same.

    One transcript is in one language: that of the first part in which something was said.
    """
    transcript, parts, _ = recordings.divided
    kept = [dataclasses.replace(part, language_probability=0.625) for part in parts[:count]]
    fresh: list[TranscriptChunk] = []
    told: list[float] = []
    again = recordings.dividing.transcribe(
        recordings.long, language=None, kept=kept, on_chunk=fresh.append, on_progress=lambda done, _: told.append(done)
    )
    assert [(part.start, part.end) for part in fresh] == [(part.start, part.end) for part in parts[count:]]
    assert told[0] == kept[-1].end
    assert again.language_probability == 0.625
    assert _without_figures(dataclasses.replace(again, language_probability=transcript.language_probability)) == (
        _without_figures(transcript)
    )


def test_who_listens_can_end_the_work(recordings: Recordings) -> None:
    """What a listener raises, here in the middle of a part, comes out as it is; the engine works on afterwards."""

    def end(done_seconds: float, _all_seconds: float) -> None:
        if done_seconds:
            raise LeaseLostError("another has it")

    with pytest.raises(LeaseLostError):
        recordings.dividing.transcribe(recordings.long, language=None, on_progress=end)
    assert recordings.engine.transcribe(recordings.silence, language=None).segments == ()


@pytest.mark.usefixtures("tiny_en_model")
def test_all_engines_hear_the_same(recordings: Recordings) -> None:
    """At most one word in twenty is another one than faster-whisper hears, with the same weights and beam."""
    heard = faster_whisper(2).transcribe(SPOKEN.path, language=None).text
    assert word_error_rate(heard, recordings.heard.text) <= 0.05


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
