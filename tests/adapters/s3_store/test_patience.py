"""Servers that are silent or slow: a silent one is given up soon, a slow one is waited for, and anybody may end a wait.

The patience is short here. How long it is otherwise stands in the first test.
"""

import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.adapters.s3_store.client import CONNECT_TIMEOUT_SECONDS, MAX_ATTEMPTS
from bookmarkai_assets.adapters.s3_store.patience import DEFAULT_PATIENCE, Patience, RequestClock
from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.ports import ignore_bytes
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.fakes.stores import digest_of_bytes
from tests.support.deadlines import HANG_SECONDS
from tests.support.s3_bench import LARGE, PARTS, SMALL, make_store
from tests.support.slow_server import SlowServer, make_tls
from tests.support.stopped_server import resume, stop, stopped

SHORT = Patience(silent_seconds=0.4, request_seconds=0.6, poll_seconds=0.02)
FIRST_FAILURE_SECONDS = 45


class RolledBackError(Exception):
    """What the owner of a transfer raises to end it."""


def put(
    store: S3Store, directory: Path, data: bytes, key: str, on_bytes: Callable[[int], object] = ignore_bytes
) -> None:
    """Put the bytes under the key."""
    source = directory / "source.mp4"
    source.write_bytes(data)
    store.put(
        source,
        key,
        expected=digest_of_bytes(data),
        content_type="video/mp4",
        tags={},
        may_replace=True,
        may_consume=False,
        on_bytes=on_bytes,
    )


def store_at(url: str, **options: Any) -> S3Store:
    """Return a store at a server that is no real one."""
    connection: dict[str, Any] = {
        "region": "us-east-1",
        "endpoint": url,
        "access_key": "a",
        "secret_key": "b",
        "use_path_style": True,
        "patience": SHORT,
    }
    return S3Store("media", **(connection | options))


def test_the_first_failure_is_recorded_within_45_seconds() -> None:
    """A request, with the silent range of a download before it and the abort of an upload after it, takes no longer."""
    pauses = 1 + 2  # of botocore, at most, between three tries
    silence = DEFAULT_PATIENCE.silent_seconds + DEFAULT_PATIENCE.request_seconds
    assert silence + pauses <= FIRST_FAILURE_SECONDS
    pauses_of_refused_connections = sum(2**attempt for attempt in range(MAX_ATTEMPTS - 1))
    assert MAX_ATTEMPTS * CONNECT_TIMEOUT_SECONDS + pauses_of_refused_connections <= FIRST_FAILURE_SECONDS


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_a_stopped_server_fails_an_upload_as_silent(
    seaweed: SeaweedServer, object_prefix: str, tmp_path: Path, data: bytes
) -> None:
    """An upload to a server that takes connections and never answers ends as `timeout`, and works when it answers."""
    store = make_store(seaweed, patience=SHORT)
    key = f"{object_prefix}video.mp4"
    put(store, tmp_path, SMALL, f"{object_prefix}before.mp4")  # a connection that is kept
    with stopped(seaweed), pytest.raises(StoreError) as caught:
        put(store, tmp_path, data, key)
    assert caught.value.error_class is StoreErrorClass.TIMEOUT
    assert store.url_of(key) in str(caught.value)
    put(make_store(seaweed), tmp_path, data, key)


@pytest.mark.parametrize("name", ["get", "open", "head", "list"])
def test_a_stopped_server_fails_a_read_as_silent(
    seaweed: SeaweedServer, object_prefix: str, tmp_path: Path, name: str
) -> None:
    """So does each way to read."""
    store = make_store(seaweed, patience=SHORT)
    put(store, tmp_path, SMALL, f"{object_prefix}video.mp4")
    url = store.url_of(f"{object_prefix}video.mp4")
    uses: dict[str, Callable[[], object]] = {
        "get": lambda: store.get(url, tmp_path / "copy.mp4", expected=digest_of_bytes(SMALL)),
        "open": lambda: store.open(url).read(),
        "head": lambda: store.head(url),
        "list": lambda: list(store.list(object_prefix)),
    }
    with stopped(seaweed), pytest.raises(StoreError) as caught:
        uses[name]()
    assert caught.value.error_class is StoreErrorClass.TIMEOUT
    uses[name]()


def test_a_server_that_stops_in_the_middle_of_a_download_is_silent(
    seaweed: SeaweedServer, object_prefix: str, tmp_path: Path
) -> None:
    """What arrived is not tried for ever: the range is asked for once more, and then the download fails."""
    store = make_store(seaweed, patience=SHORT)
    data = os.urandom(8 << 20)
    put(store, tmp_path, data, f"{object_prefix}video.mp4")
    with stopped(seaweed):
        resume(seaweed)
        with store.open(store.url_of(f"{object_prefix}video.mp4")) as reader:
            assert reader.read(1000) == data[:1000]
            stop(seaweed)
            with pytest.raises(StoreError) as caught:
                reader.read()
    assert caught.value.error_class is StoreErrorClass.TIMEOUT
    assert not list(tmp_path.glob("copy*"))


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_a_wait_ends_when_its_owner_says_so(
    seaweed: SeaweedServer, object_prefix: str, tmp_path: Path, data: bytes
) -> None:
    """While an upload waits, its `on_bytes` is called with 0. What it raises ends the upload, with all its parts."""
    store = make_store(seaweed, patience=Patience(HANG_SECONDS, HANG_SECONDS, poll_seconds=0.02))
    asked: list[int] = []

    def end_after_some(size_bytes: int) -> None:
        asked.append(size_bytes)
        if len(asked) >= 3 * PARTS:
            raise RolledBackError

    begun = time.monotonic()
    with stopped(seaweed), pytest.raises(RolledBackError):
        put(store, tmp_path, data, f"{object_prefix}video.mp4", end_after_some)
    assert time.monotonic() - begun < HANG_SECONDS
    assert set(asked) == {0}


