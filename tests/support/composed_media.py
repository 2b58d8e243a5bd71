"""Media in which bursts of noise are audible at known times, with gaps, late sound and joined recordings.

FFmpeg's own program says when they are audible, which is when a player plays them.
"""

import io
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

from bookmarkai_assets.adapters.speech.decoding import Decoding
from bookmarkai_assets.core.media.sound import SAMPLES_PER_SECOND

if TYPE_CHECKING:
    from av import Packet
    from av.audio.stream import AudioStream
    from av.container import OutputContainer

BURST_SECONDS = 1.0
"""How long a burst's packets last. The noise is in the middle."""

_LOUD = 1_000
_WINDOW = SAMPLES_PER_SECOND // 100
_PICTURES_PER_SECOND = 10


@dataclass(frozen=True)
class Recording:
    """One recording: when its bursts begin, in seconds from its start, and when its picture ends, if it has one.

    Between the bursts are no packets. `first_stamp` is its first time stamp in seconds, for formats that accept any.
    """

    bursts: Sequence[float]
    picture_seconds: float | None = None
    first_stamp: float = 0.0
    rate: int = 48_000
    channels: int = 1


def write_recording(path: Path, recording: Recording, *, codec: str = "mp2") -> Path:
    """Write a recording in the format of the path's extension."""
    import av

    data = _burst(codec, recording.rate, recording.channels)
    with av.open(str(path), "w") as output, av.open(io.BytesIO(data), "r") as burst:
        sound = burst.streams.audio[0]
        track = output.add_stream_from_template(sound)
        packets = []
        for begin in recording.bursts:
            burst.seek(0)
            for packet in burst.demux(sound):
                if packet.size and packet.dts is not None and packet.pts is not None and packet.time_base is not None:
                    shift = round((begin + recording.first_stamp) / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = track
                    packets.append((packet.dts * packet.time_base, packet))
        if recording.picture_seconds is not None:
            packets += _picture_packets(output, seconds=recording.picture_seconds, first_stamp=recording.first_stamp)
        for _, packet in sorted(packets, key=lambda one: one[0]):
            output.mux(packet)
    return path


def write_gaps(path: Path, sounds: Sequence[tuple[Path, float]]) -> Path:
    """Write sounds of one codec, each with its start in seconds, beside a picture that lasts to the end."""
    import av

    with av.open(str(path), "w") as output:
        with av.open(str(sounds[0][0])) as first:
            track = output.add_stream_from_template(first.streams.audio[0])
        packets = []
        for file, begin in sounds:
            with av.open(str(file)) as container:
                for packet in container.demux(audio=0):
                    if packet.size and packet.dts is not None and packet.pts is not None:
                        shift = round(begin / packet.time_base)
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = track
                        packets.append((packet.dts * packet.time_base, packet))
        packets += _picture_packets(output, seconds=float(packets[-1][0]) + 1, first_stamp=0.0)
        for _, packet in sorted(packets, key=lambda one: one[0]):
            output.mux(packet)
    return path


def put_together(path: Path, parts: Sequence[Path]) -> Path:
    """Write the bytes of several files one after another, as downloaders of HLS do."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def played(path: Path) -> tuple[list[float], float]:
    """Return when FFmpeg's program plays the bursts of a file's sound, and how long the sound is, in seconds."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-map", "0:a:0"]
    command += ["-af", f"aresample={SAMPLES_PER_SECOND}:async=1:first_pts=0", "-ac", "1", "-f", "s16le", "pipe:1"]
    # FFmpeg counts from the earliest of the tracks that it reads. A player reads all of them.
    command += ["-map", "0", "-c:v", "copy", "-c:a", "pcm_s16le", "-f", "null", "-"]
    return _heard(np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<i2"))


def decoded(path: Path) -> tuple[list[float], float]:
    """Return when the pipeline's decoder places the bursts, and how long the sound is, in seconds."""
    return _heard(np.concatenate(list(Decoding(path).samples())))


def _picture_packets(
    output: "OutputContainer", *, seconds: float, first_stamp: float
) -> "list[tuple[Fraction, Packet[Any]]]":
    import av

    picture = output.add_stream("mpeg4", rate=_PICTURES_PER_SECOND)
    picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
    packets = []
    for number in range(round(seconds * _PICTURES_PER_SECOND)):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number % 256, np.uint8), format="rgb24")
        frame.pts = number + round(first_stamp * _PICTURES_PER_SECOND)
        packets += [(Fraction(packet.dts or 0) * (packet.time_base or 0), packet) for packet in picture.encode(frame)]
    return packets


def _heard(samples: npt.NDArray[np.int16]) -> tuple[list[float], float]:
    windows = samples[: len(samples) // _WINDOW * _WINDOW].reshape(-1, _WINDOW)
    loud = np.flatnonzero(np.abs(windows.astype(np.int32)).max(axis=1) > _LOUD)
    begins = [int(loud[0]), *loud[1:][np.diff(loud) > SAMPLES_PER_SECOND // _WINDOW // 10]] if len(loud) else []
    return [begin * _WINDOW / SAMPLES_PER_SECOND for begin in begins], len(samples) / SAMPLES_PER_SECOND


@cache
def _burst(codec: str, rate: int, channels: int) -> bytes:
    import av

    count = round(rate * BURST_SECONDS)
    samples = np.zeros((1, count * channels), np.int16)
    noise = np.random.default_rng(1).integers(-12_000, 12_000, count * channels // 3, np.int16)
    samples[0, count * channels // 3 : count * channels // 3 + len(noise)] = noise
    layout = "mono" if channels == 1 else "stereo"
    target = io.BytesIO()
    with av.open(target, "w", format="matroska") as output:
        track = cast("AudioStream", output.add_stream(codec, rate=rate, layout=layout))
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        output.mux(track.encode(frame))
        output.mux(track.encode(None))
    return target.getvalue()
