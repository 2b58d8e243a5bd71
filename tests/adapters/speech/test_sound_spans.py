"""How a long sound is divided: by its own quiet moments, always alike, and never in memory whole."""

import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookmarkai_assets.adapters.speech.audio import chunks_of
from bookmarkai_assets.core.errors import TranscriptionError
from bookmarkai_assets.core.media.sound import SAMPLES_PER_SECOND
from bookmarkai_assets.demo.samples import LONG_SAMPLE
from tests.support.sounds import RATE, noise, silence, speech, write_sound

ends = st.lists(st.integers(1, 12 * RATE), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a place for sounds, which examples overwrite."""
    return tmp_path_factory.mktemp("sounds")


@given(pieces=ends, chunk_seconds=st.sampled_from([1.0, 2.5, 4.0]))
def test_spans_are_the_sound(directory: Path, pieces: list[int], chunk_seconds: float) -> None:
    """Put together they are all of it and no sample twice; none is longer than one and a half, or empty."""
    chance = np.random.default_rng(sum(pieces))
    sound = np.concatenate(
        [chance.uniform(-1, 1, size).astype(np.float32) * level for level, size in enumerate(pieces)]
    )
    path = write_sound(directory / "sound.wav", sound)
    spans = list(chunks_of(path, chunk_seconds=chunk_seconds))
    assert np.array_equal(np.concatenate([span.samples for span in spans]), next(chunks_of(path)).samples)
    assert [span.end for span in spans[:-1]] == [span.start for span in spans[1:]]
    assert all(0 < span.seconds <= 1.5 * chunk_seconds for span in spans)
    assert [span.is_last for span in spans] == [False] * (len(spans) - 1) + [True]
    assert spans[-1].end == spans[-1].whole_seconds == len(sound) / SAMPLES_PER_SECOND


@settings(max_examples=20)
@given(pieces=ends)
def test_reading_goes_on_where_it_was(directory: Path, pieces: list[int]) -> None:
    """From any span's start on, the same ones come; from the end on, none."""
    path = write_sound(directory / "sound.wav", noise(sum(pieces) / RATE))
    spans = list(chunks_of(path, chunk_seconds=2))
    for number, span in enumerate(spans):
        rest = list(chunks_of(path, chunk_seconds=2, start=span.start))
        assert [(one.start, one.end, one.is_last) for one in rest] == [
            (one.start, one.end, one.is_last) for one in spans[number:]
        ]
        assert np.array_equal(rest[0].samples, span.samples)
    assert list(chunks_of(path, chunk_seconds=2, start=spans[-1].end)) == []


def test_a_cut_is_where_it_is_quiet(tmp_path: Path) -> None:
    """The pause of a third of a second that a span's last part has is where it ends, however loud the rest."""
    sound = np.concatenate([noise(7.4), silence(0.35), noise(6.25), silence(0.35), noise(9)])
    ends = [span.end for span in chunks_of(write_sound(tmp_path / "sound.wav", sound), chunk_seconds=8)]
    assert ends[0] == pytest.approx(7.575, abs=0.05)
    assert ends[1] == pytest.approx(14.175, abs=0.05)


def test_a_cut_is_between_words(tmp_path: Path) -> None:
    """In real speech, no louder sound stands within a tenth of a second of any cut."""
    samples = speech(LONG_SAMPLE.path)
    spans = list(chunks_of(write_sound(tmp_path / "speech.wav", samples), chunk_seconds=10))
    loud = float(np.abs(samples).mean())
    assert len(spans) >= 3
    for one, other in pairwise(spans):
        around = np.concatenate([one.samples[-RATE // 10 :], other.samples[: RATE // 10]])
        assert np.abs(around).mean() < loud / 4


def test_a_sound_that_is_hardly_longer_is_one(tmp_path: Path) -> None:
    """What is left behind a cut is never a scrap: up to half a span more (30 s at most) is read in one."""
    for seconds, count in ((2.0, 1), (3.0, 1), (3.01, 2)):
        path = write_sound(tmp_path / "sound.wav", noise(seconds))
        assert len(list(chunks_of(path, chunk_seconds=2))) == count


def test_hours_take_no_more_memory_than_minutes(tmp_path: Path) -> None:
    """Twenty minutes are read with the memory that five take, span by span."""
    peaks = [peak_bytes(write_sound(tmp_path / "sound.wav", np.tile(noise(10), count))) for count in (30, 120)]
    assert peaks[1] < 1.05 * peaks[0]


def peak_bytes(path: Path) -> int:
    """Read a sound in spans of a minute; give the most memory that was taken at any time."""
    tracemalloc.start()
    try:
        for _ in chunks_of(path, chunk_seconds=60):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_file_that_breaks_off_says_so_when_that_is_reached(tmp_path: Path) -> None:
    """A recording whose end is missing is read as far as it goes; one that has no beginning is none."""
    path = write_sound(tmp_path / "sound.wav", noise(10))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert [span.end for span in chunks_of(path, chunk_seconds=2)][-1] == pytest.approx(5, abs=0.1)
    path.write_bytes(whole[1000:])
    with pytest.raises(TranscriptionError, match=r"sound\.wav.*fetch the media again"):
        list(chunks_of(path, chunk_seconds=2))
