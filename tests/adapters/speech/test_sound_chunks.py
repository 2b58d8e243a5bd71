"""How a long sound is divided into chunks: at its own quiet moments, always alike, and never in memory whole."""

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
    """Return a directory for sounds, which examples overwrite."""
    return tmp_path_factory.mktemp("sounds")


@given(pieces=ends, chunk_seconds=st.sampled_from([1.0, 2.5, 4.0]))
def test_chunks_are_the_sound(directory: Path, pieces: list[int], chunk_seconds: float) -> None:
    """Chunks join to the whole sound without repetition, none is empty, and none is longer than one and a half."""
    chance = np.random.default_rng(sum(pieces))
    sound = np.concatenate(
        [chance.uniform(-1, 1, size).astype(np.float32) * level for level, size in enumerate(pieces)]
    )
    path = write_sound(directory / "sound.wav", sound)
    chunks = list(chunks_of(path, chunk_seconds=chunk_seconds))
    assert np.array_equal(np.concatenate([chunk.samples for chunk in chunks]), next(chunks_of(path)).samples)
    assert [chunk.end for chunk in chunks[:-1]] == [chunk.start for chunk in chunks[1:]]
    assert all(0 < chunk.seconds <= 1.5 * chunk_seconds for chunk in chunks)
    assert [chunk.is_last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].end == chunks[-1].whole_seconds == len(sound) / SAMPLES_PER_SECOND


@settings(max_examples=20)
@given(pieces=ends)
def test_reading_continues_at_any_chunk(directory: Path, pieces: list[int]) -> None:
    """Reading from the start of any chunk gives the same chunks from there on, and from the end gives none."""
    path = write_sound(directory / "sound.wav", noise(sum(pieces) / RATE))
    chunks = list(chunks_of(path, chunk_seconds=2))
    for number, chunk in enumerate(chunks):
        rest = list(chunks_of(path, chunk_seconds=2, start=chunk.start))
        assert [(one.start, one.end, one.is_last) for one in rest] == [
            (one.start, one.end, one.is_last) for one in chunks[number:]
        ]
        assert np.array_equal(rest[0].samples, chunk.samples)
    assert list(chunks_of(path, chunk_seconds=2, start=chunks[-1].end)) == []


def test_a_cut_is_where_it_is_quiet(tmp_path: Path) -> None:
    """A chunk ends in a pause of a third of a second within its last part, however loud the rest is."""
    sound = np.concatenate([noise(7.4), silence(0.35), noise(6.25), silence(0.35), noise(9)])
    ends = [chunk.end for chunk in chunks_of(write_sound(tmp_path / "sound.wav", sound), chunk_seconds=8)]
    assert ends[0] == pytest.approx(7.575, abs=0.05)
    assert ends[1] == pytest.approx(14.175, abs=0.05)


def test_a_cut_is_between_words(tmp_path: Path) -> None:
    """In real speech, the tenth of a second on either side of a cut is quiet."""
    samples = speech(LONG_SAMPLE.path)
    chunks = list(chunks_of(write_sound(tmp_path / "speech.wav", samples), chunk_seconds=10))
    loud = float(np.abs(samples).mean())
    assert len(chunks) >= 3
    for one, other in pairwise(chunks):
        around = np.concatenate([one.samples[-RATE // 10 :], other.samples[: RATE // 10]])
        assert np.abs(around).mean() < loud / 4


def test_a_slightly_longer_sound_is_one_chunk(tmp_path: Path) -> None:
    """No scrap is left after a cut: a sound up to half a chunk longer (30 s at most) is read as one chunk."""
    for seconds, count in ((2.0, 1), (3.0, 1), (3.01, 2)):
        path = write_sound(tmp_path / "sound.wav", noise(seconds))
        assert len(list(chunks_of(path, chunk_seconds=2))) == count


def test_hours_take_no_more_memory_than_minutes(tmp_path: Path) -> None:
    """Reading twenty minutes chunk by chunk takes no more memory than reading five."""
    peaks = [peak_bytes(write_sound(tmp_path / "sound.wav", np.tile(noise(10), count))) for count in (30, 120)]
    assert peaks[1] < 1.05 * peaks[0]


def peak_bytes(path: Path) -> int:
    """Read a sound in chunks of a minute, and return the peak memory in bytes."""
    tracemalloc.start()
    try:
        for _ in chunks_of(path, chunk_seconds=60):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_damaged_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """A recording whose end is missing is read as far as it goes; one whose beginning is missing is an error."""
    path = write_sound(tmp_path / "sound.wav", noise(10))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert [chunk.end for chunk in chunks_of(path, chunk_seconds=2)][-1] == pytest.approx(5, abs=0.1)
    path.write_bytes(whole[1000:])
    with pytest.raises(TranscriptionError, match=r"sound\.wav.*fetch the media again"):
        list(chunks_of(path, chunk_seconds=2))
