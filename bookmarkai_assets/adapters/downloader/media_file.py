"""Find out what a downloaded file really is, and cut out its audio track. Reads local files only and knows no site."""

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bookmarkai_assets.core.errors import ShareFailedError
from bookmarkai_assets.core.outcomes import Failure, Outcome

if TYPE_CHECKING:
    from av import Packet
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.stream import Stream

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The disk, or this user's quota on it, is full."""

# Only these formats are opened. libavformat could also take a file for a playlist, which names other files and hosts to
# read.
_DEMUXERS = "mov,matroska,webm,mpegts,mpeg,flv,avi,asf,ogg,mp3,aac,wav,flac"
_EXTENSIONS = {"mpegts": "ts", "mpeg": "mpg", "asf": "wmv"}
_CONTENT_TYPES = {
    "mp4": "video/mp4",
    "m4a": "audio/mp4",
    "webm": "video/webm",
    "mkv": "video/matroska",
    "mka": "audio/matroska",
    "ts": "video/mp2t",
    "mpg": "video/mpeg",
    "flv": "video/x-flv",
    "avi": "video/x-msvideo",
    "wmv": "video/x-ms-wmv",
    "ogg": "application/ogg",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
    "wav": "audio/wav",
    "flac": "audio/flac",
}
# These declare each frame and the whole length. In the others lengths are guessed, and gaps are common.
_EXACT = frozenset({"mov", "matroska"})
_KEPT_IN_MP4 = frozenset({"aac", "alac", "mp3"})
# Tracks may end some frames apart, and edit lists trim them. If more than this is missing, the file was cut off.
_RAGGED_SECONDS = 0.5
_RAGGED_SHARE = 0.02
_SNIFFED_BYTES = 512
_BLANKS = b"\xef\xbb\xbf \t\r\n"
_TEXT_BEGINNINGS = (b"<", b"{", b"#EXTM3U")  # HTML and XML, JSON, playlists: no video begins like this
_CONTROLS = frozenset(range(0x20)) - frozenset(b"\t\n\f\r")  # no text contains them, and every video does
# Complete files that sites send in place of a video: PNG, JPEG, GIF, PDF, ZIP.
_OTHER_BEGINNINGS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"%PDF-", b"PK\x03\x04")
_LONG_BEFORE = -(2**63)  # no timestamp of libavformat is less
_CONTAINER_TICKS = 1_000_000  # libavformat's AV_TIME_BASE


@dataclass(frozen=True)
class MediaFacts:
    """The facts about a validated file. `audio` is the audio track cut out of it, or None if it has no sound."""

    extension: str
    content_type: str
    duration_seconds: float
    width: int | None
    height: int | None
    audio: Path | None


def content_type_of(file: Path) -> str:
    """Return the content type of a file, by its extension. It must be one that this module has chosen."""
    return _CONTENT_TYPES[file.suffix.removeprefix(".")]


def read_media(file: Path, *, audio_stem: Path) -> MediaFacts:
    """Validate a file by reading it to its end, and copy its sound to `audio_stem` plus `.m4a` or `.mka` meanwhile.

    Nothing is encoded again: AAC, ALAC and MP3 go into MP4, everything else into Matroska. Raises `ShareFailedError`
    with `not_a_video`, `corrupt` or, if the disk is full, `download_failed`.
    """
    import av

    try:
        with av.open(
            str(file),
            metadata_errors="replace",  # titles come in any encoding, and nothing here reads them
            options={"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"},
        ) as container:
            return _read(container, file, audio_stem)
    except av.error.FFmpegError as error:
        if error.errno in DISK_ERRORS:
            raise ShareFailedError(Failure(Outcome.DOWNLOAD_FAILED, f"the disk is full: {error.strerror}")) from error
        raise ShareFailedError(_failure_of_unreadable(file, str(error.strerror))) from error


