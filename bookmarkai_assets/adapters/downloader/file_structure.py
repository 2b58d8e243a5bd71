"""Find out from a file's own structure whether its last bytes are missing. Times are another matter, see `truncation`.

Each format says in its own way how long it is or where an element ends. More bytes than that are no fault: tags,
padding and rubbish follow many files. What is not understood counts as whole. Sources: ISO/IEC 14496-12 (MP4), RFC 9559
(Matroska), RFC 3533 (Ogg), ISO/IEC 13818-1 (MPEG-TS), Adobe's FLV 10.1, Microsoft's ASF 01.20.06.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

_BOX_HEADER, _LARGE_BOX_HEADER = 8, 16
_BOXES = frozenset(
    b"ftyp moov mdat free skip wide pdin moof mfra sidx ssix styp emsg prft meta uuid udta pnot imda".split()
)
_EBML_SEGMENT = b"\x18\x53\x80\x67"
_EBML_HEADER = b"\x1a\x45\xdf\xa3"
_OGG_MARK, _OGG_HEADER = b"OggS", 27
_TS_PACKET, _TS_MARK, _TS_SEARCHED_PACKETS = 188, 0x47, 4096
_FLV_HEADER, _FLV_TAG_HEADER, _FLV_SIZE = 9, 11, 4
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_IS_LIVE = 1
_SEARCHED_BYTES = 131_072


def lacks_bytes(file: Path, format_name: str) -> bool:
    """Whether a file ends before its last element does. `format_name` is libavformat's."""
    check = _CHECKS.get(format_name)
    if check is None:
        return False
    size = file.stat().st_size
    with file.open("rb") as opened:
        return check(opened, size)


def _mp4(file: BinaryIO, size: int) -> bool:
    """Walk the boxes of the file: each begins with its size, 0 for the rest of the file."""
    at, has_fragments = 0, False
    while at + _BOX_HEADER <= size:
        file.seek(at)
        header = file.read(_LARGE_BOX_HEADER)
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length == 0:
            return False
        if length < _BOX_HEADER or header[4:8] not in _BOXES:
            return False  # no box: rubbish after the last one
        has_fragments = has_fragments or header[4:8] == b"moof"
        at += length
    return at > size or (has_fragments and at < size)


def _matroska(file: BinaryIO, size: int) -> bool:
    """Compare the file with the size of its segment. A stream's segment has none, so its elements are walked."""
    at = 0
    while at < size:
        element = _ebml_element(file, at)
        if element is None:
            return False
        name, begin, length = element
        if length is None:
            return _lacks_of_stream(file, begin, size)
        if name not in {_EBML_HEADER, _EBML_SEGMENT} and at:
            return False  # rubbish after the segment
        at = begin + length
    return at > size


def _lacks_of_stream(file: BinaryIO, at: int, size: int) -> bool:
    while at < size:
        element = _ebml_element(file, at)
        if element is None:
            return True
        _, begin, length = element
        at = begin if length is None else begin + length  # a cluster without a size is entered
    return at > size


def _ebml_element(file: BinaryIO, at: int) -> tuple[bytes, int, int | None] | None:
    """Read the head of an element: its id, where its content begins, and its length, None if it is not known."""
    file.seek(at)
    head = file.read(12)
    if not head or not head[0]:
        return None
    id_bytes = 9 - head[0].bit_length()
    rest = head[id_bytes:]
    if id_bytes > 4 or not rest or not rest[0]:  # noqa: PLR2004 - the longest id
        return None
    length_bytes = 9 - rest[0].bit_length()
    if len(rest) < length_bytes:
        return None
    value = int.from_bytes(rest[:length_bytes], "big") & ((1 << 7 * length_bytes) - 1)
    is_unknown = value == (1 << 7 * length_bytes) - 1
    return head[:id_bytes], at + id_bytes + length_bytes, None if is_unknown else value


def _ogg(file: BinaryIO, size: int) -> bool:
    """Find the last page and add up its segments."""
    file.seek(max(0, size - _SEARCHED_BYTES))
    begin, data = file.tell(), file.read()
    at = data.rfind(_OGG_MARK)
    if at < 0:
        return False
    segments = data[at + _OGG_HEADER - 1 : at + _OGG_HEADER]
    if not segments:
        return True
    lengths = data[at + _OGG_HEADER : at + _OGG_HEADER + segments[0]]
    return len(lengths) < segments[0] or begin + at + _OGG_HEADER + segments[0] + sum(lengths) > size


