"""A real S3 server for tests: SeaweedFS, one per worker, started when the first test asks for it."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.adapters.s3_store.client import Connection, connect
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.support.deadlines import HANG_SECONDS
from tests.support.fault_proxy import FaultProxy
from tests.support.s3_bench import RANGE, Bench, make_store

BUCKET = "media"


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedServer]:
    """Return the worker's server, with the bucket `media`."""
    directory = tmp_path_factory.mktemp("seaweed")
    with SeaweedServer(directory, bucket=BUCKET, start_timeout_seconds=HANG_SECONDS) as server:
        yield server


@pytest.fixture
def object_prefix() -> str:
    """Return a key prefix of the test's own, ending in `/`. Tests share a bucket, because each takes a volume."""
    return f"{uuid.uuid4()}/"


@pytest.fixture(scope="session")
def s3_store(seaweed: SeaweedServer) -> S3Store:
    """Return a store over the server's bucket, for keys below `object_prefix`. Its only state is its connection."""
    return S3Store(
        seaweed.bucket,
        region=seaweed.region,
        endpoint=seaweed.endpoint,
        access_key=seaweed.access_key,
        secret_key=seaweed.secret_key,
        use_path_style=True,
    )


@pytest.fixture(scope="session")
def s3_client(seaweed: SeaweedServer) -> Any:
    """Return a plain boto3 client of the server, to bypass the store and to prepare what it will find."""
    return connect(
        Connection(
            region=seaweed.region,
            endpoint=seaweed.endpoint,
            access_key=seaweed.access_key,
            secret_key=seaweed.secret_key,
            use_path_style=True,
            max_attempts=3,
        )
    )


@pytest.fixture(scope="session")
def s3_fault_proxy(seaweed: SeaweedServer) -> Iterator[FaultProxy]:
    """Return the worker's proxy in front of the server."""
    with FaultProxy(seaweed.endpoint) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def s3_store_behind_proxy(seaweed: SeaweedServer, s3_fault_proxy: FaultProxy) -> S3Store:
    """Return the worker's store that uses the proxy, with few attempts and small parts."""
    return make_store(seaweed, s3_fault_proxy.url)


@pytest.fixture(scope="session")
def s3_ranged_store(seaweed: SeaweedServer, s3_fault_proxy: FaultProxy) -> S3Store:
    """Return the worker's store that uses the proxy and reads in small ranges."""
    return make_store(seaweed, s3_fault_proxy.url, part_bytes=RANGE)


@pytest.fixture
def bench(
    s3_fault_proxy: FaultProxy,
    s3_store_behind_proxy: S3Store,
    s3_ranged_store: S3Store,
    s3_client: Any,
    seaweed: SeaweedServer,
    object_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bench]:
    """Return a bench whose proxy passes everything until the test changes that."""
    # All tests of a worker share one client. By default it pauses up to a second before a retry, and allows itself no
    # more retries after a hundred.
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
    monkeypatch.setattr("botocore.retries.quota.RetryQuota.acquire", lambda *_: True)
    s3_fault_proxy.pass_through()
    yield Bench(
        proxy=s3_fault_proxy,
        store=s3_store_behind_proxy,
        ranged=s3_ranged_store,
        client=s3_client,
        bucket=seaweed.bucket,
        key=f"{object_prefix}video.mp4",
        directory=tmp_path,
    )
    s3_fault_proxy.pass_through()
