"""Segments begin and end with the sound, wherever Whisper has put them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.adapters.speech.onsets import move_to_onsets
from bookmarkai_assets.core.transcripts.transcript import Segment, Word
from tests.support.sounds import Samples, music, noise, silence

SOUND = np.concatenate([silence(2), noise(1), silence(0.08), noise(0.92), silence(3), noise(2), silence(1)])
"""Two passages of speech, at 2 to 4 and at 7 to 9 s. In the first is a silence that is no pause."""


def segment(start: float, end: float, *cuts: float) -> Segment:
    """Return a segment whose words end at these times, and the last at its end."""
    times = [start, *cuts, end]
    words = [Word(begin, end, " word", 1.0) for begin, end in pairwise(times)]
    return Segment(start, end, " word" * len(words), -0.1, 0.0, words=tuple(words))


def times_of(segments: tuple[Segment, ...]) -> list[tuple[float, float]]:
    """Return the times of segments, and check that their words agree."""
    for one in segments:
        assert (one.words[0].start, one.words[-1].end) == (one.start, one.end)
    return [(one.start, one.end) for one in segments]


@pytest.mark.parametrize("begin", [1.55, 1.9, 2.0, 2.3, 2.49])
@pytest.mark.parametrize("end", [3.7, 4.0, 4.4])
def test_a_segment_begins_and_ends_with_its_speech(begin: float, end: float) -> None:
    """A begin in the pause before it or within its first word is put right, and an end in the pause after it."""
    [(start, stop)] = times_of(move_to_onsets([segment(begin, end, 2.6, 3.2)], SOUND))
    assert start == pytest.approx(2.0, abs=0.02)
    assert stop == pytest.approx(min(end, 4.0), abs=0.02)


def test_a_segment_within_speech_stays() -> None:
    """No pause is near, so the words say where one sentence ends and the next begins."""
    two = [segment(2.0, 3.0, 2.5), segment(3.1, 4.0, 3.5)]
    assert times_of(move_to_onsets(two, SOUND)) == [(2.0, 3.0), (3.1, 4.0)]


def test_no_segment_begins_before_the_one_before_it_ends() -> None:
    """A pause in which the last segment has not ended yet is none."""
    one, other = times_of(move_to_onsets([segment(2.0, 6.9, 3.0, 6.5), segment(7.2, 9.0, 8.0)], SOUND))
    assert one[1] <= other[0] == pytest.approx(7.0, abs=0.02)


def test_over_music_times_stay() -> None:
    """Where it is never silent, nothing says better than Whisper when somebody speaks."""
    sound = music(10) * np.float32(0.3)
    assert times_of(move_to_onsets([segment(1.5, 3.3, 2.0)], sound)) == [(1.5, 3.3)]


@given(
    times=st.lists(st.floats(0, 10), min_size=3, max_size=9, unique=True).map(sorted),
    sound=st.sampled_from([SOUND, silence(10), noise(10), silence(0)]),
)
def test_segments_stay_in_order_and_never_get_empty(times: list[float], sound: Samples) -> None:
    """Whatever the sound is, and whatever times a model makes up: words keep their order, and lie in their segment."""
    segments = [segment(start, end, (start + end) / 2) for start, end in zip(times[::2], times[1::2], strict=False)]
    moved = move_to_onsets(segments, sound)
    flat = [time for one in moved for word in one.words for time in (word.start, word.end)]
    assert flat == sorted(flat)
    assert [one.text for one in moved] == [one.text for one in segments]
    assert all(one.end > one.start for one in moved)
