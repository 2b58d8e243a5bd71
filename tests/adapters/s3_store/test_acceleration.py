"""S3 Transfer Acceleration: another name of the bucket, for all that is sent and read."""

from urllib.parse import urlsplit

import pytest

from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.storage import make_stores, make_uploads


@pytest.mark.parametrize(
    ("use_accelerate", "host"),
    [(True, "media.s3-accelerate.amazonaws.com"), (False, "media.s3.eu-central-1.amazonaws.com")],
)
def test_links_lead_to_the_edge(use_accelerate: bool, host: str) -> None:
    """Those to stored media and those for uploads, with `S3_USE_ACCELERATE`; to the region without it."""
    settings = load_settings(
        env_file=None,
        s3_media_bucket="media",
        aws_region="eu-central-1",
        s3_access_key="key",
        s3_secret_key="secret",
        s3_use_accelerate=use_accelerate,
    )
    link = make_stores(settings)[Backend.S3].presign("s3://media/temp/videos/a.mp4", expires_seconds=60)
    uploads = make_uploads(settings)
    assert uploads is not None
    assert (urlsplit(link).hostname, urlsplit(uploads.origin).hostname) == (host, host)
