"""An S3 server that enforces IAM policies, one per worker, started when the first test asks for it."""

from collections.abc import Iterator

import pytest

from tests.support.guarded_s3 import GuardedS3


@pytest.fixture(scope="session")
def guarded_server() -> Iterator[GuardedS3]:
    """Return the worker's server, which does not enforce anything yet."""
    with GuardedS3() as server:
        yield server


@pytest.fixture
def guarded_s3(guarded_server: GuardedS3) -> Iterator[GuardedS3]:
    """Return the worker's server, with a bucket and with policies that it enforces for this test alone."""
    with guarded_server.enforcing():
        yield guarded_server
