"""A real S3 server for tests: SeaweedFS, one per worker, started when the first test asks for it."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.adapters.s3_store.client import Connection, connect
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.support.fault_proxy import FaultProxy
from tests.support.s3_bench import Bench, make_store

BUCKET = "media"


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedServer]:
    """Give the worker's server, with the bucket `media`."""
    with SeaweedServer(tmp_path_factory.mktemp("seaweed"), bucket=BUCKET) as server:
        yield server


@pytest.fixture
def object_prefix() -> str:
    """Give a key prefix of the test's own, ending in `/`: tests share the bucket, since each bucket takes a volume."""
    return f"{uuid.uuid4()}/"


@pytest.fixture(scope="session")
def s3_store(seaweed: SeaweedServer) -> S3Store:
    """Give a store over the server's bucket, for keys below `object_prefix`. It has no state but its connection."""
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
    """Give a plain boto3 client of the server, to look behind the store's back and to prepare what it will find."""
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
    """Give the worker's proxy before the server."""
    with FaultProxy(seaweed.endpoint) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def s3_store_behind_proxy(seaweed: SeaweedServer, s3_fault_proxy: FaultProxy) -> S3Store:
    """Give the worker's store by way of the proxy, with few attempts and small parts."""
    return make_store(seaweed, s3_fault_proxy.url)


@pytest.fixture
def bench(
    s3_fault_proxy: FaultProxy,
    s3_store_behind_proxy: S3Store,
    s3_client: Any,
    seaweed: SeaweedServer,
    object_prefix: str,
    tmp_path: Path,
) -> Iterator[Bench]:
    """Give a bench whose proxy passes everything, as long as the test does not break it."""
    s3_fault_proxy.pass_through()
    yield Bench(s3_fault_proxy, s3_store_behind_proxy, s3_client, seaweed.bucket, f"{object_prefix}video.mp4", tmp_path)
    s3_fault_proxy.pass_through()