def _mpegts(file: BinaryIO, size: int) -> bool:
    """Whether the last packet is whole, and with it the last unit of each track that says how long its units are.

    Sound does. A picture need not, so a cut between two packets of a picture cannot be found.
    """
    file.seek(0)
    if set(file.read(5 * _TS_PACKET)[::_TS_PACKET]) != {_TS_MARK}:
        return False  # packets with time codes, or rubbish before them
    if size % _TS_PACKET:
        return True
    file.seek(max(0, size - _TS_SEARCHED_PACKETS * _TS_PACKET))
    missing: dict[int, int] = {}
    while len(packet := file.read(_TS_PACKET)) == _TS_PACKET:
        begin = 5 + packet[4] if packet[3] & 0x20 else 4  # after the adaptation field
        if not packet[3] & 0x10 or begin >= _TS_PACKET:  # no payload
            continue
        track, payload = int.from_bytes(packet[1:3], "big") & 0x1FFF, packet[begin:]
        if packet[1] & 0x40 and payload[:3] == b"\0\0\1":
            length = int.from_bytes(payload[4:6], "big")
            missing[track] = length + 6 - len(payload) if length else 0
        elif track in missing:
            missing[track] = max(0, missing[track] - len(payload))
    return any(count > 0 for count in missing.values())


def _flv(file: BinaryIO, size: int) -> bool:
    """Compare the size that ends the file with the tag before it."""
    file.seek(size - _FLV_SIZE)
    length = int.from_bytes(file.read(_FLV_SIZE), "big")
    begin = size - _FLV_SIZE - length
    if begin < _FLV_HEADER:
        return True
    file.seek(begin)
    head = file.read(_FLV_TAG_HEADER)
    return int.from_bytes(head[1:4], "big") + _FLV_TAG_HEADER != length


def _asf(file: BinaryIO, size: int) -> bool:
    """Compare the file with the size in its properties. A broadcast has none."""
    file.seek(0)
    head = file.read(_SEARCHED_BYTES)
    at = head.find(_ASF_PROPERTIES)
    if not head.startswith(_ASF_HEADER) or at < 0:
        return False
    declared = int.from_bytes(head[at + 40 : at + 48], "little")
    flags = int.from_bytes(head[at + 88 : at + 92], "little")
    return not flags & _ASF_IS_LIVE and declared > size


_MP3_HEADER = 4
_MP3_BITS = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_MP3_RATES = (44_100, 48_000, 32_000)


def _mp3(file: BinaryIO, size: int) -> bool:
    """Compare the file with the size in its first frame, and find out whether its last frame ends within it."""
    file.seek(0)
    head = file.read(_SEARCHED_BYTES)
    at = max(head.find(b"Xing"), head.find(b"Info"))
    if 0 <= at < len(head) - 16 and head[at + 7] & 3 == 3:  # noqa: PLR2004 - the numbers of frames and bytes are there
        begins = head.rfind(b"\xff", 0, at)
        if begins + int.from_bytes(head[at + 12 : at + 16], "big") > size:
            return True
    begin = max(0, size - 8_192)
    file.seek(begin)
    data = file.read()
    at = 0
    while at + _MP3_HEADER <= len(data):
        length = _mp3_frame_bytes(data[at : at + _MP3_HEADER])
        if length and (at + length == len(data) or _mp3_frame_bytes(data[at + length : at + length + _MP3_HEADER])):
            at = _after_frames(data, at)
            break
        at += 1
    else:
        return False
    left = data[at:]
    return at > len(data) or (0 < len(left) < _MP3_HEADER and left[0] == 0xFF)  # noqa: PLR2004 - a header begins so


def _after_frames(data: bytes, at: int) -> int:
    while length := _mp3_frame_bytes(data[at : at + _MP3_HEADER]):
        at += length
    return at


def _mp3_frame_bytes(header: bytes) -> int:
    """Return how many bytes a frame of layer III has, 0 if this is no header of one."""
    if len(header) < _MP3_HEADER or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:  # noqa: PLR2004 - layer III
        return 0
    is_first_version = header[1] & 0x18 == 0x18  # noqa: PLR2004 - two bits
    bits, rate = header[2] >> 4, header[2] >> 2 & 3
    if bits in {0, 15} or rate == 3 or header[1] & 0x18 == 0x08:  # noqa: PLR2004 - free, bad and reserved values
        return 0
    divisor = 1 if is_first_version else 4 if header[1] & 0x18 == 0 else 2
    samples = 144 if is_first_version else 72
    return samples * 1000 * _MP3_BITS[not is_first_version][bits] * divisor // _MP3_RATES[rate] + (header[2] >> 1 & 1)


_CHECKS: Mapping[str, Callable[[BinaryIO, int], bool]] = {
    "mov": _mp4,
    "matroska": _matroska,
    "ogg": _ogg,
    "mpegts": _mpegts,
    "flv": _flv,
    "asf": _asf,
    "mp3": _mp3,
}
