"""Links by which anybody may read an object of a bucket for a while."""

import logging
import time
import urllib.error
import urllib.request

import pytest

from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from tests.support.deadlines import HANG_SECONDS
from tests.support.s3_bench import SMALL, Bench

WEEK_SECONDS = 7 * 24 * 3600


def read(link: str) -> bytes:
    """Read a link as anybody would."""
    with urllib.request.urlopen(link, timeout=HANG_SECONDS) as answer:
        data = answer.read()
    assert isinstance(data, bytes)
    return data


def status_of(link: str) -> int:
    """Return the status with which the server answers a link."""
    try:
        read(link)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    return 200


def test_a_link_gives_the_object_to_anybody(bench: Bench) -> None:
    """A link works without credentials for its object alone, and a changed link is refused."""
    bench.put(SMALL)

    link = bench.store.presign(bench.url, expires_seconds=60)

    assert read(link) == SMALL
    assert status_of(link.replace("video.mp4", "other.mp4")) == 403
    assert status_of(link.replace("X-Amz-Expires=60", "X-Amz-Expires=600")) == 403
    assert status_of(link.partition("?")[0]) == 403


def test_a_link_ends(bench: Bench) -> None:
    """A link is refused when its time is over."""
    bench.put(SMALL)
    link = bench.store.presign(bench.url, expires_seconds=1)

    deadline = time.monotonic() + HANG_SECONDS
    while (status := status_of(link)) == 200 and time.monotonic() < deadline:
        time.sleep(0.1)

    assert status == 403


@pytest.mark.parametrize("expires_seconds", [-1, 0, WEEK_SECONDS + 1])
def test_a_link_lasts_no_longer_than_signatures_do(bench: Bench, expires_seconds: int) -> None:
    """A link that would not last a second, or longer than seven days, is a configuration error."""
    with pytest.raises(StoreError, match="7 days") as caught:
        bench.store.presign(bench.url, expires_seconds=expires_seconds)

    assert caught.value.error_class is StoreErrorClass.CONFIGURATION


@pytest.mark.parametrize("expires_seconds", [1, WEEK_SECONDS])
def test_making_a_link_makes_no_request(bench: Bench, expires_seconds: int) -> None:
    """A link is made without a request, also for an absent object, and then answers that it is absent."""
    link = bench.store.presign(bench.url, expires_seconds=expires_seconds)

    assert sum(bench.proxy.requests.values()) == 0
    assert f"X-Amz-Expires={expires_seconds}" in link
    if expires_seconds == WEEK_SECONDS:
        assert status_of(link) == 404


def test_a_link_is_never_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """No logger of this package has the link, whatever the level."""
    caplog.set_level(logging.DEBUG, logger="bookmarkai_assets")
    bench.put(SMALL)

    link = bench.store.presign(bench.url, expires_seconds=60)

    signature = link.rpartition("X-Amz-Signature=")[2]
    ours = [record for record in caplog.records if record.name.startswith("bookmarkai_assets")]
    assert signature not in " ".join(record.getMessage() for record in ours)
    assert signature not in repr(bench.store)


def test_a_link_on_amazon_is_signed_for_its_region() -> None:
    """A link into a bucket on Amazon S3 names the bucket's own host and region, and has a version 4 signature."""
    store = S3Store(
        "media-bucket",
        region="eu-central-1",
        endpoint=None,
        access_key="AKIDEXAMPLE",
        secret_key="secret",
        use_path_style=False,
    )

    link = store.presign("s3://media-bucket/temp/videos/a b.mp4", expires_seconds=900)

    assert link.startswith("https://media-bucket.s3.eu-central-1.amazonaws.com/temp/videos/a%20b.mp4?")
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link
    assert "%2Feu-central-1%2Fs3%2Faws4_request" in link
    assert "secret" not in link
