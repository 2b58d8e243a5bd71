"""How a file is recognized, and the audio track that is cut out of it."""

from pathlib import Path

import pytest

from bookmarkai_assets.adapters.downloader.file_types import content_type_of
from bookmarkai_assets.adapters.downloader.media_file import read_media
from bookmarkai_assets.core.errors import ShareFailedError
from bookmarkai_assets.core.outcomes import Outcome
from tests.support.clips import make_clip


def outcome_of(file: Path) -> tuple[Outcome, str]:
    """Read a file that is known to be bad, and return the outcome and its reason."""
    with pytest.raises(ShareFailedError) as caught:
        read_media(file, audio_stem=file.with_name("audio"))
    return caught.value.failure.outcome, caught.value.failure.reason


def samples_of(file: Path) -> int:
    """Decode a sound file to its end, and return the number of samples."""
    import av

    with av.open(str(file)) as container:
        return sum(frame.samples for frame in container.decode(audio=0))


@pytest.mark.parametrize(
    ("name", "picture_codec", "sound_codec", "content_type", "audio_name"),
    [
        ("clip.mp4", "libx264", "aac", "video/mp4", "audio.m4a"),
        ("clip.mkv", "mpeg4", "libmp3lame", "video/matroska", "audio.m4a"),
        ("clip.webm", "libvpx", "libopus", "video/webm", "audio.mka"),
        ("clip.ts", "libx264", "aac", "video/mp2t", "audio.m4a"),
        ("clip.flv", "flv", "aac", "video/x-flv", "audio.m4a"),
    ],
)
def test_a_good_file_is_described_and_its_sound_copied(
    tmp_path: Path, name: str, picture_codec: str, sound_codec: str, content_type: str, audio_name: str
) -> None:
    """Type, length and picture size come from the file itself, and the sound is copied into a file that plays."""
    clip = make_clip(tmp_path / name, seconds=1, picture_codec=picture_codec, sound_codec=sound_codec)
    misnamed = clip.rename(tmp_path / "video.unknown_video")
    facts = read_media(misnamed, audio_stem=tmp_path / "audio")
    assert f"clip.{facts.extension}" == name
    assert facts.content_type == content_type
    assert (facts.width, facts.height) == (64, 48)
    assert facts.duration_seconds == pytest.approx(1, abs=0.2)
    assert facts.audio == tmp_path / audio_name
    assert content_type_of(facts.audio) == {".m4a": "audio/mp4", ".mka": "audio/matroska"}[facts.audio.suffix]
    assert samples_of(facts.audio) == pytest.approx(48_000, abs=6_000)


def test_the_sound_is_copied_bit_by_bit(tmp_path: Path) -> None:
    """The audio track has the same packets as the video's sound: nothing is encoded again."""
    import av

    clip = make_clip(tmp_path / "clip.mp4", seconds=1)
    facts = read_media(clip, audio_stem=tmp_path / "audio")
    assert facts.audio
    with av.open(str(clip)) as video, av.open(str(facts.audio)) as audio:
        assert [bytes(p) for p in video.demux(audio=0) if p.size] == [bytes(p) for p in audio.demux(audio=0) if p.size]


