"""What every `SpeechEngine` promises, told of the fake and of the real one."""

import dataclasses
import wave
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.speech.faster_whisper import FasterWhisperEngine
from bookmarkai_assets.core.errors import ConfigurationError, TranscriptionError
from bookmarkai_assets.core.ports import SpeechEngine
from bookmarkai_assets.core.transcripts import Transcript
from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from tests.fakes.speech import FakeSpeechEngine, silence_bytes, speech_bytes
from tests.support.wer import word_error_rate

SPOKEN = SHORT_SAMPLES[0]


@dataclass(frozen=True)
class Recordings:
    """An engine, and files in a form that it reads."""

    engine: SpeechEngine
    speech: Path
    silence: Path


@pytest.fixture(params=["fake", "faster-whisper"])
def recordings(request: pytest.FixtureRequest, tmp_path: Path) -> Recordings:
    """Give each engine in turn; the real one where its model is installed."""
    silence = tmp_path / "silence.wav"
    if request.param == "fake":
        speech = tmp_path / "speech.m4a"
        speech.write_bytes(speech_bytes(SPOKEN.text))
        silence.write_bytes(silence_bytes())
        return Recordings(FakeSpeechEngine(), speech, silence)
    request.getfixturevalue("tiny_en_model")
    with wave.open(str(silence), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(16_000)
        audio.writeframes(bytes(2 * 16_000 * 3))
    engine = FasterWhisperEngine(model="tiny.en", device="cpu", compute_type="int8", cpu_threads=1, beam_size=1)
    return Recordings(engine, SPOKEN.path, silence)


def test_speech_comes_back_as_text(recordings: Recordings) -> None:
    """What was said comes back with at most 15 words in a hundred wrong."""
    transcript = recordings.engine.transcribe(recordings.speech, language=None)
    assert word_error_rate(SPOKEN.text, transcript.text) <= 0.15


def test_segments_follow_each_other_within_the_file(recordings: Recordings) -> None:
    """Segments come in the order of the speech, none before the file's start or after its end, each with words."""
    transcript = recordings.engine.transcribe(recordings.speech, language=None)
    times = [time for segment in transcript.segments for time in (segment.start, segment.end)]
    assert times
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= transcript.duration_seconds
    assert all(segment.text.strip() for segment in transcript.segments)


def test_a_transcript_says_what_made_it(recordings: Recordings) -> None:
    """The transcript carries the names that the engine goes by before it has transcribed anything."""
    named = (recordings.engine.engine, recordings.engine.model)
    transcript = recordings.engine.transcribe(recordings.speech, language=None)
    assert (transcript.engine, transcript.model) == named


def test_the_language_is_named(recordings: Recordings) -> None:
    """English speech is reported as en with a probability between 0 and 1, and as surely en when en was given."""
    found = recordings.engine.transcribe(recordings.speech, language=None)
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


def test_a_second_time_hears_the_same(recordings: Recordings) -> None:
    """Transcribing a file again gives the same transcript, but for the time it took."""
    first, second = (recordings.engine.transcribe(recordings.speech, language=None) for _ in range(2))
    assert _without_time(first) == _without_time(second)


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


def _without_time(transcript: Transcript) -> Transcript:
    return dataclasses.replace(transcript, transcribe_seconds=0.0)
