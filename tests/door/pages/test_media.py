"""A share's page, and the video that it plays."""

import re
from http import HTTPStatus
from pathlib import Path

import pytest

from bookmarkai_assets.core.media.placement import Backend
from tests.support.door_pages import DAGSTER, HOST, SENTENCES, VIDEO, House, spoken_transcript


def test_a_page_has_the_player_the_lines_and_where_it_all_came_from(house: House) -> None:
    """It has the video, its subtitles, a link for each line, the language, the model, the reason and the partitions."""
    share = house.add_video(transcript=spoken_transcript(*SENTENCES))
    page = house.client().get(f"/shares/{share}")
    assert page.status_code == HTTPStatus.OK
    text = page.text
    assert f'src="/media/{share}"' in text
    assert f'src="/media/{share}/subtitles.vtt"' in text
    for number, sentence in enumerate(SENTENCES):
        assert f'href="/media/{share}#t={2 * number}" data-start="{2 * number}"' in text
        assert sentence in text
    for known in (
        "en 100%",
        "faster-whisper 1.2.1",
        "tiny.en",
        "hybrid at 0%",
        "is not below 0, so local",
        "put video",
    ):
        assert known in text, known
    for asset in ("raw_video", "stored_media", "transcript"):
        assert f'href="{DAGSTER}/assets/{asset}?view=partitions&amp;partition={share}"' in text


def test_a_reader_who_may_not_operate_does_not_see_how_the_files_came_there(house: House) -> None:
    """As by the API: no reason for the place, no transfer, no link into Dagster's UI, but the video all the same."""
    share = house.add_video(user_id=house.settings.door_user_id, transcript=spoken_transcript(*SENTENCES))
    token = house.add_token()
    client = house.client()
    client.post("/login", data={"token": token}, headers={"Origin": HOST})
    text = client.get(f"/shares/{share}").text
    for hidden in ("hybrid at", "put video", DAGSTER):
        assert hidden not in text, hidden
    assert f'src="/media/{share}"' in text
    assert "faster-whisper" in text


@pytest.mark.parametrize(
    ("asked", "status", "found", "content_range"),
    [
        (None, 200, VIDEO, None),
        ("bytes=0-", 206, VIDEO, "bytes 0-10239/10240"),
        ("bytes=100-199", 206, VIDEO[100:200], "bytes 100-199/10240"),
        ("bytes=-16", 206, VIDEO[-16:], "bytes 10224-10239/10240"),
        ("bytes=10000-99999", 206, VIDEO[10000:], "bytes 10000-10239/10240"),
        ("bytes=10240-", 416, None, "bytes */10240"),
        ("bytes=99999-100000", 416, None, "bytes */10240"),
    ],
)
def test_a_local_video_comes_by_ranges(
    house: House, asked: str | None, status: int, found: bytes | None, content_range: str | None
) -> None:
    """A range is served as asked for, and one outside the file says how long the file is."""
    share = house.add_video()
    answer = house.client().get(f"/media/{share}", headers={"Range": asked} if asked else {})
    assert answer.status_code == status
    assert answer.headers.get("content-range") == content_range
    if found is not None:
        assert answer.content == found
        assert answer.headers["content-length"] == str(len(found))
        assert answer.headers["accept-ranges"] == "bytes"


def test_a_range_of_a_file_that_has_changed_is_the_whole_file(house: House) -> None:
    """If-Range with the present tag gets the range, and with another tag the whole."""
    share = house.add_video()
    client = house.client()
    tag = client.head(f"/media/{share}").headers["etag"]
    assert tag == f'"{house.video_of(share).digest.sha256}"'
    for given, status in ((tag, 206), ('"another"', 200), (f"W/{tag}", 200)):
        answer = client.get(f"/media/{share}", headers={"Range": "bytes=0-9", "If-Range": given})
        assert answer.status_code == status, given


