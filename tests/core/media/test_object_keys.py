"""Object keys: one shape, repeatable, and parsed back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.media.kinds import TRANSCRIPT_CONTENT_TYPES, PartKind
from bookmarkai_assets.core.media.object_keys import audio_key, parse_key, transcript_key, video_key

URLS = st.text(min_size=1, max_size=60).map(lambda path: f"https://example.com/{path}")
TIMES = st.integers(946_684_800_000_000, 4_102_444_799_999_999).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
EXTENSIONS = st.from_regex(r"[a-z0-9]{1,5}", fullmatch=True).filter(
    lambda extension: extension not in TRANSCRIPT_CONTENT_TYPES
)


def test_a_key_has_the_documented_shape() -> None:
    """A key is prefix, zero-padded UTC date, 16 hex digits of the URL's SHA-256, epoch milliseconds and extension."""
    created = datetime(2026, 3, 5, 23, 30, 0, 120_999, tzinfo=timezone(timedelta(hours=-2)))
    key = video_key("temp/videos/", "https://example.com/v", created, "mp4")
    assert key == "temp/videos/2026/03/06/60992646ddbcf198_1772760600120.mp4"
    assert audio_key(key, "m4a") == "temp/videos/2026/03/06/60992646ddbcf198_1772760600120.audio.m4a"
    assert transcript_key(key, PartKind.SRT) == "temp/videos/2026/03/06/60992646ddbcf198_1772760600120.srt"


@given(URLS, TIMES, EXTENSIONS)
def test_a_key_reads_back_to_what_it_was_made_of(url: str, created: datetime, extension: str) -> None:
    """Keys of videos, audio tracks and transcripts' files round-trip, with the time to the millisecond."""
    key = video_key("a/b/", url, created, extension)
    parsed = parse_key(key)
    assert parsed is not None
    assert parsed.prefix == "a/b/"
    assert parsed.extension == extension
    assert parsed.kind == "video"
    assert timedelta(0) <= created - parsed.created_at < timedelta(milliseconds=1)
    sound = parse_key(audio_key(key, "m4a"))
    assert sound is not None
    assert sound.kind == "audio"
    assert sound.url_hash == parsed.url_hash
    for kind in TRANSCRIPT_CONTENT_TYPES:
        file = parse_key(transcript_key(key, kind))
        assert file is not None
        assert (file.kind, file.url_hash, file.created_at) == (kind, parsed.url_hash, parsed.created_at)


@given(URLS, TIMES)
def test_a_retry_writes_the_same_key(url: str, created: datetime) -> None:
    """The key depends only on the link and the share's creation, in whatever zone that is written."""
    elsewhere = created.astimezone(timezone(timedelta(hours=9)))
    assert video_key("p/", url, created, "mp4") == video_key("p/", url, elsewhere, "mp4")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "temp/videos/",
        "temp/videos/2026/3/5/60992646ddbcf198_1.mp4",
        "temp/videos/2026/03/07/60992646ddbcf198_1772760600120.mp4",
        "temp/videos/2026/03/06/../60992646ddbcf198_1772760600120.mp4",
        "temp/videos/2026/03/06/NOTHEX0000000000_1772760600120.mp4",
    ],
)
def test_a_foreign_name_is_not_parsed(key: str) -> None:
    """A name that video_key() would not write is not parsed as a key, including one with a wrong date."""
    assert parse_key(key) is None