def test_a_video_without_sound_has_no_audio_track(tmp_path: Path) -> None:
    """A video without sound is no failure, and no audio track is left."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=0.5, has_sound=False)
    assert read_media(clip, audio_stem=tmp_path / "audio").audio is None
    assert list(tmp_path.iterdir()) == [clip]


def test_sound_without_a_picture_is_a_recording(tmp_path: Path) -> None:
    """A post that is only sound is accepted and has no picture size."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=0.5, has_picture=False)
    facts = read_media(clip, audio_stem=tmp_path / "audio")
    assert (facts.extension, facts.content_type, facts.width, facts.height) == ("m4a", "audio/mp4", None, None)
    assert facts.audio == tmp_path / "audio.m4a"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.mp4", {}),  # its index is at the end, and is lost
        ("clip.mp4", {"movflags": "faststart"}),  # its index is at the start, and promises more than there is
        ("clip.mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("clip.mkv", {}),
    ],
)
def test_a_truncated_file_is_corrupt(tmp_path: Path, name: str, options: dict[str, str]) -> None:
    """A file whose second half is missing is noticed, even where all of its first half plays."""
    clip = make_clip(tmp_path / name, seconds=3, container_options=options)
    assert read_media(clip, audio_stem=tmp_path / "audio").duration_seconds == pytest.approx(3, abs=0.3)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    outcome, reason = outcome_of(clip)
    assert outcome is Outcome.CORRUPT
    assert "cut off" in reason or "cannot be read" in reason


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE html><html><body>Please wait</body></html>",
        "\ufeff\n  <html></html>",
        '{"error": "gone"}',
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/hostname\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile x\n",
        "Bitte anmelden, um das Video zu sehen. " + "\u00fc" * 300,
    ],
)
def test_text_in_place_of_a_video_is_no_video(tmp_path: Path, text: str) -> None:
    """Web pages, JSON and playlists are distinguished from broken videos, and a playlist's entries are not opened."""
    (tmp_path / "video.mp4").write_text(text)
    assert outcome_of(tmp_path / "video.mp4")[0] is Outcome.NOT_A_VIDEO


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"%PDF-1.7\n", b"PK\x03\x04"]
)
def test_a_picture_a_document_or_an_archive_is_no_video(tmp_path: Path, content: bytes) -> None:
    """A file that is complete but no video will be no video at the next try either."""
    (tmp_path / "video.mp4").write_bytes(content + bytes(500))
    assert outcome_of(tmp_path / "video.mp4")[0] is Outcome.NOT_A_VIDEO


@pytest.mark.parametrize("content", [b"", bytes(50_000), b"\x1a\x45" + bytes(500)])
def test_unrecognized_bytes_are_corrupt(tmp_path: Path, content: bytes) -> None:
    """Bytes in none of the formats that are opened are a broken video."""
    (tmp_path / "video.mp4").write_bytes(content)
    assert outcome_of(tmp_path / "video.mp4")[0] is Outcome.CORRUPT


def test_titles_in_any_encoding_do_no_harm(tmp_path: Path) -> None:
    """A file whose own title is not valid text is read like any other."""
    import av

    clip = make_clip(tmp_path / "clip.mkv", seconds=0.5)
    with av.open(str(clip)) as source, av.open(str(tmp_path / "titled.mkv"), "w") as output:
        output.metadata["title"] = "caf?"
        track = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = track
                output.mux(packet)
    titled = tmp_path / "titled.mkv"
    titled.write_bytes(titled.read_bytes().replace(b"caf?", b"caf\xe9"))
    assert read_media(titled, audio_stem=tmp_path / "audio").audio is None


@pytest.mark.parametrize(("language", "index"), [(None, 1), ("en", 1), ("de", 2), ("pt", 1)])
def test_the_language_that_is_expected_decides_between_equal_tracks(
    tmp_path: Path, language: str | None, index: int
) -> None:
    """All tracks are described with two-letter languages, and the one that is cut out is named."""
    import av
    from av.stream import Disposition

    file = tmp_path / "video.mkv"
    with av.open(str(make_clip(tmp_path / "clip.mp4", seconds=0.5))) as clip, av.open(str(file), "w") as output:
        picture = output.add_stream_from_template(clip.streams.video[0])
        tracks = [output.add_stream_from_template(clip.streams.audio[0]) for _ in range(2)]
        for track, name in zip(tracks, ("eng", "ger"), strict=True):
            track.metadata["language"] = name
            track.disposition = Disposition(0)
        for packet in clip.demux():
            if packet.dts is not None:
                for target in tracks if packet.stream.type == "audio" else [picture]:
                    packet.stream = target
                    output.mux(packet)
    facts = read_media(file, audio_stem=tmp_path / "audio", language=language)
    assert [(sound.index, sound.language) for sound in facts.sounds] == [(1, "en"), (2, "de")]
    assert facts.sound_index == index