def test_a_head_of_a_video_has_its_size_and_no_bytes(house: House) -> None:
    """HEAD says what GET would send."""
    share = house.add_video()
    answer = house.client().head(f"/media/{share}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(VIDEO))


def test_a_video_is_served_as_a_video_and_nothing_else(house: House) -> None:
    """Its type is fixed, its name is the share's, and it may run nothing."""
    share = house.add_video(title='"; filename="evil.html')
    headers = house.client().get(f"/media/{share}").headers
    assert headers["content-type"] == "video/mp4"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"] == f'inline; filename="{share}.mp4"'
    assert "sandbox" in headers["content-security-policy"]


@pytest.mark.parametrize(
    "content_type", ["text/html", "image/svg+xml", "application/xhtml+xml", "video/mp4\r\nX: y", ""]
)
@pytest.mark.parametrize("backend", list(Backend))
def test_a_file_of_another_type_is_not_served(house: House, content_type: str, backend: Backend) -> None:
    """What could be a page is not played, wherever it is stored."""
    share = house.add_video(content_type=content_type, backend=backend)
    client = house.client()
    assert client.get(f"/media/{share}").status_code == HTTPStatus.NOT_FOUND
    assert "<video" not in client.get(f"/shares/{share}").text


def test_a_video_in_s3_is_a_redirect_to_a_link_that_ends_soon(house: House) -> None:
    """The link works for the video's length and 15 minutes, is in no page, and is not kept by a cache."""
    share = house.add_video(backend=Backend.S3, transcript=spoken_transcript(*SENTENCES))
    client = house.client()
    answer = client.get(f"/media/{share}", headers={"Range": "bytes=0-9"})
    assert answer.status_code == HTTPStatus.TEMPORARY_REDIRECT
    assert re.fullmatch(r"https://fake-bucket\.example/temp/.*\?expires=906&signature=fake", answer.headers["location"])
    assert answer.headers["cache-control"] == "no-store"
    page = client.get(f"/shares/{share}")
    assert "signature" not in page.text
    policy = page.headers["content-security-policy"]
    assert "media-src 'self' https://fake-bucket.example;" in policy


def test_a_local_video_is_played_from_this_door_alone(house: House) -> None:
    """The policy of its page names no other place."""
    share = house.add_video()
    policy = house.client().get(f"/shares/{share}").headers["content-security-policy"]
    assert "media-src 'self';" in policy


def test_a_file_that_is_gone_or_another_one_is_not_served(house: House) -> None:
    """Neither a file of another size than recorded nor an absent one is sent."""
    share = house.add_video()
    path = Path(house.video_of(share).url)
    client = house.client()
    path.write_bytes(b"shorter")
    assert client.get(f"/media/{share}").status_code == HTTPStatus.NOT_FOUND
    path.unlink()
    assert client.get(f"/media/{share}").status_code == HTTPStatus.NOT_FOUND


def test_a_link_in_the_place_of_a_file_is_not_followed(house: House, tmp_path: Path) -> None:
    """A symbolic link to a file of the same size outside the media is not sent."""
    share = house.add_video()
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * len(VIDEO))
    path = Path(house.video_of(share).url)
    path.unlink()
    path.symlink_to(secret)
    answer = house.client().get(f"/media/{share}")
    assert answer.status_code != HTTPStatus.OK
    assert b"sss" not in answer.content


def test_the_subtitles_are_webvtt(house: House) -> None:
    """They are served as such, and their text cannot be markup."""
    share = house.add_video(transcript=spoken_transcript("<script>alert(1)</script>"))
    answer = house.client().get(f"/media/{share}/subtitles.vtt")
    assert answer.headers["content-type"] == "text/vtt; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.text.startswith("WEBVTT")
    assert "<script>" not in answer.text


def test_without_a_transcript_there_are_no_subtitles(house: House) -> None:
    """The page names none, and asking for them finds none."""
    share = house.add_video()
    client = house.client()
    assert "<track" not in client.get(f"/shares/{share}").text
    assert client.get(f"/media/{share}/subtitles.vtt").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("path", ["/shares/{}", "/media/{}", "/media/{}/subtitles.vtt"])
@pytest.mark.parametrize(
    "share", ["00000000-0000-4000-8000-000000000000", "nonsense", "..%2f..%2fetc%2fpasswd", "%00", "'%20OR%201=1--"]
)
def test_an_unknown_share_is_not_found(house: House, path: str, share: str) -> None:
    """Whatever the id is, the answer is the same page."""
    answer = house.client().get(path.format(share))
    assert answer.status_code == HTTPStatus.NOT_FOUND
