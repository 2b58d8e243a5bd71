"""`GET /api/v1/shares`: filters, pages, and what is no filter."""

from datetime import datetime

import pytest
from starlette.testclient import TestClient

from bookmarkai_assets.core.door.tokens import Scope
from tests.door.conftest import OTHER_USER, USER, OpenDoor, key_of

SHARES = "/api/v1/shares"
LINKS = [f"https://youtu.be/{name * 11}" for name in "abcde"]


def _share(door: TestClient, *urls: str) -> None:
    door.post(SHARES, json={"urls": list(urls)})


def test_pages_have_every_share_once(door: TestClient) -> None:
    """Following `next` gives every share once, newest first, and ends."""
    _share(door, *LINKS)

    seen: list[str] = []
    cursor: str | None = None
    pages = 0
    while pages == 0 or cursor:
        page = door.get(SHARES, params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [share["url"] for share in page["shares"]]
        cursor, pages = page["next"], pages + 1

    assert pages == 3
    assert seen == LINKS[::-1]


def test_a_full_last_page_has_no_next(door: TestClient) -> None:
    """A page that ends with the last share says so, and no empty page follows."""
    _share(door, *LINKS[:2])

    assert door.get(SHARES, params={"limit": 2}).json()["next"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("platform=youtube", 2),
        ("platform=twitter", 1),
        ("platform=youtube&platform=x", 3),
        ("status=pending", 3),
        ("status=done&status=error", 0),
        ("outcome=blocked", 0),
        ("text=AAAA", 1),
        ("text=youtu&text=aaaa", 1),
        ("since=1h", 3),
        ("until=1h", 0),
        ("since=2020-01-31", 3),
        ("until=2020-01-31T12:00:00%2B01:00", 0),
    ],
)
def test_filters_are_those_of_the_command_line(door: TestClient, query: str, found: int) -> None:
    """Each filter of `bookmarkai shares list` restricts the list, and some may be repeated."""
    _share(door, LINKS[0], LINKS[1], "https://x.com/a/status/1")

    assert len(door.get(f"{SHARES}?{query}").json()["shares"]) == found


@pytest.mark.parametrize(
    "query",
    [
        "status=finished",
        "outcome=bad",
        "platform=myspace",
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=1",
        "since=yesterday",
        "since=2026-13-01",
        "until=9999-12-31T23:59:59-10:00",
        "text=",
        "text=" + "x" * 201,
        "&".join(["text=a"] * 11),
    ],
)
def test_what_is_no_filter_is_refused(door: TestClient, query: str) -> None:
    """A value that a filter does not have is 422, and never ignored."""
    answer = door.get(f"{SHARES}?{query}")

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_cursor_of_no_share_is_unknown(door: TestClient) -> None:
    """A cursor that no share has is 404."""
    answer = door.get(SHARES, params={"cursor": USER})

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:bookmarkai:problem:unknown-share"


def test_a_cursor_of_another_users_share_says_nothing(open_door: OpenDoor) -> None:
    """A cursor of another user's share is 404, as one of no share is."""
    keys = [key_of(name, Scope.READ, Scope.SHARE, user_id=user) for name, user in (("a", USER), ("b", OTHER_USER))]
    door = open_door(door_tokens=",".join(key.line for key in keys))
    other = door.post(SHARES, json={"url": LINKS[0]}, headers=keys[1].headers).json()["share"]["id"]

    answers = [door.get(SHARES, params={"cursor": one}, headers=keys[0].headers) for one in (other, USER)]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_moments_have_their_zone(door: TestClient) -> None:
    """Every moment in an answer names its zone."""
    _share(door, LINKS[0])

    [share] = door.get(SHARES).json()["shares"]

    assert datetime.fromisoformat(share["created_at"]).tzinfo is not None
