"""Decoded times are a player's: they agree with FFmpeg's own program, whatever the file's time stamps are."""

from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookmarkai_assets.adapters.downloader.media_file import read_media
from tests.support.composed_media import BURST_SECONDS, Recording, decoded, played, put_together, write_recording

TOLERANCE = 0.1
"""In seconds: neither fills a gap below this."""

gaps = st.lists(st.floats(0.0, 8.0), min_size=1, max_size=4)
shapes = st.tuples(st.sampled_from([44_100, 48_000]), st.sampled_from([1, 2]))


def bursts_after(gaps: list[float]) -> list[float]:
    """Return when bursts with these gaps before them begin."""
    return list(accumulate(gaps, lambda begin, gap: begin + BURST_SECONDS + gap))


def assert_same_times(file: Path, directory: Path) -> None:
    """Check that each burst, decoded from the video and from its audio track, is where FFmpeg plays it."""
    expected, seconds = played(file)
    track = read_media(file, audio_stem=directory / "audio").audio
    assert track is not None
    for sound in (file, track):
        begins, length = decoded(sound)
        assert begins == pytest.approx(expected, abs=TOLERANCE), sound.suffix
        assert length == pytest.approx(seconds, abs=TOLERANCE), sound.suffix


@settings(max_examples=12)
@given(gaps=gaps, shape=shapes, extension=st.sampled_from([".mkv", ".mp4", ".ts"]), has_picture=st.booleans())
def test_late_sound_and_gaps(
    tmp_path_factory: pytest.TempPathFactory,
    gaps: list[float],
    shape: tuple[int, int],
    extension: str,
    has_picture: bool,
) -> None:
    """Silence fills what is missing, before the first sound and in between."""
    directory = tmp_path_factory.mktemp("media")
    bursts = bursts_after(gaps)
    picture_seconds = bursts[-1] + 2 if has_picture else None
    rate, channels = shape
    recording = Recording(bursts, picture_seconds, rate=rate, channels=channels)
    assert_same_times(write_recording(directory / f"video{extension}", recording), directory)


@settings(max_examples=12)
@given(recordings=st.lists(st.tuples(gaps, st.floats(0, 40_000)), min_size=2, max_size=3))
def test_recordings_put_together(
    tmp_path_factory: pytest.TempPathFactory, recordings: list[tuple[list[float], float]]
) -> None:
    """Time stamps that step back or jump ahead lose no sound, and the next recording follows the one before."""
    directory = tmp_path_factory.mktemp("media")
    parts = [
        write_recording(directory / f"{number}.ts", Recording(bursts_after([0.0, *gaps]), first_stamp=first))
        for number, (gaps, first) in enumerate(recordings)
    ]
    assert_same_times(put_together(directory / "video.ts", parts), directory)
