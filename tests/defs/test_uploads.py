"""Uploads over the production graph: a share without a link goes through the three assets, and its object goes."""

from datetime import UTC, datetime

import pytest

from bookmarkai_assets.operations.uploads.arrivals import take_in
from tests.fakes.speech import speech_bytes
from tests.fakes.stores import FakeObject
from tests.fakes.uploads import FakeUploads
from tests.plugins.pipeline import USER, Pipeline
from tests.support.uploads import DATA, new_upload

OTHER_USER = "22222222-2222-4222-8222-222222222222"


def send(pipeline: Pipeline, data: bytes = DATA, *, user_id: str = USER, name: str = "holiday.mp4") -> tuple[str, str]:
    """Upload a file and have it taken in. Return its object's URL and its share's id."""
    upload = new_upload(DATA, user_id=user_id, name=name, created_at=datetime.now(UTC))
    pipeline.catalog.uploads.add(upload)
    url = pipeline.s3.url_of(upload.key)
    pipeline.s3.objects[url] = FakeObject(data, "video/mp4")
    bucket = FakeUploads()
    bucket.arrive(upload, data)
    share_id = take_in(pipeline.catalog, bucket, upload.upload_id, now=datetime.now(UTC)).share_id
    assert share_id is not None
    return url, share_id


@pytest.mark.parametrize("mode", ["local", "s3"])
def test_an_upload_becomes_a_transcript(pipeline: Pipeline, mode: str) -> None:
    """It is stored where the mode says, and what was sent is removed at once, with a tombstone."""
    pipeline.configure(
        storage_mode=mode, s3_media_bucket="media", aws_region="eu-central-1", s3_access_key="a", s3_secret_key="b"
    )
    pipeline.downloader.serve_file(DATA, audio=speech_bytes("This is my holiday"))
    url, share = send(pipeline)

    [run] = pipeline.tick_and_run()

    assert run.success
    report = pipeline.report(share)
    assert (report["status"], report["outcome"], report["title"]) == ("done", "done", "holiday.mp4")
    assert report["transcript"]["text"] == "This is my holiday"
    assert report["media"]["url"].startswith("s3://" if mode == "s3" else str(pipeline.media_dir))
    assert url not in pipeline.s3.objects
    assert [(gone["url"], gone["kind"], gone["reason"]) for gone in report["deletions"]] == [(url, "upload", "stored")]
    shown = pipeline.metadata("raw_video", share)
    assert (shown["title"], shown["extractor"], shown["platform"]) == ("holiday.mp4", "upload", "generic")
    assert not any((pipeline.media_dir / ".staging").iterdir())


def test_the_same_file_in_one_batch_is_one_media(pipeline: Pipeline) -> None:
    """Two users who upload it at the same time each get their share, and it is examined and transcribed once."""
    pipeline.downloader.serve_file(DATA, audio=speech_bytes("This is my holiday"))
    shares = [send(pipeline)[1], send(pipeline, user_id=OTHER_USER, name="Urlaub.mp4")[1]]

    pipeline.tick_and_run()
    pipeline.tick_and_run()

    reports = [pipeline.report(share) for share in shares]
    assert [report["status"] for report in reports] == ["done", "done"]
    assert [report["title"] for report in reports] == ["holiday.mp4", "Urlaub.mp4"]
    assert reports[0]["media"]["url"] == reports[1]["media"]["url"]
    assert len(pipeline.downloader.examined) == 1
    assert len(pipeline.catalog.media.page(limit=9)) == 1


def test_a_bad_upload_fails_alone(pipeline: Pipeline) -> None:
    """One whose bytes were replaced stops none of the shares beside it."""
    pipeline.downloader.serve_file(DATA, audio=speech_bytes("This is my holiday"))
    _, bad = send(pipeline, b"x" * len(DATA))
    [good] = pipeline.share("pasta")

    pipeline.tick_and_run()

    assert pipeline.report(good)["status"] == "done"
    failed = pipeline.report(bad)
    assert (failed["status"], failed["outcome"], failed["media"]) == ("error", "upload_unusable", None)
