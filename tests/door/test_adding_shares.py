"""`POST /api/v1/shares`: one link or several, again, refused, and with a key."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.core.door.tokens import Scope
from tests.door.conftest import OTHER_USER, USER, OpenDoor, key_of

SHARES = "/api/v1/shares"
LINK = "https://youtu.be/jNQXAC9IVRw"
OTHER_LINK = "https://youtu.be/dQw4w9WgXcQ"


def test_a_new_link_becomes_a_pending_share(door: TestClient) -> None:
    """A new link is answered with 201, the share, and where it can be looked at."""
    answer = door.post(SHARES, json={"url": LINK})

    share = answer.json()["share"]
    assert answer.status_code == 201
    assert answer.json()["new"] is True
    assert (share["url"], share["platform"], share["status"], share["attempts"]) == (LINK, "youtube", "pending", 0)
    assert answer.headers["Location"] == f"{SHARES}/{share['id']}"


def test_a_known_link_stays_one_share(door: TestClient) -> None:
    """The same link again is answered with 200 and the first share."""
    first = door.post(SHARES, json={"url": LINK}).json()["share"]

    again = door.post(SHARES, json={"url": LINK})

    assert again.status_code == 200
    assert again.json() == {"new": False, "reopened": False, "share": first}


def test_a_refused_link_is_a_problem_that_does_not_repeat_it(door: TestClient) -> None:
    """A link that may not be fetched is answered with 422 and why, without what was sent."""
    answer = door.post(SHARES, json={"url": "http://user:hunter2@127.0.0.1/secret-path"})

    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:bookmarkai:problem:refused-link"
    assert "user name or password" in answer.json()["detail"]
    assert "hunter2" not in answer.text
    assert "secret-path" not in answer.text


def test_several_links_are_answered_one_by_one(door: TestClient) -> None:
    """Each of several links has its own result in their order, and a refused one stops none."""
    door.post(SHARES, json={"url": LINK})

    answer = door.post(SHARES, json={"urls": [LINK, "http://169.254.169.254/", OTHER_LINK]})

    results = answer.json()["results"]
    assert answer.status_code == 200
    assert [(one["index"], one["status"], one["new"]) for one in results] == [
        (0, 200, False),
        (1, 422, None),
        (2, 201, True),
    ]
    assert [one["share"]["url"] for one in results if one["share"]] == [LINK, OTHER_LINK]
    assert "not a public address" in results[1]["refused"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": LINK, "urls": [LINK]},
        {"urls": []},
        {"urls": [LINK] * 101},
        {"url": ["x"]},
        {"url": LINK, "other": 1},
        {"url": "https://example.com/" + "x" * 2048},
        {"url": LINK, "user_id": "nobody"},
        [],
        "x",
        None,
    ],
)
def test_a_body_of_another_form_is_refused(door: TestClient, body: Any) -> None:
    """A body with neither or both of url and urls, too many links, or anything else is 422 and says where."""
    answer = door.post(SHARES, json=body)

    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:bookmarkai:problem:invalid-request"
    assert all(fault["at"].startswith("/body") for fault in answer.json()["errors"])


def test_a_key_makes_a_request_safe_to_send_again(door: TestClient) -> None:
    """The same request with the same key makes one share, and the answer to the second names it."""
    key = {"Idempotency-Key": "k1"}

    first, second = (door.post(SHARES, json={"urls": [LINK, OTHER_LINK]}, headers=key) for _ in range(2))

    assert [one["status"] for one in first.json()["results"]] == [201, 201]
    assert [one["status"] for one in second.json()["results"]] == [200, 200]
    assert [one["share"]["id"] for one in first.json()["results"]] == [
        one["share"]["id"] for one in second.json()["results"]
    ]


def test_a_key_belongs_to_one_request(door: TestClient) -> None:
    """A key that comes again with another link is refused with 422, and nothing is recorded."""
    key = {"Idempotency-Key": "k1"}
    door.post(SHARES, json={"url": LINK}, headers=key)

    answer = door.post(SHARES, json={"url": OTHER_LINK}, headers=key)

    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:bookmarkai:problem:idempotency-key-reused"
    assert len(door.get(SHARES).json()["shares"]) == 1


def test_callers_choose_their_keys_alone(open_door: OpenDoor) -> None:
    """The same key of two callers, or of one for two users, is two keys."""
    keys = [key_of(name, Scope.OPERATE) for name in ("first", "second")]
    door = open_door(door_tokens=",".join(key.line for key in keys))

    answers = [
        door.post(
            SHARES, json={"url": f"{LINK}&n={n}", "user_id": user}, headers={**key.headers, "Idempotency-Key": "1"}
        )
        for n, (key, user) in enumerate([(keys[0], USER), (keys[1], USER), (keys[0], OTHER_USER)])
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 201]


@pytest.mark.parametrize("key", [b"", b"a b", "\u00e4".encode(), b"x" * 201])
def test_a_key_is_printable_and_short(door: TestClient, key: bytes) -> None:
    """A key is 1 to 200 printable characters of ASCII."""
    assert door.post(SHARES, json={"url": LINK}, headers=[(b"Idempotency-Key", key)]).status_code == 422


def test_twenty_posts_at_once_with_one_key_make_one_share(open_door: OpenDoor, each_catalog_url: str) -> None:
    """Of 20 posts at the same time with one key, one makes the share and all name it, on both databases."""
    door = open_door(catalog_url=each_catalog_url)

    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda _: door.post(SHARES, json={"url": LINK}, headers={"Idempotency-Key": "k"}), range(20))
        )

    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["share"]["id"] for answer in answers}) == 1
    with open_catalog(each_catalog_url) as catalog:
        assert catalog.shares.count() == 1


def test_twenty_posts_at_once_with_one_key_and_many_links_make_one_share(
    open_door: OpenDoor, each_catalog_url: str
) -> None:
    """Of 20 posts at the same time with one key and a link each, one is taken and 19 are refused, on both databases."""
    door = open_door(catalog_url=each_catalog_url)

    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(
                lambda n: door.post(SHARES, json={"url": f"{LINK}?n={n}"}, headers={"Idempotency-Key": "k"}), range(20)
            )
        )

    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 19
    with open_catalog(each_catalog_url) as catalog:
        assert catalog.shares.count() == 1


def test_a_key_keeps_nothing_that_says_what_it_was(door: TestClient, sqlite_url: str) -> None:
    """What is kept of a key is a digest that fits the gateway's column."""
    door.post(SHARES, json={"url": LINK}, headers={"Idempotency-Key": "my-secret-key"})

    with open_catalog(sqlite_url) as catalog, catalog.database.reading() as connection:
        [kept] = connection.exec_driver_sql("SELECT idempotency_key FROM shares").scalars()
    assert kept.startswith("door:")
    assert len(kept) == 69
    assert "secret" not in kept
