"""A file's sound as every engine here wants it: one channel, 16,000 samples a second. PyAV decodes: no ffmpeg program.

A long sound is read span by span, so that no more than one is in memory. What is speech in it is `voice`'s question;
what is said, the engines'.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from bookmarkai_assets.core.errors import TranscriptionError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from av import AudioFrame
    from av.container import InputContainer

SAMPLES_PER_SECOND = 16_000
"""What Whisper was trained on."""

SPAN_SECONDS = 120.0
"""The longest stretch that is read at once, but for `_SLACK_SECONDS`. Five minutes took 170 MB more, and cost words."""

_SLACK_SECONDS = 30.0
"""How far before a span's end it may be cut, and how much longer than a span a sound may be that is not divided."""

_QUIET_SECONDS = 0.3
"""About the shortest pause between sentences."""

_RESAMPLED_AT_ONCE = 500_000
"""Samples, as faster-whisper does it."""

_CONTAINER_UNITS_PER_SECOND = 1_000_000
_FULL_SCALE = 32_768.0


@dataclass(frozen=True)
class Span:
    """A stretch of a sound: its samples, -1 to 1, and where it begins, in seconds from the sound's start.

    `whole_seconds` is how long the whole sound is: what the file says, and known for sure when this `is_last`.
    """

    samples: "npt.NDArray[np.float32]"
    start: float
    is_last: bool
    whole_seconds: float

    @property
    def seconds(self) -> float:
        """The span's length."""
        return len(self.samples) / SAMPLES_PER_SECOND

    @property
    def end(self) -> float:
        """Where it ends, in seconds from the sound's start."""
        return (round(self.start * SAMPLES_PER_SECOND) + len(self.samples)) / SAMPLES_PER_SECOND


def spans_of(audio: Path, *, span_seconds: float = SPAN_SECONDS, start: float = 0.0) -> Generator[Span]:
    """Decode one file of any container and codec that FFmpeg reads, span by span.

    A sound that is not much longer than `span_seconds` is one span. A longer one is cut where it is quietest near the
    end of a span, so that no word is: always at the same moments, also when reading begins at `start`, which is 0 or
    one of these. None are left when that is the sound's end.

    Raises:
        TranscriptionError: The file is missing, is no media, or has no sound that decodes.
    """
    import av
    import av.error

    try:
        with av.open(str(audio), mode="r", metadata_errors="ignore") as container:
            yield from _divided(container, span_seconds=span_seconds, begin=round(start * SAMPLES_PER_SECOND))
    except IndexError as error:  # how PyAV says that a container has no first audio stream
        raise TranscriptionError(
            f"expected a sound track in {audio}, found none; transcribe only media that have sound"
        ) from error
    except av.error.FFmpegError as error:
        raise TranscriptionError(
            f"expected an audio or video file at {audio}, found: {error.strerror}; fetch the media again"
        ) from error


def _divided(container: "InputContainer", *, span_seconds: float, begin: int) -> Iterator[Span]:
    longest = round(span_seconds * SAMPLES_PER_SECOND)
    slack = min(round(_SLACK_SECONDS * SAMPLES_PER_SECOND), longest // 2)
    told_seconds = (container.duration or 0) / _CONTAINER_UNITS_PER_SECOND
    position, held = begin, _Held()
    for samples in _samples_in(container):
        held.add(samples, skipping=begin)
        while held.count > longest + slack:
            cut = held.quietest(longest - slack, longest)
            whole = max(told_seconds, (position + held.count) / SAMPLES_PER_SECOND)
            yield Span(held.take(cut), position / SAMPLES_PER_SECOND, is_last=False, whole_seconds=whole)
            position += cut
    if not held.seen:  # frames that do not decode are skipped without a word
        raise TranscriptionError(
            f"expected sound in {container.name}, found a track in which nothing decodes; fetch it again"
        )
    if held.count:
        whole = (position + held.count) / SAMPLES_PER_SECOND
        yield Span(held.take(held.count), position / SAMPLES_PER_SECOND, is_last=True, whole_seconds=whole)


class _Held:
    """What is decoded and not yet given away: 16 bits a sample, which is half of what engines take."""

    def __init__(self) -> None:
        self._pieces: list[npt.NDArray[np.int16]] = []
        self.seen = 0
        self.count = 0

    def add(self, samples: "npt.NDArray[np.int16]", *, skipping: int) -> None:
        """Take more samples in, but for those among the sound's first `skipping`."""
        wanted = samples[max(0, skipping - self.seen) :]
        self.seen += len(samples)
        self.count += len(wanted)
        self._pieces.append(wanted)

    def quietest(self, first: int, last: int) -> int:
        """Find the middle of the stretch of `_QUIET_SECONDS` between two samples that has the least energy."""
        import numpy as np  # noqa: PLC0415 - as below

        window = round(_QUIET_SECONDS * SAMPLES_PER_SECOND)
        squares = self._all()[first:last].astype(np.int64) ** 2
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(squares)])
        energy = before[window:] - before[:-window]
        return first + int(energy.argmin()) + window // 2

    def take(self, count: int) -> "npt.NDArray[np.float32]":
        """Give the first `count` samples away, between -1 and 1."""
        import numpy as np  # noqa: PLC0415 - as below

        samples = self._all()
        self._pieces, self.count = [samples[count:].copy()], self.count - count
        given = samples[:count].astype(np.float32)
        given /= _FULL_SCALE
        return given

    def _all(self) -> "npt.NDArray[np.int16]":
        import numpy as np  # noqa: PLC0415 - as below

        self._pieces = [np.concatenate(self._pieces)]
        return self._pieces[0]


def _samples_in(container: "InputContainer") -> "Iterator[npt.NDArray[np.int16]]":
    """Decode, mix and resample the first sound track; some seconds at a time."""
    import av
    import numpy as np  # noqa: PLC0415 - takes 0.1 s to import, and settings are looked at without it

    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLES_PER_SECOND)
    for frame in chain(_some_frames(container), [None]):
        for resampled in resampler.resample(frame):
            yield np.asarray(resampled.to_ndarray(), np.int16).reshape(-1)


def _some_frames(container: "InputContainer") -> "Iterator[AudioFrame]":
    """Decode the first sound track, many frames made one: so resampling is faster. What does not decode is left out."""
    import av.error
    from av.audio.fifo import AudioFifo

    gathered = AudioFifo()
    frames = container.decode(audio=0)
    while True:
        try:
            frame = next(frames)
        except StopIteration:
            break
        except av.error.InvalidDataError:
            continue
        frame.pts = None  # or a jump in them would be an error
        gathered.write(frame)
        if gathered.samples >= _RESAMPLED_AT_ONCE and (joined := gathered.read()):
            yield joined
    if joined := gathered.read():
        yield joined
