"""Move the times of segments to where the sound begins and ends.

Whisper puts the first word after a pause anywhere from the pause's last half second to half a second into the word: it
counts from the speech that voice detection has cut out, with some silence left around it. Only the sound itself says
when somebody begins to speak.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from bookmarkai_assets.core.media.sound import SAMPLES_PER_SECOND
from bookmarkai_assets.core.transcripts.transcript import Segment

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FRAMES_PER_SECOND = 100
_FRAME = SAMPLES_PER_SECOND // _FRAMES_PER_SECOND
_SILENT = 0.05
"""Silence is less than this share of a segment's own loudness, 26 dB below it. Music is louder, and moves no time."""

_PAUSE = 15
"""In frames. Within words there are shorter silences, before p, t and k."""

_FARTHEST = 50
"""In frames: how much earlier a segment may begin than its first word."""

_SHORTEST_WORD = 5


def move_to_onsets(segments: Iterable[Segment], samples: "npt.NDArray[np.float32]") -> tuple[Segment, ...]:
    """Return segments, in order, whose first and last words begin and end with the sound. Times are in seconds.

    A time moves over silence, towards the word, or back to the end of the pause before it. No segment gets empty, and
    none begins before the one before it ends.
    """
    import numpy as np  # noqa: PLC0415 - takes 0.1 s to import, and reading the settings does not need it

    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    loudness = np.sqrt(np.square(frames).mean(axis=1))
    moved: list[Segment] = []
    for segment in segments:
        first, last = (round(time * _FRAMES_PER_SECOND) for time in (segment.start, segment.end))
        own = loudness[first:last]
        if len(own) <= _SHORTEST_WORD:
            moved.append(segment)
            continue
        is_silent = loudness < _SILENT * np.percentile(own, 90)
        earliest = math.ceil(moved[-1].end * _FRAMES_PER_SECOND) if moved else 0
        begin_limit, end_limit = _limits(segment, first, last)
        begin = _begin(is_silent, first, earliest=earliest, latest=begin_limit)
        end = _end(is_silent, last, earliest=max(end_limit, begin + _SHORTEST_WORD))
        moved.append(_with_times(segment, begin / _FRAMES_PER_SECOND, end / _FRAMES_PER_SECOND, first, last))
    return tuple(moved)


def _limits(segment: Segment, first: int, last: int) -> tuple[int, int]:
    """Return the last frame at which the segment may begin, and the first at which it may end: in its outer words."""
    if not segment.words:
        return last - _SHORTEST_WORD, first + _SHORTEST_WORD
    begin = round(segment.words[0].end * _FRAMES_PER_SECOND) - _SHORTEST_WORD
    end = round(segment.words[-1].start * _FRAMES_PER_SECOND) + _SHORTEST_WORD
    return max(first, begin), min(last, end)


def _begin(is_silent: "npt.NDArray[np.bool_]", first: int, *, earliest: int, latest: int) -> int:
    if first < len(is_silent) and is_silent[first]:
        loud = (~is_silent[first : latest + 1]).nonzero()[0]
        return first + int(loud[0]) if len(loud) else first
    begin = max(earliest, first - _FARTHEST)
    silent = is_silent[max(0, begin - _PAUSE) : first]
    for at in range(len(silent) - 1, _PAUSE - 2, -1):
        if silent[at - _PAUSE + 1 : at + 1].all():
            return max(begin, first - len(silent) + at + 1)
    return begin if begin == 0 and first <= _FARTHEST else first


def _end(is_silent: "npt.NDArray[np.bool_]", last: int, *, earliest: int) -> int:
    if last > len(is_silent) or not is_silent[last - 1]:
        return last
    loud = (~is_silent[earliest:last]).nonzero()[0]
    return earliest + int(loud[-1]) + 1 if len(loud) else last


def _with_times(segment: Segment, start: float, end: float, first: int, last: int) -> Segment:
    """Return a segment with other times. Those that have not moved by a frame keep their exact value."""
    start = segment.start if round(start * _FRAMES_PER_SECOND) == first else start
    end = segment.end if round(end * _FRAMES_PER_SECOND) == last else end
    words = list(segment.words)
    if words:
        words[0] = replace(words[0], start=start)
        words[-1] = replace(words[-1], end=end)
    return replace(segment, start=start, end=end, words=tuple(words))
