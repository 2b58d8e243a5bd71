"""An S3 server that enforces IAM policies, one per worker, started when the first test asks for it."""

from collections.abc import Iterator

import pytest

from tests.support.guarded_s3 import GuardedS3


@pytest.fixture(scope="session")
def guarded_s3() -> Iterator[GuardedS3]:
    """Give the worker's server."""
    with GuardedS3() as server:
        yield server
