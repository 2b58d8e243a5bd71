"""The bucket as a media store that is misconfigured, gone or forbidden, or has no disk to download to."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.core.errors import ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.ports import Leftover, LeftoverKind, MediaStore
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.fakes.stores import digest_of_bytes
from tests.support.deadlines import HANG_SECONDS
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.s3_bench import LARGE, SMALL, Bench, make_store


def uses_of(store: MediaStore, key: str, directory: Path) -> dict[str, Callable[[], object]]:
    """Return every operation of a store that makes a request, as functions by name."""
    sources = {"small": directory / "small.mp4", "large": directory / "large.mp4"}
    sources["small"].write_bytes(SMALL)
    sources["large"].write_bytes(LARGE)
    url = store.url_of(key)
    now = datetime.now(UTC)
    leftover = Leftover(LeftoverKind.MULTIPART_UPLOAD, f"{url}#0123", now, None)

    def put(source: Path) -> object:
        return store.put(
            source,
            key,
            expected=digest_of_bytes(source.read_bytes()),
            content_type="video/mp4",
            tags={},
            may_replace=True,
            may_consume=False,
        )

    return {
        "put": lambda: put(sources["small"]),
        "put in parts": lambda: put(sources["large"]),
        "get": lambda: store.get(url, directory / "fetched" / "video.mp4", expected=digest_of_bytes(SMALL)),
        "open": lambda: store.open(url).read(),
        "head": lambda: store.head(url),
        "list": lambda: list(store.list()),
        "delete": lambda: store.delete(url),
        "leftovers": lambda: store.leftovers(begun_before=now + timedelta(days=1)),
        "remove_leftover": lambda: store.remove_leftover(leftover),
    }


@pytest.mark.parametrize("wrong", ["access_key", "secret_key"])
def test_wrong_credentials_are_reported_and_never_shown(seaweed: SeaweedServer, tmp_path: Path, wrong: str) -> None:
    """Wrong credentials are `access_denied` in every operation; the error says what to check and shows no secret."""
    store = make_store(seaweed, **{wrong: "wrong-but-still-a-secret"})

    for use in uses_of(store, "video.mp4", tmp_path).values():
        with pytest.raises(StoreError, match="S3_SECRET_KEY") as caught:
            use()
        assert caught.value.error_class is StoreErrorClass.ACCESS_DENIED
        assert not isinstance(caught.value, ObjectNotFoundError)
        assert "wrong-but-still-a-secret" not in str(caught.value)
        assert seaweed.secret_key not in str(caught.value)


@pytest.mark.parametrize("is_deleted", [False, True], ids=["never made", "deleted"])
def test_a_missing_bucket_names_its_setting(
    seaweed: SeaweedServer, s3_client: Any, tmp_path: Path, is_deleted: bool
) -> None:
    """A bucket that does not exist (any more) is a configuration error in each operation, never an absent object."""
    store = make_store(seaweed, bucket="no-such-bucket")
    uses = uses_of(store, "video.mp4", tmp_path)
    if is_deleted:
        s3_client.create_bucket(Bucket="no-such-bucket")
        uses["put"]()
        assert len(list(store.list())) == 1
        uses["delete"]()
        s3_client.delete_bucket(Bucket="no-such-bucket")

    for use in uses.values():
        with pytest.raises(StoreError, match=r"no-such-bucket.*S3_MEDIA_BUCKET") as caught:
            use()
        assert caught.value.error_class is StoreErrorClass.CONFIGURATION
        assert not isinstance(caught.value, ObjectNotFoundError)
    assert not (tmp_path / "fetched").exists()


REFUSED = [
    ("put", "PUT", "s3:PutObject"),
    ("put in parts", "POST", "s3:PutObject"),
    ("get", "GET", "s3:GetObject"),
    ("open", "GET", "s3:GetObject"),
    ("head", "HEAD", "s3:GetObject (and s3:ListBucket"),
    ("list", "GET", "s3:ListBucket"),
    ("delete", "DELETE", "s3:DeleteObject"),
    ("leftovers", "GET", "s3:ListBucketMultipartUploads"),
    ("remove_leftover", "DELETE", "s3:AbortMultipartUpload"),
]


@pytest.mark.parametrize(("name", "request_method", "permission"), REFUSED)
def test_a_refusal_names_the_missing_permission(bench: Bench, name: str, request_method: str, permission: str) -> None:
    """A forbidden operation is tried once, and the error names the permission that it needs."""
    if name in {"get", "open", "head"}:
        bench.put(SMALL)
    uses = uses_of(bench.store, bench.key, bench.directory)
    bench.proxy.break_next(Fault.DENIED, request_method)

    with pytest.raises(StoreError) as caught:
        uses[name]()

    assert caught.value.error_class is StoreErrorClass.ACCESS_DENIED
    assert f"needs {permission}" in str(caught.value)
    assert bench.proxy.faults == 1
    assert bench.fetched_files() == []


@pytest.mark.parametrize("name", ["put", "put in parts", "list", "leftovers"])
def test_a_wrong_clock_is_reported(bench: Bench, name: str) -> None:
    """When the server finds the request's time too far off, the error is about the clock and not about permissions."""
    bench.proxy.break_next(Fault.SKEWED, "GET", "PUT", "POST")

    with pytest.raises(StoreError, match=r"set this machine's clock") as caught:
        uses_of(bench.store, bench.key, bench.directory)[name]()

    assert caught.value.error_class is StoreErrorClass.ACCESS_DENIED
    assert "S3_SECRET_KEY" not in str(caught.value)


