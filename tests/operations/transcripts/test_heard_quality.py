"""The quality rules over what a real engine hears: silence, noise, music, speech, and speech that is not well."""

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


def heard(path: Path) -> Transcript:
    """Transcribe a file as the pipeline does, and judge it."""
    engine = FasterWhisperEngine(model="tiny.en", device="cpu", compute_type="int8", cpu_threads=1, beam_size=1)
    return assess(engine.transcribe(path, language="en"), hinted_language="en")


def heard_at_once(samples: Samples) -> Transcript:
    """Return what Whisper makes of a sound without what guards it: no voice detection, no second try by chance."""
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
    assert heard(sample.path).doubts == ()


@pytest.mark.parametrize("sound", [silence(20), noise(20), music(20)], ids=["silence", "noise", "music"])
def test_a_sound_without_speech_has_no_text(sound: Samples, tmp_path: Path) -> None:
    """Voice detection leaves nothing of it for Whisper, and the one doubt is that nobody speaks."""
    transcript = heard(write_sound(tmp_path / "sound.wav", sound))
    assert (transcript.segments, transcript.speech_seconds) == ((), 0.0)
    assert [doubt.kind for doubt in transcript.doubts] == [DoubtKind.NO_SPEECH]


@pytest.mark.parametrize(("sound", "text"), [(silence(20), "You"), (music(20), "Thank you.")], ids=["silence", "music"])
def test_what_whisper_invents_is_dropped(sound: Samples, text: str) -> None:
    """Without voice detection it writes what ends a video; by that, and by so little of it, it is known."""
    raw = heard_at_once(sound)
    assert raw.text == text
    transcript = assess(raw, hinted_language="en")
    assert transcript.segments == ()
    [doubt] = transcript.doubts
    assert (doubt.kind, text in doubt.words) == (DoubtKind.NO_SPEECH, True)


def test_speech_looped_over_and_over_is_doubted() -> None:
    """A sentence said six times is a loop in the text too, and an error; the text is kept, since it was said."""
    transcript = assess(heard_at_once(np.tile(speech(SPOKEN.path), 6)), hinted_language="en")
    [doubt] = transcript.doubts
    assert (doubt.kind, doubt.severity) == (DoubtKind.REPETITION_LOOP, Severity.ERROR)
    assert transcript.word_count > 40


def test_a_long_silence_between_speech_is_no_gap(tmp_path: Path) -> None:
    """A minute in which nobody speaks needs no text: what was said before and after it is covered."""
    said = speech(SPOKEN.path)
    transcript = heard(write_sound(tmp_path / "pause.wav", np.concatenate([said, silence(60), said])))
    assert transcript.doubts == ()
    assert word_error_rate(f"{SPOKEN.text} {SPOKEN.text}", transcript.text) <= 0.15


def test_speech_over_music_is_not_doubted(tmp_path: Path) -> None:
    """A tune in the background of somebody who talks is neither silence nor a loop."""
    said = speech(LONG_SAMPLE.path)
    behind = 0.3 * music(1 + len(said) // RATE)[: len(said)]
    transcript = heard(write_sound(tmp_path / "over.wav", said + behind))
    assert transcript.doubts == ()
    assert word_error_rate(LONG_SAMPLE.text, transcript.text) <= 0.15


def test_speech_that_the_engine_left_out_is_missed(tmp_path: Path) -> None:
    """Of a transcript that lost its second half, voice detection says that a voice has no text."""
    said = speech(LONG_SAMPLE.path)
    engine = FasterWhisperEngine(model="tiny.en", device="cpu", compute_type="int8", cpu_threads=1, beam_size=1)
    whole = engine.transcribe(write_sound(tmp_path / "long.wav", said), language="en")
    halved = replace(whole, segments=whole.segments[: len(whole.segments) // 2])
    [doubt] = assess(halved, hinted_language="en").doubts
    assert doubt.kind is DoubtKind.NOT_COVERED
    assert 10 < (doubt.figure or 0) < 20
