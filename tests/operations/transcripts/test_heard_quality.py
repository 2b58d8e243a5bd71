"""The quality rules over a real engine's transcripts: silence, noise, music, speech, and speech with problems."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bookmarkai_assets.adapters.speech.faster_whisper import FasterWhisperEngine, ModelParameters, shared_model
from bookmarkai_assets.core.transcripts.doubts import DoubtKind, Severity
from bookmarkai_assets.core.transcripts.quality import assess
from bookmarkai_assets.core.transcripts.transcript import Segment, Transcript
from bookmarkai_assets.demo.samples import LONG_SAMPLE, SHORT_SAMPLES, Sample
from tests.support.sounds import RATE, Samples, music, noise, silence, speech, write_sound
from tests.support.wer import word_error_rate

pytestmark = pytest.mark.usefixtures("tiny_en_model")

SPOKEN = SHORT_SAMPLES[3]


def transcribe_and_assess(path: Path) -> Transcript:
    """Transcribe a file as the pipeline does, and assess the transcript."""
    engine = FasterWhisperEngine(model="tiny.en", device="cpu", compute_type="int8", cpu_threads=1, beam_size=1)
    return assess(engine.transcribe(path, language="en"), hinted_language="en")


def transcribe_unguarded(samples: Samples) -> Transcript:
    """Return Whisper's transcript of a sound without its safeguards: no voice detection, no second try at random."""
    model = shared_model(ModelParameters("tiny.en", "cpu", "int8", 1)).whisper
    found, _ = model.transcribe(samples, temperature=0.0, vad_filter=False, condition_on_previous_text=False)
    segments = tuple(
        Segment(one.start, one.end, one.text, one.avg_logprob, one.no_speech_prob, one.compression_ratio)
        for one in found
    )
    return Transcript("faster-whisper", "tiny.en", "en", 1.0, len(samples) / RATE, segments, 0.0)


@pytest.mark.parametrize("sample", [*SHORT_SAMPLES[:3], LONG_SAMPLE], ids=lambda sample: sample.file)
def test_clear_speech_is_not_doubted(sample: Sample) -> None:
    """No rule doubts a sample, short or long."""
    assert transcribe_and_assess(sample.path).doubts == ()


@pytest.mark.parametrize("sound", [silence(20), noise(20), music(20)], ids=["silence", "noise", "music"])
def test_a_sound_without_speech_has_no_text(sound: Samples, tmp_path: Path) -> None:
    """Voice detection leaves nothing for Whisper, and the one doubt is that nobody speaks."""
    transcript = transcribe_and_assess(write_sound(tmp_path / "sound.wav", sound))
    assert (transcript.segments, transcript.speech_seconds) == ((), 0.0)
    assert [doubt.kind for doubt in transcript.doubts] == [DoubtKind.NO_SPEECH]


@pytest.mark.parametrize(("sound", "text"), [(silence(20), "You"), (music(20), "Thank you.")], ids=["silence", "music"])
def test_what_whisper_invents_is_dropped(sound: Samples, text: str) -> None:
    """Without voice detection Whisper writes what ends a video; that, and so little of it, shows the invention."""
    raw = transcribe_unguarded(sound)
    assert raw.text == text
    transcript = assess(raw, hinted_language="en")
    assert transcript.segments == ()
    [doubt] = transcript.doubts
    assert (doubt.kind, text in doubt.words) == (DoubtKind.NO_SPEECH, True)


def test_speech_looped_over_and_over_is_doubted() -> None:
    """A sentence said six times is a loop in the text too, and an error, but the text is kept, because it was said."""
    transcript = assess(transcribe_unguarded(np.tile(speech(SPOKEN.path), 6)), hinted_language="en")
    [doubt] = transcript.doubts
    assert (doubt.kind, doubt.severity) == (DoubtKind.REPETITION_LOOP, Severity.ERROR)
    assert transcript.word_count > 40


def test_a_long_silence_between_speech_is_no_gap(tmp_path: Path) -> None:
    """A minute in which nobody speaks needs no text, because the speech before and after has some."""
    spoken = speech(SPOKEN.path)
    transcript = transcribe_and_assess(
        write_sound(tmp_path / "pause.wav", np.concatenate([spoken, silence(60), spoken]))
    )
    assert transcript.doubts == ()
    assert word_error_rate(f"{SPOKEN.text} {SPOKEN.text}", transcript.text) <= 0.15


def test_speech_over_music_is_not_doubted(tmp_path: Path) -> None:
    """A tune behind somebody who talks is neither silence nor a loop."""
    spoken = speech(LONG_SAMPLE.path)
    behind = 0.3 * music(1 + len(spoken) // RATE)[: len(spoken)]
    transcript = transcribe_and_assess(write_sound(tmp_path / "over.wav", spoken + behind))
    assert transcript.doubts == ()
    assert word_error_rate(LONG_SAMPLE.text, transcript.text) <= 0.15


def test_speech_that_the_engine_left_out_is_noticed(tmp_path: Path) -> None:
    """For a transcript that lost its second half, voice detection shows a voice without text."""
    spoken = speech(LONG_SAMPLE.path)
    engine = FasterWhisperEngine(model="tiny.en", device="cpu", compute_type="int8", cpu_threads=1, beam_size=1)
    whole = engine.transcribe(write_sound(tmp_path / "long.wav", spoken), language="en")
    halved = replace(whole, segments=whole.segments[: len(whole.segments) // 2])
    [doubt] = assess(halved, hinted_language="en").doubts
    assert doubt.kind is DoubtKind.NOT_COVERED
    assert 10 < (doubt.figure or 0) < 20
