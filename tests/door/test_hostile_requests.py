"""Requests that mean harm, and what browsers are kept from: bodies, headers, hosts, origins, and answers."""

import logging
from collections.abc import Iterator
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from starlette.testclient import TestClient

from bookmarkai_assets.core.errors import BookmarkAIError
from bookmarkai_assets.door.doorway import Door
from bookmarkai_assets.door.headers import SECURITY_HEADERS
from tests.door.conftest import OpenDoor
from tests.support.deadlines import HANG_SECONDS

SHARES = "/api/v1/shares"
LINK = "https://youtu.be/jNQXAC9IVRw"
JSON = {"Content-Type": "application/json"}

_BODIES = {
    "no JSON": (b"{", 400),
    "nothing": (b"", 422),
    "no UTF-8": (b'{"url": "\xff\xfe"}', 400),
    "a deep list": (b"[" * 100_000, 400),
    "a deep object": (b'{"url":' * 50_000 + b"1" + b"}" * 50_000, 400),
    "an endless number": (b'{"url": ' + b"9" * 100_000 + b"}", 400),
    "not a number": (b'{"url": NaN}', 422),
    "half of a pair": (b'{"url": "https://example.com/\\ud800"}', 422),
    "a NUL": (b'{"url": "https://example.com/\\u0000"}', 422),
    "a line break": (b'{"url": "https://example.com/\\r\\nX-Injected: 1"}', 422),
    "text that runs backwards": ('{"url": "https://example.com/\u202egnp.exe"}'.encode(), 422),
    "a number": (b'{"url": 1}', 422),
    "true": (b'{"url": true}', 422),
    "an object": (b'{"url": {"$ne": null}}', 422),
    "a list of lists": (b'{"urls": [["https://example.com"]]}', 422),
    "a script": (b'{"url": "javascript:alert(1)"}', 422),
    "a file": (b'{"url": "file:///etc/passwd"}', 422),
    "cloud metadata": (b'{"url": "http://169.254.169.254/latest/meta-data/"}', 422),
    "this machine in decimal": (b'{"url": "http://2130706433/"}', 422),
    "this machine in IPv6": (b'{"url": "http://[::ffff:127.0.0.1]/"}', 422),
    "a private port": (b'{"url": "https://example.com:5432/"}', 422),
    "an unknown field": (b'{"url": "https://example.com/", "__proto__": {"admin": true}}', 422),
    "SQL as a user": (b'{"url": "https://example.com/", "user_id": "\' OR 1=1 --"}', 422),
}


@pytest.mark.parametrize("body", _BODIES.values(), ids=_BODIES.keys())
def test_a_hostile_body_is_a_problem(door: TestClient, body: tuple[bytes, int]) -> None:
    """A body that is no request is 400 or 422 with a problem, records nothing and is not repeated."""
    sent, status = body

    answer = door.post(SHARES, content=sent, headers=JSON)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert len(answer.content) < 2000
    assert not [word for word in ("alert", "passwd", "meta-data", "OR 1=1", "Injected") if word in answer.text]
    assert door.get(SHARES).json()["shares"] == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_form_is_no_request(door: TestClient, content_type: str) -> None:
    """What a page can send without asking the browser's leave, a form or a text, is not read as JSON."""
    headers = {"Content-Type": content_type} if content_type else {}

    answer = door.post(SHARES, content=b'{"url": "https://youtu.be/jNQXAC9IVRw"}', headers=headers)

    assert answer.status_code == 422
    assert door.get(SHARES).json()["shares"] == []


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "http://127.0.0.1:3000", "http://localhost"])
def test_another_sites_page_changes_nothing(door: TestClient, origin: str) -> None:
    """A POST with the origin of another page is 403, even though nothing asks for a token."""
    answer = door.post(SHARES, json={"url": LINK}, headers={"Origin": origin})

    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:bookmarkai:problem:foreign-origin"
    assert door.get(SHARES).json()["shares"] == []


def test_the_doors_own_pages_may_post(door: TestClient) -> None:
    """A POST with the door's own origin is served."""
    assert door.post(SHARES, json={"url": LINK}, headers={"Origin": "http://127.0.0.1"}).status_code == 201


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1.evil.example.com", "", "a b", "127.0.0.1:x", "[::1"])
def test_a_name_that_was_made_to_point_here_is_refused(door: TestClient, host: str) -> None:
    """A Host that the door is not known by is 400: DNS may have been changed to point it here."""
    answer = door.get(SHARES, headers={"Host": host})

    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:bookmarkai:problem:untrusted-host"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("api.example.com", 200),
        ("API.example.com:443", 200),
        ("a.b.example.org", 200),
        ("example.org", 400),
        ("eviexample.org", 400),
        ("[::1]:8080", 200),
        ("localhost:8080", 200),
    ],
)
def test_hosts_are_known_by_setting(open_door: OpenDoor, host: str, status: int) -> None:
    """The door is known by loopback's names and those of DOOR_ALLOWED_HOSTS, where *. stands for all below."""
    door = open_door(door_allowed_hosts="api.example.com, *.example.org")

    assert door.get(SHARES, headers={"Host": host}).status_code == status


