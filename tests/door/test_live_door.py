"""A real `bookmarkai serve`: BookmarkAI's own curl lines, a token from the command, hostile bytes, and its end."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bookmarkai_assets.core.door.tokens import Scope
from tests.door.conftest import key_of
from tests.door.live_door import SERVE, LiveDoor, environment_of, live_door
from tests.support.deadlines import HANG_SECONDS

KEY = key_of("guide", Scope.OPERATE)
SHARES = "/api/v1/shares"
MAX_BODY_BYTES = 100_000

_JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[LiveDoor]:
    """Return one door for all tests of this file, which takes one token and slow bodies for a second."""
    directory = tmp_path_factory.mktemp("door")
    catalog = shutil.copy(sqlite_template, directory / "catalog.db")
    with live_door(
        directory,
        CATALOG_URL=f"sqlite:///{catalog}",
        DOOR_TOKENS=KEY.line,
        DOOR_BODY_SECONDS="1",
        DOOR_MAX_BODY_BYTES=str(MAX_BODY_BYTES),
    ) as door:
        yield door


def _request(
    method: str, path: str, *headers: str, host: str = "127.0.0.1", token: str | None = KEY.token, body: bytes = b""
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def ended(command: Sequence[str], directory: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command that is to end by itself, with these settings, and return how it did."""
    return subprocess.run(
        command,
        env=environment_of(settings),
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=4 * HANG_SECONDS,
    )


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def _problem(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    return str(json.loads(body)["type"]).rpartition(":")[2]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_guides_curl_line_works_as_it_stands(live: LiveDoor, host: str) -> None:
    """`curl -H "Authorization: Bearer …" http://localhost:…/api/v1/shares/metrics/ytdlp` answers with the metrics."""
    url = f"http://{host}:{live.port}/api/v1/shares/metrics/ytdlp"

    done = subprocess.run(
        ["curl", "-4", "--silent", "--fail", "-H", f"Authorization: Bearer {KEY.token}", url],  # noqa: S607
        capture_output=True,
        check=True,
        timeout=HANG_SECONDS,
    )

    answer = json.loads(done.stdout)
    assert answer["success"] is True
    assert answer["data"]["s3_uploads"] == 0


def test_a_share_comes_in_and_is_listed(live: LiveDoor) -> None:
    """A link that is posted to the process is in the list that it returns."""
    body = b'{"url": "https://youtu.be/jNQXAC9IVRw"}'

    posted = live.send(_request("POST", SHARES, _JSON, f"Content-Length: {len(body)}", body=body))
    listed = live.send(_request("GET", SHARES))

    assert _status(posted) == 201
    assert b"https://youtu.be/jNQXAC9IVRw" in listed


def test_the_log_has_neither_token_nor_query_nor_link(live: LiveDoor) -> None:
    """Each request has a line with its route and its id, and nothing else that the caller wrote."""
    live.send(_request("GET", f"{SHARES}?text=my-words", "X-Request-ID: my-request"))
    live.send(_request("GET", "/my-path", token="my-token"))
    live.send(_request("MYMETHOD", SHARES))

    log = live.log.read_text()
    assert "my-request GET /shares 200" in log
    assert not [secret for secret in ("my-words", "my-path", "my-token", "MYMETHOD", KEY.token) if secret in log]


_LINK = b'{"url": "https://youtu.be/jNQXAC9IVRw"}'

_RAW = {
    "two lengths": (
        _request("POST", SHARES, _JSON, "Content-Length: 4", f"Content-Length: {len(_LINK)}", body=_LINK),
        {400},
    ),
    "a length and chunks": (
        _request(
            "POST",
            SHARES,
            _JSON,
            "Content-Length: 4",
            "Transfer-Encoding: chunked",
            body=b"0\r\n\r\nGET / HTTP/1.1\r\n",
        ),
        {400, 422},
    ),
    "an odd transfer encoding": (
        _request("POST", SHARES, _JSON, "Transfer-Encoding: xchunked", body=_LINK),
        {400, 501},
    ),
    "two transfer encodings": (
        _request("POST", SHARES, _JSON, "Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=_LINK),
        {400, 501},
    ),
    "a negative length": (_request("POST", SHARES, _JSON, "Content-Length: -1", body=_LINK), {400}),
    "a length with a sign": (_request("POST", SHARES, _JSON, "Content-Length: +5", body=_LINK), {400}),
    "a length of 30 digits": (_request("POST", SHARES, _JSON, "Content-Length: " + "9" * 30, body=_LINK), {400, 413}),
    "a chunk of no length": (
        _request("POST", SHARES, _JSON, "Transfer-Encoding: chunked", body=b"zz\r\n\r\n"),
        {400},
    ),
    "two hosts": (_request("GET", SHARES, "Host: example.com"), {400}),
    "no host": (b"GET /api/v1/shares HTTP/1.1\r\nConnection: close\r\n\r\n", {400}),
    "another host": (_request("GET", SHARES, host="evil.example.com"), {400}),
    "a host with a user": (_request("GET", SHARES, host="127.0.0.1@evil.example.com"), {400}),
    "a folded header": (_request("GET", SHARES, "X-A: b\r\n c"), {200, 400}),
    "a blank before the colon": (_request("GET", SHARES, "Content-Length : 5"), {400}),
    "a NUL in a header": (_request("GET", SHARES, "X-A: a\0b"), {400}),
    "a bare line feed in a header": (_request("GET", SHARES, "X-A: a\nX-B: b"), {200, 400}),
    "a flood of headers": (_request("GET", SHARES, *[f"X-{n}: {'x' * 100}" for n in range(5000)]), {400, 431}),
    "one endless header": (_request("GET", SHARES, "X-A: " + "x" * 1_000_000), {400, 431}),
    "an endless path": (_request("GET", "/" + "x" * 1_000_000), {400, 414, 431}),
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n", {400}),
    "another version": (b"GET /nothing HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n", {400, 404, 505}),
    "the beginning of HTTP/2": (b"PRI * HTTP/2.0\r\nConnection: close\r\n\r\nSM\r\n\r\n", {400, 404, 505}),
    "an upgrade to a websocket": (
        _request("GET", SHARES, "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13"),
        {200, 400},
    ),
    "an absolute target": (_request("GET", "http://evil.example.com/api/v1/shares"), {400, 404}),
    "a tunnel": (_request("CONNECT", "evil.example.com:443"), {400, 404, 405}),
    "an unknown method": (_request("BREW", SHARES), {405}),
    "a path upwards": (_request("GET", "/api/v1/../../etc/passwd"), {404}),
    "an encoded path upwards": (_request("GET", "/api/v1/shares/%2e%2e%2f%2e%2e%2fetc%2fpasswd"), {404, 422}),
    "a path with a NUL": (_request("GET", "/api/v1/shares/%00"), {404, 422}),
    "a path that is no UTF-8": (_request("GET", "/api/v1/shares/%ff%fe"), {404, 422}),
    "two slashes": (_request("GET", "//api//v1//shares"), {404}),
}


@pytest.mark.parametrize(("request_bytes", "expected"), _RAW.values(), ids=_RAW.keys())
def test_hostile_bytes_are_refused_and_the_door_goes_on(
    live: LiveDoor, request_bytes: bytes, expected: set[int]
) -> None:
    """Whatever bytes come, the answer is one of a few and never an error of ours, and the next request is served."""
    answer = live.send(request_bytes)

    assert _status(answer) in expected
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"root:" not in answer
    assert _status(live.send(_request("GET", SHARES))) == 200


def test_a_huge_body_is_refused_before_it_has_come(live: LiveDoor) -> None:
    """A length above the limit is 413 at once, while nothing of the body was sent."""
    answer = live.send(_request("POST", SHARES, _JSON, f"Content-Length: {MAX_BODY_BYTES + 1}"))

    assert _status(answer) == 413
    assert _problem(answer) == "large-body"


def test_a_huge_body_without_a_length_is_refused_on_the_way(live: LiveDoor) -> None:
    """Chunks that add up to more than the limit are 413, however many would follow."""
    chunk = b"2710\r\n" + b" " * 10_000 + b"\r\n"

    answer = live.send(_request("POST", SHARES, _JSON, "Transfer-Encoding: chunked"), *[chunk] * 50)

    assert _status(answer) == 413


@pytest.mark.parametrize("length", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_given_up(live: LiveDoor, length: str) -> None:
    """A body of which only the beginning comes is 408 after DOOR_BODY_SECONDS, and the connection is closed."""
    answer = live.send(_request("POST", SHARES, _JSON, length), b'5\r\n{"url' if "chunked" in length else b'{"url"')

    assert _status(answer) == 408
    assert _problem(answer) == "slow-body"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_when_it_is_told_to(tmp_path: Path, sqlite_url: str, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end the process in order, without a traceback."""
    with live_door(tmp_path, CATALOG_URL=sqlite_url) as door:
        door.process.send_signal(number)

        assert door.process.wait(HANG_SECONDS) == (0 if number is signal.SIGINT else 128 + number)
        assert "Traceback" not in door.log.read_text()


@pytest.mark.parametrize(
    ("settings", "arguments"),
    [({"DOOR_HOST": "0.0.0.0"}, ()), ({}, ("--host", "0.0.0.0"))],  # noqa: S104 - refused
)
def test_without_a_token_it_refuses_to_listen_beyond_loopback(
    tmp_path: Path, sqlite_url: str, settings: dict[str, str], arguments: tuple[str, ...]
) -> None:
    """Without a token, an address that others can reach ends it with exit code 2 and says how to make one."""
    done = ended([*SERVE, "--port", "0", *arguments], tmp_path, CATALOG_URL=sqlite_url, **settings)

    assert done.returncode == 2
    assert "expected a token before the HTTP door listens on 0.0.0.0" in done.stderr
    assert "bookmarkai token new" in done.stderr


def test_a_port_that_is_taken_ends_it(live: LiveDoor, tmp_path: Path, sqlite_url: str) -> None:
    """If another program has the port, it ends with exit code 1 and says so."""
    done = ended([*SERVE, "--port", str(live.port)], tmp_path, CATALOG_URL=sqlite_url)

    assert done.returncode == 1
    assert "address already in use" in done.stderr


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, sqlite_url: str) -> None:
    """Without FastAPI it ends with exit code 1 and the command that installs it."""
    program = (
        "import sys\n"
        "sys.modules['fastapi'] = None\n"
        "sys.argv = ['bookmarkai', 'serve']\n"
        "from bookmarkai_assets.cli.main import run\n"
        "run()"
    )

    done = ended([sys.executable, "-c", program], tmp_path, CATALOG_URL=sqlite_url)

    assert done.returncode == 1
    assert "pip install 'bookmarkai-assets[door]'" in done.stderr
