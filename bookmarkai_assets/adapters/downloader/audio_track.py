"""Write a video's sound into a file of its own, with times that count from the start of the video.

The packets are copied where the track's container takes them. What it does not take, what changes on the way, and what
is much bigger than speech needs is decoded and encoded again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from bookmarkai_assets.adapters.common.pyav.containers import (
    CLOCK_OF_THE_VIDEO,
    CLOCK_TAG,
    DISK_ERRORS,
    has_frame,
    has_time_stamps,
)
from bookmarkai_assets.adapters.common.pyav.samples import SoundDecoder
from bookmarkai_assets.core.media.sound import SAMPLES_PER_SECOND

if TYPE_CHECKING:
    from av import Packet
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer

    from bookmarkai_assets.adapters.common.pyav.samples import Samples

_COPIED_INTO_MP4 = frozenset({"aac", "mp3"})
_COPIED_INTO_MATROSKA = frozenset({"opus", "vorbis", "ac3", "eac3", "mp2"})
"""Codecs that sites use, and that come out of these containers as they went in. Others are not taken by Matroska (WMA,
AMR, G.711, ADPCM, Nellymoser), or are many times bigger than speech needs (PCM, FLAC, ALAC, TrueHD)."""

_ENCODER = "flac"
"""Without loss, so the transcript is that of the video itself. Opus would be a fourth of it, but costs words: with
tiny.en, one to two words in a hundred (docs/transcripts.md)."""

_EARLIEST = -(2**62)


class NotCopyableError(Exception):
    """The other file's container does not take the packets of this track, or not all in one track."""


class AudioTrack(Protocol):
    """A file that is being written."""

    path: Path
    packets: int

    @property
    def has_frame(self) -> bool:
        """Whether any of the sound has been decoded."""

    @property
    def seconds(self) -> float | None:
        """The length of the sound, at the end; None if its time stamps say it."""

    def take(self, packet: "Packet[Any]", offset: float) -> None:
        """Add a packet of the sound. `offset` is what to add to its time stamps, in seconds."""


@contextmanager
def copied_track(sound: "AudioStream", stem: Path) -> Iterator[AudioTrack]:
    """Copy a track into `stem` plus `.m4a` or `.mka`. Raises `NotCopyableError`, if need be at a later packet."""
    if _codec_of(sound) not in _COPIED_INTO_MP4 | _COPIED_INTO_MATROSKA:
        raise NotCopyableError
    is_mp4 = _codec_of(sound) in _COPIED_INTO_MP4
    path = stem.with_suffix(".m4a" if is_mp4 else ".mka")
    with _open_output(path, "mp4" if is_mp4 else "matroska") as output:
        yield _Copy(path, output, sound)


@contextmanager
def encoded_track(sound: "AudioStream", stem: Path) -> Iterator[AudioTrack]:
    """Encode a track into `stem` plus `.mka`: one channel of FLAC, with silence in its gaps."""
    path = stem.with_suffix(".mka")
    with _open_output(path, "matroska") as output:
        encoded = _Encoded(path, output, cast("InputContainer", sound.container))
        yield encoded
        encoded.finish(sound)


@contextmanager
def _open_output(path: Path, container_format: str) -> Iterator["OutputContainer"]:
    import av

    with av.open(str(path), "w", format=container_format) as output:
        output.metadata[CLOCK_TAG] = CLOCK_OF_THE_VIDEO
        yield output


@contextmanager
def _refusals() -> Iterator[None]:
    """Raise `NotCopyableError` where the other container refuses a packet. A full disk is another matter."""
    from av.error import FFmpegError

    try:
        yield
    except FFmpegError as error:
        if error.errno in DISK_ERRORS:
            raise
        raise NotCopyableError from error


def _codec_of(sound: "AudioStream") -> str:
    return sound.codec_context.codec.canonical_name


class _Copy:
    def __init__(self, path: Path, output: "OutputContainer", sound: "AudioStream") -> None:
        self.path = path
        self.packets = 0
        self._is_decoded = False
        self._output = output
        self._track = output.add_stream_from_template(sound)
        self._unit = float(sound.time_base or 1)
        self._has_adts = _codec_of(sound) == "aac" and not sound.codec_context.extradata
        self._adts: bytes | None = None
        self._last = _EARLIEST
        self._next = 0

    @property
    def has_frame(self) -> bool:
        return self._is_decoded

    @property
    def seconds(self) -> None:
        return None

    def take(self, packet: "Packet[Any]", offset: float) -> None:
        if packet.has_sidedata("new_extradata") and self.packets:
            raise NotCopyableError
        if self._has_adts:
            self._refuse_other_adts(packet)
        shift = round(offset / self._unit)
        stamp = packet.dts if packet.dts is not None else packet.pts
        due = self._next if stamp is None else stamp + shift
        packet.dts = max(due, self._last + 1)  # a file cannot hold time stamps that do not rise
        packet.pts = packet.dts if packet.pts is None else max(packet.pts + shift, packet.dts)
        self._last, self._next = packet.dts, packet.dts + (packet.duration or 0)
        self.packets += 1
        self._is_decoded = self._is_decoded or has_frame(packet)
        packet.stream = self._track
        with _refusals():
            self._output.mux(packet)

    def _refuse_other_adts(self, packet: "Packet[Any]") -> None:
        """Compare profile, rate and channels, which an ADTS header has in its third and fourth byte."""
        header = bytes(memoryview(packet)[2:4])
        parameters = bytes((header[0] & 0b1111_1101, header[1] & 0b1100_0000)) if len(header) > 1 else b""
        if self._adts is not None and parameters != self._adts:
            raise NotCopyableError
        self._adts = parameters


class _Encoded:
    def __init__(self, path: Path, output: "OutputContainer", container: "InputContainer") -> None:
        self.path = path
        self.packets = 0
        self._output = output
        self._track = cast("AudioStream", output.add_stream(_ENCODER, rate=SAMPLES_PER_SECOND, layout="mono"))
        self._decoder = SoundDecoder(has_time_stamps=has_time_stamps(container))
        self._offset = 0.0
        self._samples = 0

    @property
    def has_frame(self) -> bool:
        return self._decoder.seconds > 0

    @property
    def seconds(self) -> float | None:
        return self._decoder.seconds

    def take(self, packet: "Packet[Any]", offset: float) -> None:
        self.packets += 1
        self._offset = offset
        self._encode(self._decoder.decode(packet, offset))

    def finish(self, sound: "AudioStream") -> None:
        self._encode(self._decoder.finish(sound, self._offset))
        if self._samples:
            self._output.mux(self._track.encode(None))

    def _encode(self, blocks: Iterator["Samples"]) -> None:
        from av import AudioFrame

        for block in blocks:
            frame = AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.time_base = SAMPLES_PER_SECOND, Fraction(1, SAMPLES_PER_SECOND)
            frame.pts = self._samples
            self._samples += len(block)
            self._output.mux(self._track.encode(frame))