def _read(container: "InputContainer", file: Path, audio_stem: Path) -> MediaFacts:
    from av.stream import Disposition

    pictures = [track for track in container.streams.video if _has_decoder(track)]
    # A cover picture in a sound file is not a video.
    picture = next((track for track in pictures if not track.disposition & Disposition.attached_pic), None)
    sound = next((track for track in container.streams.audio if _has_decoder(track)), None)
    main = picture or sound
    if main is None and container.duration is None:
        raise ShareFailedError(Failure(Outcome.CORRUPT, "the file ends before it says what it holds"))
    if main is None:
        raise ShareFailedError(Failure(Outcome.NOT_A_VIDEO, "the file holds neither picture nor sound"))
    is_exact = container.format.name.partition(",")[0] in _EXACT
    has_frame = False
    end_ticks: dict[int, int] = {}
    with _AudioCopy(sound, audio_stem) as audio:
        # This runs a hundred times for each second of video, so it counts in the tracks' ticks and not in fractions.
        for packet in container.demux([track for track in (picture, sound) if track is not None]):
            if is_exact and packet.is_corrupt:
                raise ShareFailedError(Failure(Outcome.CORRUPT, "the file is cut off in the middle of a frame"))
            track = packet.stream
            has_frame = has_frame or (track is main and _has_frame(packet))
            if packet.size and packet.pts is not None:
                end = packet.pts + (packet.duration or 0)
                if end > end_ticks.get(track.index, _LONG_BEFORE):
                    end_ticks[track.index] = end
                if track is sound:
                    audio.take(packet)
    ends = {index: float(end * (container.streams[index].time_base or 0)) for index, end in end_ticks.items()}
    start = (container.start_time or 0) / _CONTAINER_TICKS
    seconds = max(ends.values(), default=start) - start
    if not has_frame or seconds <= 0:
        raise ShareFailedError(Failure(Outcome.CORRUPT, "no frame of the file can be decoded"))
    if is_exact:
        _refuse_truncated(container, ends)
    extension = _extension_of(container, file, is_picture=picture is not None)
    return MediaFacts(
        extension=extension,
        content_type=_CONTENT_TYPES[extension],
        duration_seconds=round(seconds, 3),
        width=(picture.codec_context.width or None) if picture else None,
        height=(picture.codec_context.height or None) if picture else None,
        audio=audio.path if audio.packets else None,
    )


class _AudioCopy:
    """Copies the packets of one sound track into their own file as they are read. Without a track it does nothing."""

    def __init__(self, sound: "AudioStream | None", stem: Path) -> None:
        self.packets = 0
        self.path = stem
        self._sound = sound
        self._last_dts = _LONG_BEFORE
        if sound is None:
            return
        import av

        is_mp4 = sound.codec_context.codec.canonical_name in _KEPT_IN_MP4
        self.path = stem.with_suffix(".m4a" if is_mp4 else ".mka")
        self._output = av.open(str(self.path), "w", format="mp4" if is_mp4 else "matroska")
        self._track = self._output.add_stream_from_template(sound)

    def take(self, packet: "Packet[Any]") -> None:
        """Copy a packet of the track. Packets that go back in time are dropped, because a file cannot hold them."""
        dts = packet.dts
        if dts is None or dts <= self._last_dts:
            return
        self._last_dts = dts
        self.packets += 1
        packet.stream = self._track
        self._output.mux(packet)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._sound is not None:
            self._output.close()


def _has_decoder(track: "Stream") -> bool:
    return track.codec_context is not None


def _has_frame(packet: "Packet[Any]") -> bool:
    """Whether a packet decodes to a frame. One that does not proves nothing: streams may begin within a group."""
    import av

    try:
        return bool(packet.decode())
    except av.error.InvalidDataError:
        return False


def _refuse_truncated(container: "InputContainer", ends: dict[int, float]) -> None:
    """Refuse a file that declares a later end, of itself or of a track, than its last packets have."""
    if container.duration is not None:
        start = (container.start_time or 0) / _CONTAINER_TICKS
        _refuse_short(start + container.duration / _CONTAINER_TICKS, max(ends.values()))
    for index, end in ends.items():
        stream = container.streams[index]
        if stream.duration is not None and stream.time_base is not None:
            _refuse_short(float(((stream.start_time or 0) + stream.duration) * stream.time_base), end)


def _refuse_short(declared_seconds: float, found_seconds: float) -> None:
    if declared_seconds - found_seconds > max(_RAGGED_SECONDS, _RAGGED_SHARE * declared_seconds):
        raise ShareFailedError(
            Failure(
                Outcome.CORRUPT,
                f"the file is cut off: it declares {declared_seconds:.1f} seconds and ends after {found_seconds:.1f}",
            )
        )


def _extension_of(container: "InputContainer", file: Path, *, is_picture: bool) -> str:
    name = container.format.name.partition(",")[0]
    if name == "mov":
        return "mp4" if is_picture else "m4a"
    if name == "matroska":
        with file.open("rb") as opened:
            is_webm = b"webm" in opened.read(_SNIFFED_BYTES)  # its DocType, RFC 9559
        return "webm" if is_webm else "mkv" if is_picture else "mka"
    return _EXTENSIONS.get(name, name)


def _failure_of_unreadable(file: Path, detail: str) -> Failure:
    """Distinguish a page that was served in place of a video from a broken video."""
    with file.open("rb") as opened:
        head = opened.read(_SNIFFED_BYTES)
    if head.lstrip(_BLANKS).startswith(_TEXT_BEGINNINGS) or (head and _CONTROLS.isdisjoint(head)):
        return Failure(Outcome.NOT_A_VIDEO, "the site sent text, such as a web page, in place of a video")
    if head.startswith(_OTHER_BEGINNINGS):
        return Failure(Outcome.NOT_A_VIDEO, "the site sent a picture, a document or an archive in place of a video")
    return Failure(Outcome.CORRUPT, f"the file cannot be read as a video: {detail}")
