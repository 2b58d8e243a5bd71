"""A truncated file is noticed by its own structure, in each format and wherever it was cut."""

from pathlib import Path

import pytest

from bookmarkai_assets.adapters.downloader.media_file import read_media
from bookmarkai_assets.core.errors import ShareFailedError
from bookmarkai_assets.core.outcomes import Outcome
from tests.support.media_corpus import make_media, make_recordings

VIDEO = "{p} -i {b} -i {a} -map 0:v -map 1:a {V}"
FILES = {
    "mp4": f"{VIDEO} -c:a aac -shortest video.mp4",
    "mp4 with its index first": f"{VIDEO} -c:a aac -shortest -movflags faststart video.mp4",
    "mp4 in fragments": f"{VIDEO} -g 5 -c:a aac -shortest -movflags frag_keyframe+empty_moov video.mp4",
    "m4a": "-i {a} -c:a aac -movflags faststart video.m4a",
    "mkv": f"{VIDEO} -g 5 -c:a libopus -shortest video.mkv",
    "mkv of a stream": f"{VIDEO} -g 5 -c:a libopus -shortest -live 1 video.mkv",
    "webm": "{p} -i {a} -c:v libvpx -c:a libopus -shortest video.webm",
    "ts": f"{VIDEO} -c:a aac -shortest video.ts",
    "mp3": "-i {a} -c:a libmp3lame -b:a 64k video.mp3",
    "mp3 of a variable rate": "-i {a} -c:a libmp3lame -q:a 4 video.mp3",
    "mp3 without a header": "-i {a} -c:a libmp3lame -ar 44100 -write_xing 0 -id3v2_version 0 video.mp3",
    "flv": f"{VIDEO} -c:a aac -shortest video.flv",
    "wmv": "{p} -i {a} -c:v msmpeg4 -c:a wmav2 -shortest video.wmv",
    "ogg": "-i {a} -c:a libvorbis video.ogg",
    "opus": "-i {a} -c:a libopus video.opus",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a whole file of each kind."""
    recordings = tmp_path_factory.mktemp("recordings")
    make_recordings(recordings)
    return {
        name: make_media({"make": [step]}, tmp_path_factory.mktemp("file"), recordings) for name, step in FILES.items()
    }


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_whole_or_cut_off(files: dict[str, Path], tmp_path: Path, name: str) -> None:
    """The whole file is accepted, and its first 99, 90, 50 and 10% are refused.

    MPEG-TS and bare MP3 do not state their length, so a cut between two packets cannot be found. The cuts here are
    within packets.
    """
    whole = files[name]
    assert read_media(whole, audio_stem=tmp_path / "audio").duration_seconds > 5
    data = whole.read_bytes()
    for percent in (99, 90, 50, 10):
        cut = tmp_path / whole.name
        cut.write_bytes(data[: (len(data) * percent // 100) | 1])
        with pytest.raises(ShareFailedError) as caught:
            read_media(cut, audio_stem=tmp_path / "audio")
        assert caught.value.failure.outcome is Outcome.CORRUPT, percent


@pytest.mark.parametrize("name", ["mp4", "m4a", "mkv", "mp3", "mp3 without a header", "wmv", "ogg"])
@pytest.mark.parametrize("rubbish", [bytes(1000), b"TAG" + b"A title".ljust(125), b"<html></html>" * 20])
def test_bytes_after_the_end_are_no_fault(files: dict[str, Path], tmp_path: Path, name: str, rubbish: bytes) -> None:
    """Tags, padding and rubbish after a file's end do not make it truncated."""
    file = tmp_path / files[name].name
    file.write_bytes(files[name].read_bytes() + rubbish)
    assert read_media(file, audio_stem=tmp_path / "audio").duration_seconds > 5
