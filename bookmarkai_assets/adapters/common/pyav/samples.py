"""Decode a track to what every engine here takes: one channel, 16,000 samples a second, on the player's clock."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from bookmarkai_assets.core.media.player_clock import SoundPlacer
from bookmarkai_assets.core.media.sound import SAMPLES_PER_SECOND

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from av import AudioFrame, Packet
    from av.audio.stream import AudioStream

    Samples = npt.NDArray[np.int16]

_RESAMPLED_AT_ONCE = 500_000
"""In samples, as in faster-whisper. Few long frames resample faster than many short ones."""

_SILENCE_AT_ONCE = 60 * SAMPLES_PER_SECOND
_WINDOW = SAMPLES_PER_SECOND // 2
"""How much of two channels is mixed in one way."""

_CANCELLED = 0.05
"""Channels cancel each other where their mix has less than this share of the louder one's energy. Two voices that have
nothing to do with each other leave half of it, and one voice in one channel a quarter."""


class SoundDecoder:
    """Decodes the packets of one track, in the file's order. Yields samples of 16 bits as they are complete.

    Channels, layout and rate may change on the way. `left_out_seconds` is the sound that does not decode, or is due
    when other sound is already playing. `seconds` is the length of what was decoded, with the silence in its gaps.
    Without time stamps, the frames follow each other.
    """

    def __init__(self, *, has_time_stamps: bool) -> None:
        self._has_time_stamps = has_time_stamps
        self._placer = SoundPlacer()
        self._undecodable_seconds = 0.0
        self._run: _Run | None = None
        self._yielded = 0

    @property
    def seconds(self) -> float:
        """When the last sample ends, on the player's clock."""
        return self._placer.position

    @property
    def left_out_seconds(self) -> float:
        """How much of the sound is not among the samples."""
        return self._undecodable_seconds + self._placer.skipped

    def decode(self, packet: "Packet[Any]", offset: float) -> Iterator["Samples"]:
        """Decode one packet. `offset` is what to add to its time stamps, in seconds."""
        from av.error import FFmpegError

        try:
            frames = cast("list[AudioFrame]", packet.decode())
        except FFmpegError:
            self._undecodable_seconds += float((packet.duration or 0) * (packet.time_base or 0))
            return
        for frame in frames:
            yield from self._take(frame, offset)

    def finish(self, track: "AudioStream", offset: float) -> Iterator["Samples"]:
        """Yield what is left after the last packet, the decoder's own rest included."""
        from av.error import FFmpegError

        with suppress(FFmpegError):
            for frame in track.decode(None):
                yield from self._take(frame, offset)
        yield from self._end_run()

    def _take(self, frame: "AudioFrame", offset: float) -> Iterator["Samples"]:
        due = None
        if self._has_time_stamps and frame.pts is not None and frame.time_base is not None:
            due = float(frame.pts * frame.time_base) + offset
        begin = self._placer.position
        silence, skip = self._placer.place(due, frame.samples / frame.sample_rate)
        shape = _shape_of(frame)
        if silence or skip or self._run is None or self._run.shape != shape:
            yield from self._end_run()
            self._run = _Run(shape, skipping=round(skip * SAMPLES_PER_SECOND))
        if silence:
            yield from self._silence(until=round((begin + silence) * SAMPLES_PER_SECOND))
        frame.pts = None  # PyAV's fifo takes no time stamps that leave a gap, however small
        yield from self._count(self._run.take(frame))

    def _end_run(self) -> Iterator["Samples"]:
        if self._run is not None:
            yield from self._count(self._run.end())
        self._run = None

    def _silence(self, *, until: int) -> Iterator["Samples"]:
        import numpy as np  # noqa: PLC0415 - takes 0.1 s to import, and reading the settings does not need it

        while (missing := until - self._yielded) > 0:
            yield from self._count([np.zeros(min(missing, _SILENCE_AT_ONCE), np.int16)])

    def _count(self, blocks: Iterable["Samples"]) -> Iterator["Samples"]:
        for block in blocks:
            self._yielded += len(block)
            yield block


def _shape_of(frame: "AudioFrame") -> tuple[str, int, str, int]:
    return frame.format.name, frame.sample_rate, frame.layout.name, frame.layout.nb_channels


class _Run:
    """Frames of one shape that follow each other without a gap: they are joined, resampled, and mixed to one channel.

    PyAV's fifo crashes the process at a frame with other channels than the one before, so each shape has its own.
    """

    def __init__(self, shape: tuple[str, int, str, int], *, skipping: int) -> None:
        from av import AudioResampler
        from av.audio.fifo import AudioFifo

        *_, channels = shape
        self.shape = shape
        self._skipping = skipping
        self._channels = min(channels, 2)
        self._fifo = AudioFifo()
        layout = "mono" if channels == 1 else "stereo"
        self._resampler = AudioResampler(format="s16", layout=layout, rate=SAMPLES_PER_SECOND)
        self._is_begun = False

    def take(self, frame: "AudioFrame") -> Iterator["Samples"]:
        """Add a frame, and yield samples once there are many."""
        self._fifo.write(frame)
        if self._fifo.samples >= _RESAMPLED_AT_ONCE:
            yield from self._resample(self._fifo.read())

    def end(self) -> Iterator["Samples"]:
        """Yield the rest."""
        yield from self._resample(self._fifo.read())
        if self._is_begun:
            yield from self._mixed(self._resampler.resample(None))

    def _resample(self, joined: "AudioFrame | None") -> Iterator["Samples"]:
        if joined is not None:
            self._is_begun = True
            yield from self._mixed(self._resampler.resample(joined))

    def _mixed(self, frames: Iterable["AudioFrame"]) -> Iterator["Samples"]:
        import numpy as np  # noqa: PLC0415 - as above

        for frame in frames:
            samples = np.asarray(frame.to_ndarray(), np.int16).reshape(-1)
            if self._channels == 2:  # noqa: PLR2004 - a pair
                samples = mix_to_one(samples.reshape(-1, 2))
            skipped, self._skipping = self._skipping, max(0, self._skipping - len(samples))
            if len(samples) > skipped:
                yield samples[skipped:]


def mix_to_one(pairs: "npt.NDArray[np.int16]") -> "Samples":
    """Mix samples of shape (n, 2) to one channel, their mean. Where the two cancel, take the louder one."""
    import numpy as np  # noqa: PLC0415 - as above

    mixed: Samples = (pairs.sum(axis=1, dtype=np.int32) >> 1).astype(np.int16)
    for begin in range(0, len(pairs), _WINDOW):
        window = pairs[begin : begin + _WINDOW]
        energies = np.square(window, dtype=np.int64).sum(axis=0)
        mix = mixed[begin : begin + _WINDOW]
        if np.square(mix, dtype=np.int64).sum() < _CANCELLED * energies.max():
            mix[:] = window[:, energies.argmax()]
    return mixed