def test_pages_of_an_allowed_origin_may_call(open_door: OpenDoor) -> None:
    """An origin of DOOR_CORS_ORIGINS passes its preflight and may read the answer; another's preflight is a problem."""
    door = open_door(door_cors_origins="https://app.example.com")
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}

    passed, method, other = (
        door.options(SHARES, headers={"Origin": origin, **wanted, **changes})
        for origin, changes in (
            ("https://app.example.com", {}),
            ("https://app.example.com", {"Access-Control-Request-Method": "PATCH"}),
            ("https://evil.example.com", {}),
        )
    )
    posted = door.post(SHARES, json={"url": LINK}, headers={"Origin": "https://app.example.com"})

    assert [answer.status_code for answer in (passed, method, other)] == [200, 400, 403]
    assert {answer.headers["Content-Type"] for answer in (method, other)} == {"application/problem+json"}
    assert posted.status_code == 201
    assert posted.headers["Access-Control-Allow-Origin"] == "https://app.example.com"


@pytest.mark.parametrize("path", [SHARES, "/nowhere", "/healthz", "/api/v1/openapi.json", f"{SHARES}/x"])
def test_every_answer_tells_browsers_to_be_careful(door: TestClient, path: str) -> None:
    """Good answers and problems alike have the security headers, and no server's name."""
    headers = door.get(path).headers

    assert {name: headers.get(name) for name in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
    assert "server" not in headers


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [
        ("abc-1.2_X", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("", False),
        ("ä", False),
    ],
)
def test_a_request_id_is_kept_only_if_it_is_well_formed(door: TestClient, given: str, is_kept: bool) -> None:
    """A caller's X-Request-ID comes back if it is short and plain; else the request gets one of the door's own."""
    answer = door.get("/nowhere", headers=[(b"X-Request-ID", given.encode())])

    assert (answer.headers["X-Request-ID"] == given) is is_kept
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", SHARES, "GET, POST"),
        ("BREW", SHARES, "GET, POST"),
        ("POST", "/healthz", "GET"),
        ("GET", f"{SHARES}/6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11/retry", "POST"),
    ],
)
def test_an_unknown_method_is_told_all_that_there_are(door: TestClient, method: str, path: str, allowed: str) -> None:
    """405 lists every method of the path, also those of its other routes."""
    answer = door.request(method, path)

    assert answer.status_code == 405
    assert answer.headers["Allow"] == allowed
    assert answer.json()["type"] == "urn:bookmarkai:problem:unknown-method"


@pytest.mark.parametrize("path", ["/api", "/api/v1", "/docs", "/redoc", "/openapi.json", f"{SHARES}/", "/.env"])
def test_a_path_that_is_not_there_is_a_problem(door: TestClient, path: str) -> None:
    """Any other path is 404, without a redirect to somewhere."""
    answer = door.get(path, follow_redirects=False)

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:bookmarkai:problem:unknown-path"


def test_an_unexpected_error_says_nothing_of_itself(open_door: OpenDoor, caplog: pytest.LogCaptureFixture) -> None:
    """An error that nobody expected is 500 with the id of its log entry, which has its place and not its words."""
    door = open_door()
    words = "my-secret-link"

    def broken(_door: Door) -> None:
        raise BookmarkAIError(words)

    door.app.add_api_route("/broken", broken)  # type: ignore[attr-defined]
    with caplog.at_level(logging.INFO, "bookmarkai.door"):
        answer = door.get("/broken")

    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:bookmarkai:problem:unexpected"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.json()["request_id"] in caplog.text
    assert "BookmarkAIError" in caplog.text
    assert "in broken" in caplog.text
    assert words not in caplog.text + answer.text


@pytest.fixture
def held_door(open_door: OpenDoor) -> Iterator[tuple[TestClient, Any]]:
    """Return a door for two requests at the same time, and a function that occupies it with two until the end."""
    door = open_door(door_concurrency=2)
    begun, is_over = Barrier(3), Event()

    def hold(_door: Door) -> None:
        begun.wait(HANG_SECONDS)
        is_over.wait(HANG_SECONDS)

    door.app.add_api_route("/hold", hold)  # type: ignore[attr-defined]
    threads = [Thread(target=door.get, args=["/hold"]) for _ in range(2)]

    def occupy() -> None:
        for thread in threads:
            thread.start()
        begun.wait(HANG_SECONDS)

    yield door, occupy
    is_over.set()
    for thread in threads:
        thread.join(HANG_SECONDS)


def test_too_many_requests_at_once_are_told_to_come_back(held_door: tuple[TestClient, Any]) -> None:
    """While as many requests are worked on as DOOR_CONCURRENCY allows, others are 503 at once, but not healthz."""
    door, occupy = held_door
    occupy()

    answer = door.get(SHARES)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["type"] == "urn:bookmarkai:problem:too-busy"
    assert door.get("/healthz").status_code == 200
