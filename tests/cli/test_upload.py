"""`bookmarkai upload`: files become shares, over a real S3 server, also after the command was killed in the middle."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.plugins.command_line import BookmarkAI

MEBIBYTE = 1 << 20
USER = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def upload(
    bookmarkai: BookmarkAI, seaweed: SeaweedServer, object_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> BookmarkAI:
    """Return the command with a bucket."""
    for name, value in {
        "S3_MEDIA_BUCKET": seaweed.bucket,
        "S3_ENDPOINT": seaweed.endpoint,
        "S3_ACCESS_KEY": seaweed.access_key,
        "S3_SECRET_KEY": seaweed.secret_key,
        "AWS_REGION": seaweed.region,
        "S3_USE_PATH_STYLE": "true",
        "S3_UPLOAD_PREFIX": f"uploads-{object_prefix}",
    }.items():
        monkeypatch.setenv(name, value)
    return bookmarkai


def test_files_become_shares(upload: BookmarkAI, sqlite_url: str, tmp_path: Path) -> None:
    """One line for each, with the share's id. Sent again, each is one share."""
    (tmp_path / "a.mp4").write_bytes(b"a video")
    (tmp_path / "b.mkv").write_bytes(os.urandom(17 * MEBIBYTE))

    ended = upload("upload", "a.mp4", "b.mkv", "--user", USER)

    assert (ended.code, ended.err) == (0, "")
    with open_catalog(sqlite_url) as catalog:
        shares = {share.title: share for share in catalog.shares.list()}
    assert {share.user_id for share in shares.values()} == {USER}
    lines = [line.split() for line in ended.out.splitlines()]
    assert [line[:3] for line in lines] == [
        ["uploaded", shares["a.mp4"].share_id, "a.mp4"],
        ["uploaded", shares["b.mkv"].share_id, "b.mkv"],
    ]
    again = upload("upload", "a.mp4", "--user", USER)
    assert (again.code, again.out.split()) == (0, ["known", shares["a.mp4"].share_id, "a.mp4", "nothing", "to", "send"])


def test_json_has_every_file(upload: BookmarkAI, tmp_path: Path) -> None:
    """Also one that is refused. The exit code says that there is one."""
    (tmp_path / "a.mp4").write_bytes(b"a video")
    (tmp_path / "empty.mp4").write_bytes(b"")
    ended = upload("upload", "empty.mp4", "a.mp4", "--json")
    refused, good = ended.json
    assert ended.code == 1
    assert (refused["outcome"], refused["share_id"]) == ("refused", None)
    assert "at least one byte" in refused["detail"]
    assert (good["outcome"], good["size_bytes"], good["sent_bytes"]) == ("uploaded", 7, 7)
    assert good["share_id"]
    assert good["upload_id"]


def test_wrong_use_is_told_before_anything_is_sent(upload: BookmarkAI) -> None:
    """A file that is not there, and a user that is no UUID."""
    assert upload("upload", "nothing.mp4").code == 2
    assert upload("upload", "--user", "nobody", __file__).code == 2
    assert upload("upload").code == 2


def test_without_a_bucket_the_setting_is_named(bookmarkai: BookmarkAI) -> None:
    """The command needs one."""
    ended = bookmarkai("upload", __file__)
    assert ended.code == 1
    assert "set S3_MEDIA_BUCKET" in ended.err


def test_a_bucket_that_does_not_answer_fails_each_file(
    upload: BookmarkAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason, and the other files are tried."""
    monkeypatch.setenv("S3_MEDIA_BUCKET", "no-such-bucket")
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    ended = upload("upload", "a.mp4", "b.mp4", "--json")
    assert ended.code == 1
    assert [one["outcome"] for one in ended.json] == ["failed", "failed"]
    assert "expected a bucket named no-such-bucket" in ended.json[0]["detail"]


def test_a_killed_upload_goes_on(upload: BookmarkAI, sqlite_url: str, tmp_path: Path) -> None:
    """After kill -9 the same command sends only what is not there, and the share is one."""
    file = tmp_path / "large.mp4"
    file.write_bytes(os.urandom(2 * 16 * MEBIBYTE + 5))
    with subprocess.Popen(
        [sys.executable, "-c", _SLOW, "upload", "--workers", "1", str(file)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as slow:
        assert slow.stdout is not None
        assert slow.stdout.readline() == b"two parts\n"
        slow.kill()

    ended = upload("upload", str(file), "--json")

    [sent] = ended.json
    assert (ended.code, sent["outcome"]) == (0, "uploaded")
    assert sent["sent_bytes"] == 5
    with open_catalog(sqlite_url) as catalog:
        assert catalog.shares.count() == 1


_SLOW = """
import threading
from bookmarkai_assets.adapters.s3_store.uploads import S3Uploads
from bookmarkai_assets.cli.main import run

send = S3Uploads.send_part
sent = []

def send_and_stop(self, *arguments):
    if len(sent) == 2:
        print("two parts", flush=True)
        threading.Event().wait()
    sent.append(send(self, *arguments))
    return sent[-1]

S3Uploads.send_part = send_and_stop
run()
"""
"""The command, which hangs after two parts."""