def test_a_slow_upload_ends_when_its_owner_says_so(tmp_path: Path) -> None:
    """Bytes that trickle keep an upload from waiting long. It is asked all the same, long before its part has gone."""
    asked: list[int] = []

    def end_at_the_third_question(size_bytes: int) -> None:
        asked.append(size_bytes)
        if len(asked) == 3:
            raise RolledBackError

    with SlowServer(step_seconds=0.05, read_bytes=1 << 14) as server, pytest.raises(RolledBackError):
        put(store_at(server.url, patience=DEFAULT_PATIENCE), tmp_path, bytes(12 << 20), "a", end_at_the_third_question)
    assert asked == [0, 0, 0]


def test_an_interrupt_ends_a_wait(seaweed: SeaweedServer, object_prefix: str, tmp_path: Path) -> None:
    """A process that is told to stop does not wait for a silent server."""
    store = make_store(seaweed, patience=Patience(HANG_SECONDS, HANG_SECONDS, poll_seconds=0.02))
    begun = time.monotonic()
    with stopped(seaweed), pytest.raises(StoreError) as caught:
        put(store, tmp_path, SMALL, f"{object_prefix}video.mp4", lambda _: store.interrupt())
    assert caught.value.error_class is StoreErrorClass.INTERRUPTED
    assert time.monotonic() - begun < HANG_SECONDS


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_a_slow_server_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_tls: bool) -> None:
    """A body that takes three times the patience arrives, because bytes move, on one connection."""
    tls = trusted_tls(tmp_path, monkeypatch) if is_tls else None
    with SlowServer(step_seconds=0.06, read_bytes=1 << 17, tls=tls) as server:
        client = store_at(server.url)._client()
        begun = time.monotonic()
        client.put_object(Bucket="media", Key="video.mp4", Body=bytes(4 << 20))
        assert time.monotonic() - begun > 3 * SHORT.request_seconds
        assert server.connections == 1


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_an_answer_that_trickles_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_tls: bool) -> None:
    """Each byte of an answer is a sign of life."""
    tls = trusted_tls(tmp_path, monkeypatch) if is_tls else None
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\nslow is fine"
    with SlowServer(answer=answer, step_seconds=0.1, tls=tls) as server:
        found = store_at(server.url)._client().get_object(Bucket="media", Key="a")
        assert found["Body"].read() == b"slow is fine"


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_a_silent_server_is_tried_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_tls: bool) -> None:
    """A second connection is tried, in case only the first one was lost, and then the patience is used up."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
    tls = trusted_tls(tmp_path, monkeypatch) if is_tls else None
    with SlowServer(is_silent=True, tls=tls) as server:
        with pytest.raises(StoreError) as caught:
            store_at(server.url).head("s3://media/video.mp4")
        assert caught.value.error_class is StoreErrorClass.TIMEOUT
        assert server.connections == 2


def trusted_tls(directory: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Make a server's context, and have botocore trust it."""
    tls, certificate = make_tls(directory)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    return tls


@given(
    steps=st.lists(st.tuples(st.sampled_from(["wait", "send", "drain", "hear", "try"]), st.integers(0, 5)), max_size=60)
)
def test_silence_is_bounded_and_progress_is_never_punished(steps: list[tuple[str, int]]) -> None:
    """A try ends only after its silent seconds, and all tries without progress end within the request's."""
    now = 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: now)
        clock = RequestClock(Patience(silent_seconds=15, request_seconds=25))
        assert clock.begin_try()
        unsent = 0
        moved_at, silent_in_tries = now, 0.0
        for what, amount in steps:
            match what:
                case "wait":
                    now += amount
                case "send":
                    clock.send(amount)
                    unsent += amount
                case "drain":
                    moved_at = now if min(unsent, amount) else moved_at
                    unsent -= min(unsent, amount)
                case "hear":
                    clock.hear()
                    moved_at, silent_in_tries = now, 0.0
                case _:
                    assert clock.begin_try() == (silent_in_tries < 25)
                    moved_at, unsent = now, 0
            if clock.is_over(unsent):
                assert now - moved_at >= min(15, 25 - silent_in_tries)
                silent_in_tries += now - moved_at
                moved_at, unsent = now, 0
                if not clock.begin_try():
                    assert silent_in_tries >= 25
                    return
            else:
                assert now - moved_at < 15
