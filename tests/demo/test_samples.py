"""The sample media themselves, on which the demo and many tests depend."""

import pytest

from bookmarkai_assets.adapters.speech.faster_whisper import FasterWhisperEngine
from bookmarkai_assets.demo.samples import BROKEN_SAMPLE, GOOD_SAMPLES, LONG_SAMPLE, SHORT_SAMPLES, Sample
from tests.support.wer import word_error_rate


@pytest.mark.usefixtures("tiny_en_model")
@pytest.mark.parametrize("sample", GOOD_SAMPLES, ids=lambda sample: sample.file)
def test_a_small_model_understands_each_sample(sample: Sample) -> None:
    """tiny.en, the smallest model there is, gets at most 15 words in a hundred wrong."""
    engine = FasterWhisperEngine(model="tiny.en", device="cpu", compute_type="int8", cpu_threads=1, beam_size=5)
    transcript = engine.transcribe(sample.path, language=None)
    assert word_error_rate(sample.text, transcript.text) <= 0.15


def test_lengths_are_those_of_short_videos() -> None:
    """The short samples last four to eight seconds, the long one about thirty; each has a picture and a sound track."""
    import av

    for sample in GOOD_SAMPLES:
        with av.open(str(sample.path)) as container:
            assert container.duration is not None
            seconds = container.duration / av.time_base
            assert [stream.codec_context.name for stream in container.streams] == ["h264", "aac"]
        assert 4 <= seconds <= 8 if sample in SHORT_SAMPLES else 28 <= seconds <= 32
    assert LONG_SAMPLE in GOOD_SAMPLES


def test_the_broken_sample_does_not_open() -> None:
    """The broken sample starts like an mp4 and lacks the index without which none plays."""
    import av
    import av.error

    assert BROKEN_SAMPLE.path.read_bytes()[4:8] == b"ftyp"
    with pytest.raises(av.error.InvalidDataError):
        av.open(str(BROKEN_SAMPLE.path))


def test_good_samples_can_be_played_while_they_load() -> None:
    """The index of each good sample comes before its media, as on a video site."""
    for sample in GOOD_SAMPLES:
        data = sample.path.read_bytes()
        assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_all_of_them_stay_small() -> None:
    """The package has at most 600 kB of media, and none that is not on the list."""
    files = list(LONG_SAMPLE.path.parent.iterdir())
    assert {file.name for file in files} == {sample.file for sample in (*GOOD_SAMPLES, BROKEN_SAMPLE)}
    assert sum(file.stat().st_size for file in files) <= 600_000


def test_no_two_samples_can_be_confused() -> None:
    """Files, titles and texts are all different."""
    for values in zip(*((sample.file, sample.title, sample.text) for sample in GOOD_SAMPLES), strict=True):
        assert len(set(values)) == len(GOOD_SAMPLES)