def test_an_unreachable_server_is_unavailable(seaweed: SeaweedServer, tmp_path: Path) -> None:
    """An endpoint where nothing listens is `unavailable`."""
    with FaultProxy(seaweed.endpoint) as proxy:
        endpoint = proxy.url
    store = make_store(seaweed, endpoint, max_attempts=1)

    for use in uses_of(store, "video.mp4", tmp_path).values():
        with pytest.raises(StoreError, match="S3_ENDPOINT") as caught:
            use()
        assert caught.value.error_class is StoreErrorClass.UNAVAILABLE


@pytest.mark.parametrize("changes", [{"bucket": "not a bucket"}, {"endpoint": "not-a-url"}])
def test_impossible_settings_are_reported(seaweed: SeaweedServer, tmp_path: Path, changes: dict[str, str]) -> None:
    """A bucket name or an endpoint that cannot exist is a configuration error."""
    store = make_store(seaweed, **changes)

    for use in uses_of(store, "video.mp4", tmp_path).values():
        with pytest.raises(StoreError, match=r"S3_ENDPOINT|S3_MEDIA_BUCKET") as caught:
            use()
        assert caught.value.error_class is StoreErrorClass.CONFIGURATION


def test_nothing_connects_before_the_first_use(seaweed: SeaweedServer) -> None:
    """Making a store and naming URLs needs no server."""
    store = make_store(seaweed, endpoint="not-a-url")

    assert store.url_of("a/b.mp4") == f"s3://{seaweed.bucket}/a/b.mp4"


# --- The disk that is downloaded to ---------------------------------------------------------------------------------

FETCHING = """
import os, resource, sys
from pathlib import Path
from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.errors import StoreError
from bookmarkai_assets.core.media.media import Digest

trouble, endpoint, bucket, access_key, secret_key, region, url, destination, size, sha256 = sys.argv[1:]
store = S3Store(bucket, region=region, endpoint=endpoint, access_key=access_key, secret_key=secret_key,
                use_path_style=True)
expected = Digest(int(size), sha256)
assert store.head(url).digest == expected
if trouble == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
elif os.geteuid() == 0:
    os.seteuid(65534)  # root may write anywhere
try:
    store.get(url, Path(destination), expected=expected)
except StoreError as error:
    print(error.error_class)
"""


@pytest.mark.parametrize(("trouble", "error_class"), [("full", "no_space"), ("read-only", "access_denied")])
def test_a_disk_that_takes_no_file_is_reported(
    bench: Bench, seaweed: SeaweedServer, trouble: str, error_class: str
) -> None:
    """A full disk and a directory that may not be written to are errors of their class, and stay as they were."""
    stored = bench.put(SMALL)
    directory = bench.directory / "fetched"
    directory.mkdir(mode=0o555 if trouble == "read-only" else 0o755)
    arguments = [trouble, bench.proxy.url, bench.bucket, seaweed.access_key, seaweed.secret_key, seaweed.region]
    arguments += [bench.url, str(directory / "video.mp4"), str(stored.digest.size_bytes), stored.digest.sha256]

    ended = subprocess.run(
        [sys.executable, "-c", FETCHING, *arguments], capture_output=True, text=True, timeout=HANG_SECONDS, check=True
    )

    assert ended.stdout.split() == [error_class]
    assert bench.fetched_files() == []
